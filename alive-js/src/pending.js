/**
 * What shows that a method runs: `ws-loading[.class|.attr|.hide][.delay.<ms>]`, for some methods with `ws-target`; and
 * `ws-optimistic`, which shows at once what the answer is going to.
 */
import { closest } from "./elements.js";
import { cover, dress, lay, layer, onTakingOff, reveal } from "./overlay.js";
import { LATE } from "./protocol.js";
import { read } from "./watching.js";

const { alive } = window;

/** Attributes, and after how many milliseconds they show. @type {Map<Attr, number>} */
const loadings = new Map();

read((attribute, kind, _, ms) => {
  if (kind === "loading") loadings.set(attribute, ms("delay", LATE) || LATE);
});

layer(() => {
  for (const [attribute, delay] of loadings) {
    const element = attribute.ownerElement;
    if (!element?.isConnected) loadings.delete(attribute);
    const methods = element?.getAttribute("ws-target")?.split(/[\s,]+/);
    const runs = (/** @type {any} */ { 3: call, age }) => age >= delay && (!methods || methods.includes(call.split("(")[0].trim()));
    if (element && alive.around(element)?.queue.some(runs)) reveal(attribute);
  }
});

/** @param {any} element  @param {string} hint such as `toggle:done` or `remove @li` */
const foresee = (element, hint) => {
  const [, verb, text = "", selector] = /** @type {string[]} */ (/^\s*(\w+)(?::(.*?))?(?:\s@(\S+))?\s*$/s.exec(hint) ?? []);
  const target = selector ? closest.call(element, selector) : element;
  if (!target) return;
  if (verb === "remove") cover(target, "hidden", "");
  else if (verb !== "text") dress(target, text, verb === "class" || undefined);
  else {
    const nodes = [...target.childNodes];
    onTakingOff(() => target.replaceChildren(...nodes));
    target.textContent = text;
  }
};

layer(() => {
  for (const { queue } of alive.components.values())
    for (const { hinted } of /** @type {any[]} */ (queue))
      hinted?.getAttribute("ws-optimistic")?.split("|").forEach((/** @type {string} */ hint) => foresee(hinted, hint));
});

const { enqueue, fire } = alive;

alive.enqueue = (...args) => {
  const event = /** @type {any} */ (enqueue(...args));
  for (const ms of new Set(loadings.values()))
    setTimeout(() => {
      event.age = ms;
      lay();
    }, ms);
  return event;
};

alive.fire = (element, event, ...args) => {
  const sent = /** @type {any} */ (fire(element, event, ...args));
  if (sent) {
    sent.hinted = event.submitter ?? element;
    lay();
  }
  return sent;
};
