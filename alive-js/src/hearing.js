/** Every event and modifier: `ws-<event>[.<key>…][.<modifier>[.<ms>]]…="method(1, 'two')"`. */
import { flush, later } from "./pause.js";
import { HELD, MODIFIERS, PAUSE, PAUSES } from "./protocol.js";
import { origin } from "./target.js";
import { read } from "./watching.js";

const { alive } = window;

/**
 * @typedef {object} Heard what an attribute's name says
 * @property {string} type
 * @property {Set<string>} has its modifiers
 * @property {string[]} keys any of them
 * @property {Map<string, number>} ms
 *
 * @typedef {any} Listened an Attr, which outlives every morph, and with it until when it is deaf
 */

/** @type {Map<string, Heard>} */
const parsed = new Map();

/** @param {string} name  @returns {Heard} */
const parse = (name) => {
  const [type, ...parts] = name.slice(3).split(".");
  /** @type {Heard} */
  const heard = { type, has: new Set(), keys: [], ms: new Map() };
  parts.forEach((part, index) => {
    if (PAUSES.includes(part)) heard.ms.set(part, +parts[index + 1] || PAUSE);
    else if (MODIFIERS.includes(part)) heard.has.add(part);
    else if (!(+part && PAUSES.includes(parts[index - 1]))) heard.keys.push(part);
  });
  parsed.set(name, heard);
  return heard;
};

/** @param {string} name */
const heardBy = (name) => parsed.get(name) ?? parse(name);

/** Whether the keys that are down are those that the attribute names. @param {Heard} heard  @param {any} event */
const fits = ({ has, keys }, event) => {
  const key = event.key?.toLowerCase().replace(" ", "space");
  return (!keys[0] || keys.includes(key) || keys.includes(key?.replace("arrow", ""))) && HELD.every((name) => !has.has(name) || event[name + "Key"]);
};

/** @param {any} event  @param {any} element  @param {Listened} attribute  @param {Heard} heard */
const trigger = (event, element, attribute, heard) => {
  const { has, ms } = heard;
  if (has.has("self") && event.target !== element) return;
  if (event.isComposing || !fits(heard, event)) return;
  const { type } = event;
  // A button with a call of its own does not send its form.
  if (has.has("prevent") || type === "submit" || (type === "click" && element.type === "submit" && element.contains(event.target)))
    event.preventDefault();
  if (has.has("stop")) event.stopPropagation();
  if (event.timeStamp < attribute.deaf) return;
  const question = element.getAttribute("ws-confirm") ?? event.submitter?.getAttribute("ws-confirm");
  if (question !== null && question !== undefined && !confirm(question)) return event.preventDefault();
  attribute.deaf = has.has("once") ? Infinity : event.timeStamp + (ms.get("throttle") ?? 0);

  const call = () => alive.fire(element, event, attribute.value, { key: event.key, ...origin(element, event) });
  const pause = ms.get("debounce");
  if (pause) later(attribute, pause, call);
  else call();
};

/** Those that hear what happens elsewhere: in the window, in the document, outside of themselves. @type {Set<Listened>} */
const afar = new Set();
const AFAR = ["window", "document", "outside"];

/** @param {any} event  @param {boolean} capturing  @param {boolean} passive */
const hear = (event, capturing, passive) => {
  const type = event.type.replace("compositionend", "input");
  const path = event.composedPath();
  const mine = (/** @type {Heard} */ { type: own, has }) =>
    own === type && has.has("passive") === passive && (has.has("capture") || !event.bubbles) === capturing;
  for (const element of capturing ? path.toReversed() : path)
    for (const attribute of element.attributes ?? []) {
      if (event.cancelBubble) return;
      const heard = attribute.name.startsWith("ws-") && heardBy(attribute.name);
      // What does not bubble is the target's own affair.
      if (heard && mine(heard) && (event.bubbles || element === event.target) && !AFAR.some((name) => heard.has.has(name)))
        trigger(event, element, attribute, heard);
      if (attribute.name === "ws-cancel" && type === "click" && !capturing && !passive) cancel(element);
    }
  for (const attribute of afar) {
    const element = attribute.ownerElement;
    const heard = heardBy(attribute.name);
    if (!element?.isConnected) afar.delete(attribute);
    else if (mine(heard) && !(heard.has.has("outside") && path.includes(element))) trigger(event, element, attribute, heard);
  }
};

/** Ends the running method of the component around. @param {Element} element */
const cancel = (element) => {
  const component = alive.around(element);
  if (component) alive.socket?.send(JSON.stringify(["cancel", component.id]));
};

// The core has its own listeners for these, where they bubble.
const bubbling = new Set(["click", "input", "change", "submit"].map((type) => type + false));
alive.hear = (event) => hear(event, false, false);

const capturing = new Set();

read((attribute) => {
  const { type, has } = heardBy(attribute.name);
  if (AFAR.some((name) => has.has(name))) afar.add(attribute);
  const passive = has.has("passive");
  const once = (/** @type {Set<string>} */ known, /** @type {boolean} */ capture) => {
    if (known.has(type + passive)) return;
    known.add(type + passive);
    // At the window both kinds are heard there: what does not bubble, when capturing.
    window.addEventListener(type, (event) => (capture || event.bubbles) && hear(event, capture, passive), { capture, passive });
  };
  once(bubbling, false);
  once(capturing, true);
});

const { enqueue } = alive;
alive.enqueue = (...args) => {
  flush();
  return enqueue(...args);
};
