/** From the browser's event to a call: `ws-<event>[.<key>][.<modifier>[.<ms>]]="method(1, 'two')"`. */
import { componentOf, enqueue } from "./component.js";
import { STATE } from "./protocol.js";

const EVENTS = ["click", "input", "change", "submit", "keydown", "keyup", "compositionend"];
const MODIFIER = /^(prevent|stop|once|debounce|throttle)$/;
const DELAY = 300;

/** What the parts of an attribute's name say. @param {string[]} parts */
export const parse = (parts) => {
  const first = parts.findIndex((part) => MODIFIER.test(part));
  const has = (/** @type {string} */ modifier) => parts.includes(modifier, first);
  return {
    keys: first < 0 ? parts : parts.slice(0, first),
    has,
    /** @param {string} modifier  @returns {number} */
    ms: (modifier) => (has(modifier) ? +parts[parts.indexOf(modifier) + 1] || DELAY : 0),
  };
};

/** `ArrowUp` is `up`, and a space has a name. @param {string} key */
export const keyName = (key) => (key === " " ? "space" : key.toLowerCase().replace("arrow", ""));

/** Calls that wait for a pause in typing. @type {Map<Attr, { timer: any, call: () => void }>} */
const waiting = new Map();

/**
 * Until when an attribute is deaf. The Attr lives as long as its element, whatever a morph writes.
 * @type {WeakMap<Attr, number>}
 */
const deaf = new WeakMap();

/** What is sent along with a call. @param {any} element  @param {any} event  @param {string} type */
export const data = (element, event, type) => {
  const control = type === "click" ? element : event.target;
  const form = type === "submit" ? control : control.form;
  return {
    value: typeof control.value !== "string" || control.matches("button:not([value])") ? undefined : valueOf(control),
    form: form
      ? [...new FormData(form, event.submitter)].filter(([, value]) => typeof value === "string")
      : undefined,
    key: event.key,
  };
};

/** @param {any} control */
const valueOf = (control) =>
  /^(checkbox|radio)$/.test(control.type)
    ? control.checked
    : control.type === "select-multiple"
      ? [...control.selectedOptions].map((option) => option.value)
      : control.value;

/** @param {any} event  @param {string} type  @param {Element} element  @param {Attr} attribute */
const trigger = (event, type, element, attribute) => {
  const [name, ...parts] = attribute.name.split(".");
  const root = element.closest(`[${STATE}]`);
  if (name !== "ws-" + type || !root) return;
  const { keys, has, ms } = parse(parts);
  if (keys[0] && !keys.some((key) => keyName(key) === keyName(event.key ?? ""))) return;
  if (has("prevent") || type === "submit") event.preventDefault();
  if (has("stop")) event.stopPropagation();
  if (event.timeStamp < (deaf.get(attribute) ?? 0)) return;
  deaf.set(attribute, has("once") ? Infinity : event.timeStamp + ms("throttle"));

  // What waits goes first, so that nothing overtakes it; but this very call is put off again.
  for (const [other, { timer, call }] of waiting) {
    clearTimeout(timer);
    waiting.delete(other);
    if (other !== attribute) call();
  }
  const component = componentOf(root);
  const call = () => {
    waiting.delete(attribute);
    enqueue(component, attribute.value, data(element, event, type), type === "submit" ? event.submitter : null);
  };
  const pause = ms("debounce");
  if (pause) waiting.set(attribute, { timer: setTimeout(call, pause), call });
  else call();
};

export const listen = () => {
  for (const heard of EVENTS)
    document.addEventListener(heard, (/** @type {any} */ event) => {
      if (event.isComposing) return;
      // Chromium's last input event of a composition still belongs to it.
      const type = heard === "compositionend" ? "input" : heard;
      for (let element = event.target; element?.attributes && !event.cancelBubble; element = element.parentNode)
        for (const attribute of [...element.attributes]) trigger(event, type, element, attribute);
    });
};
