/** `ws-model="field"`: what the person enters becomes a field of the component, if that is declared with `bind`. */
import { later } from "./pause.js";
import { PAUSE } from "./protocol.js";

const { alive } = window;

/** @param {any} control @param {string} name of the attribute  @returns {unknown} */
const valueOf = (control, name) => {
  const { type, value } = control;
  if (control.isContentEditable) return control.innerText;
  if (type === "select-multiple") return [...control.selectedOptions].map((option) => option.value);
  if (type === "checkbox") {
    // Several for one field are a list of those that are checked.
    const { root } = /** @type {any} */ (alive.around(control));
    const group = [...root.querySelectorAll(`[${CSS.escape(name)}="${CSS.escape(control.getAttribute(name))}"]`)];
    return group[1] ? group.filter((each) => each.checked).map((each) => each.value) : control.checked;
  }
  const text = /\.trim\b/.test(name) ? value.trim() : value;
  return !/\.number\b/.test(name) ? text : text === "" || isNaN(text) ? (text === "" ? null : text) : +text;
};

/** @param {string} name of the attribute  @param {any} control  the kind of event that it waits for */
const awaited = (name, control) =>
  /\.blur\b/.test(name) ? "focusout" : /\.lazy\b/.test(name) || /^(checkbox|radio|select.*|file)$/.test(control.type) ? "change" : "input";

/** @param {any} event */
const hear = (event) => {
  const control = event.composedPath()[0];
  for (const { name, value: field } of control.attributes ?? []) {
    if (!/^ws-model(\.|$)/.test(name) || event.isComposing) continue;
    if (awaited(name, control) !== event.type.replace("compositionend", "input")) continue;
    const component = alive.around(control);
    const go = () => component && alive.enqueue(component, "", { fields: { [field]: valueOf(control, name) } });
    const ms = +(/\.debounce\.(\d+)/.exec(name)?.[1] ?? (event.type === "change" || event.type === "focusout" ? 0 : PAUSE));
    if (ms) later(control, ms, go);
    else go();
  }
};

for (const type of ["input", "change", "focusout", "compositionend"]) document.addEventListener(type, hear);
