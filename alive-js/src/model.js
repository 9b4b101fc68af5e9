/** `ws-model="field"`: what the person enters becomes a field of the component, if that is declared with `bind`. */
import { listen } from "./hearing.js";
import { later } from "./pause.js";
import { PAUSE } from "./protocol.js";
import { origin } from "./target.js";
import { read } from "./watching.js";

const { alive } = window;

read((attribute, kind, parts, ms) => {
  if (kind !== "model") return;
  const { name, ownerElement: control } = /** @type {any} */ (attribute);
  const { type } = control;
  const has = (/** @type {string} */ word) => parts.includes(word);

  const entered = () => {
    if (control.isContentEditable) return control.innerText;
    if (type === "select-multiple") return [...control.selectedOptions].map((option) => option.value);
    // Boxes with values are a list of those that are checked.
    if (type === "checkbox" && control.hasAttribute("value")) {
      const component = alive.around(control);
      const boxes = /** @type {any[]} */ ([...(component?.root.querySelectorAll(`[${CSS.escape(name)}="${CSS.escape(attribute.value)}"]:checked`) ?? [])]);
      return boxes.filter((box) => alive.around(box) === component).map((box) => box.value);
    }
    if (type === "checkbox") return control.checked;
    const text = has("trim") ? control.value.trim() : control.value;
    // Beyond that it would be another number to the server.
    return has("number") && text.trim() && Math.abs(text) < 2 ** 53 ? +text : text;
  };

  /** @param {any} event */
  const heard = (event) => {
    const go = () =>
      alive.fire(control, event, "", { ...origin(control, event), value: undefined, form: undefined, fields: { [attribute.value]: entered() } });
    const pause = ms("debounce", PAUSE);
    if (pause) later(attribute, pause, go);
    else go();
  };

  const lazy = has("lazy") || /^(checkbox|radio|select|file)/.test(type);
  listen(attribute, has("blur") || (lazy && control.isContentEditable) ? "blur" : lazy ? "change" : "input", heard);
});
