/** Forms on their way: one submit at a time, `ws-disable-with` meanwhile, and which fields the person has left. */
import { clean } from "./dirty.js";
import { cover, lay, layer, onTakingOff } from "./overlay.js";
import { watch } from "./watching.js";

const { alive } = window;
const SAYING = "ws-disable-with";

/** The names of fields that the person has left, by their form. @type {WeakMap<any, Set<string>>} */
const left = new WeakMap();
/** Forms that were sent. @type {Set<HTMLFormElement>} */
const sent = new Set();

/** @param {Element} form */
const waits = (form) => alive.around(form)?.queue.some((/** @type {any} */ event) => event.form === form);

const { fire } = alive;

alive.fire = (element, event, call, more) => {
  const submits = event.type === "submit";
  const clicked = event.type === "click";
  const form = submits ? event.target : (clicked ? element : event.target).form;
  // Enter in a field presses a button of the form: not while that is on its way.
  if (form && waits(form) && (submits || (clicked && !event.detail && element !== document.activeElement))) return;
  const made = /** @type {any} */ (fire(element, event, call, { left: left.has(form) ? [.../** @type {any} */ (left.get(form))] : undefined, ...more }));
  if (made) {
    // Told once: the draft knows it from then on, and one that takes its place has nothing of it.
    if (made[4].form) left.delete(form);
    // Enter may press a button that nobody sees.
    made.button = submits ? [event.submitter, ...form.querySelectorAll("button:not([ws-click])")].find((each) => each?.hasAttribute(SAYING)) : element;
    if (submits) sent.add((made.form = form));
    lay();
  }
  return made;
};

layer(() => {
  for (const { queue } of alive.components.values())
    for (const { button } of /** @type {any[]} */ (queue)) {
      const text = button?.getAttribute(SAYING);
      if (!text) continue;
      const nodes = [...button.childNodes];
      onTakingOff(() => button.replaceChildren(...nodes));
      button.textContent = text;
      cover(button, "disabled", "");
    }
});

document.addEventListener("alive:updated", () => {
  for (const form of sent)
    if (!waits(form)) {
      sent.delete(form);
      form.querySelector("[aria-invalid=true]") || clean(form);
    }
});

document.addEventListener(
  "focusout",
  ({ target }) => {
    const { form, name } = /** @type {any} */ (target);
    if (form) left.set(form, (left.get(form) ?? new Set()).add(name));
  },
  true,
);

// What the server has put in for browsers without JavaScript.
watch("input[name^=_asok-]", (input) => input.remove());
