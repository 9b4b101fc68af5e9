/** From the browser's event to a call, for attributes without modifiers; the module `features` hears all others, too. */
import { OWNER, SLOT } from "./protocol.js";
import { componentOf } from "./component.js";
import { alive, components } from "./page.js";

export const EVENTS = ["click", "input", "change", "submit", "compositionend"];

/** The content of a slot belongs to whoever wrote it; what has left the page, to nobody. @param {Element} element */
alive.around = (element) => {
  const root = element.closest(OWNER);
  return root && (components.get(/** @type {string} */ (root.getAttribute(SLOT))) ?? componentOf(root));
};

/** Calls a method of the component around an element, with what the event says; members that are undefined do not go. */
alive.fire = (element, event, call, more) => {
  const component = alive.around(element);
  const clicked = event.type === "click";
  const control = clicked ? element : event.target;
  const form = event.type === "submit" ? control : control.form;
  const { value, type } = control;
  const data = {
    // A text has `at`, which tells it from the number that is the value of an <li>, and from files.
    value:
      !value?.at || (clicked && !value)
        ? undefined
        : /checkbox|radio/.test(type)
          ? control.checked
          : /multiple/.test(type)
            ? [...control.selectedOptions].map((option) => option.value)
            : value,
    form: form ? [...new FormData(form, event.submitter)].filter(([, text]) => /** @type {any} */ (text).at) : undefined,
    ...more,
  };
  return component && alive.enqueue(component, call, data, event.submitter);
};

/** @param {any} event */
export const hear = (event) => {
  if (event.isComposing) return;
  for (const element of event.composedPath()) {
    // Chromium's last input event of a composition still belongs to it, so its end counts as input.
    const call = element.getAttribute?.("ws-" + event.type.replace("compositionend", "input"));
    if (call) {
      // A button with a call of its own does not send its form.
      if (/submit|image/.test(element.type + event.type)) event.preventDefault();
      alive.fire(element, event, call);
    }
  }
};
