/** From the browser's event to a call: `ws-<event>[.<key>][.<modifier>[.<ms>]]="method(1, 'two')"`. */
import { componentOf, enqueue } from "./component.js";
import { alive } from "./page.js";
import { PAUSE, STATE } from "./protocol.js";

export const EVENTS = ["click", "input", "change", "submit", "keydown", "keyup", "compositionend"];

/** What follows the event's name when it is no key; to a test, nothing at all is the text "undefined". */
const KEYLESS = /^(undefined|prevent|stop|once|debounce|throttle)$/;

/**
 * The call that waits for a pause in typing; called, it goes, unless its own attribute has been triggered again.
 * @type {((other?: Attr) => void) | null}
 */
let waiting;
/** @type {ReturnType<typeof setTimeout>} */
let timer;

/** What goes along with a call; members that are undefined do not. @param {any} element  @param {any} event */
export const payload = (element, event) => {
  const clicked = event.type === "click";
  const control = clicked ? element : event.target;
  const form = event.type === "submit" ? control : control.form;
  const { value, type } = control;
  return {
    value:
      typeof value !== "string" || (clicked && !value)
        ? undefined
        : /checkbox|radio/.test(type)
          ? control.checked
          : type === "select-multiple"
            ? [...control.selectedOptions].map((option) => option.value)
            : value,
    form: form ? [...new FormData(form, event.submitter)].filter((entry) => typeof entry[1] === "string") : undefined,
    key: event.key,
    ...alive.more?.(element, event),
  };
};

/** @param {any} event  @param {Element} element  @param {any} attribute  @param {string[]} parts of its name */
const trigger = (event, element, attribute, parts) => {
  const root = element.closest(`[${STATE}]`);
  // Chromium's last input event of a composition still belongs to it, so its end counts as input.
  const type = event.type.replace("compositionend", "input");
  if (!root || parts[0] !== "ws-" + type || event.isComposing || event.cancelBubble) return;

  const has = (/** @type {string} */ modifier) => parts.includes(modifier);
  const ms = (/** @type {string} */ modifier) => has(modifier) && (+parts[parts.indexOf(modifier) + 1] || PAUSE);
  const key = event.key?.toLowerCase().replace(" ", "space");
  if (!KEYLESS.test(parts[1]) && !has(key) && !has(key?.replace("arrow", ""))) return;
  if (has("prevent") || type === "submit") event.preventDefault();
  if (has("stop")) event.stopPropagation();
  // The Attr object outlives every morph, and with it until when it is deaf.
  if (event.timeStamp < attribute.deaf) return;
  attribute.deaf = has("once") ? Infinity : event.timeStamp + ms("throttle");

  // What waits goes first, so that nothing overtakes it; but the same call is put off again.
  waiting?.(attribute);
  const pause = ms("debounce");
  /** @param {Attr} [other] */
  const call = (other) => {
    clearTimeout(timer);
    waiting = null;
    if (other !== attribute) enqueue(componentOf(root), attribute.value, payload(element, event), event.submitter);
  };
  if (pause) timer = setTimeout((waiting = call), pause);
  else call();
};

/** @param {Event} event */
export const hear = (event) => {
  for (const element of /** @type {Element[]} */ (event.composedPath()))
    for (const attribute of element.attributes ?? []) trigger(event, element, attribute, attribute.name.split("."));
};
