/** Forms on their way: one submit at a time, `ws-disable-with`, which fields were left, and what is too long to go. */
import { clean } from "./dirty.js";
import { LONGEST } from "./protocol.js";
import { watch } from "./watching.js";

const { alive } = window;

/** The fields of each form that the person has left. @type {WeakMap<Element, Set<string>>} */
const left = new WeakMap();
/** What is on its way of each form, and the button that reads otherwise meanwhile. @type {Map<any, { event: any, button: any, text: string, nodes: ChildNode[] }>} */
const sent = new Map();

/** @param {Element} form */
const waits = (form) => alive.around(form)?.queue.includes(sent.get(form)?.event);

/** Nothing goes that the server would not read, since the connection would end. @param {any} form */
const tooLong = (form) => {
  const texts = [...form.elements].map((control) => control.value?.length ?? 0);
  const control = form.elements[texts.indexOf(Math.max(...texts))];
  const long = new Blob([JSON.stringify([...new FormData(form)])]).size > LONGEST - 2048;
  control?.setCustomValidity(long ? "This is too long to be sent. Please shorten it." : "");
  if (long) {
    control.reportValidity();
    control.dispatchEvent(new CustomEvent("alive:error", { bubbles: true, detail: { code: "too_big" } }));
    control.addEventListener("input", () => control.setCustomValidity(""), { once: true });
  }
  return long;
};

const { fire } = alive;

alive.fire = (element, event, call, more) => {
  const submits = event.type === "submit";
  const form = submits ? event.target : (event.type === "click" ? element : event.target).form;
  if (form && ((submits && waits(form)) || tooLong(form))) return;
  const made = fire(element, event, call, { left: left.has(form) ? [.../** @type {any} */ (left.get(form))] : undefined, ...more });
  const mark = "[ws-disable-with]";
  const button = element.matches(mark) ? element : submits && (event.submitter?.matches(mark) ? event.submitter : form.querySelector(mark + ":not([ws-click])"));
  if (made && (submits || button)) {
    sent.set(submits ? form : button, { event: made, button, text: button && button.getAttribute("ws-disable-with"), nodes: [...(button ? button.childNodes : [])] });
    show();
  }
  return made;
};

const show = () => {
  for (const [element, { button, text, nodes }] of sent) {
    const waiting = waits(element);
    if (button) {
      if (waiting) button.textContent = text;
      else if (button.textContent === text) button.replaceChildren(...nodes);
      button.toggleAttribute("disabled", waiting);
    }
    if (waiting) continue;
    sent.delete(element);
    if (element.elements && !element.querySelector("[aria-invalid=true]")) clean(element);
  }
};

document.addEventListener("alive:updated", show);
document.addEventListener("focusout", ({ target }) => {
  const { form, name } = /** @type {any} */ (target);
  if (form) left.set(form, (left.get(form) ?? new Set()).add(name));
});
// What the server has put in for browsers without JavaScript.
watch("input[name^=_asok-]", (input) => input.remove());
