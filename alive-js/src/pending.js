/**
 * What shows that a method runs: `ws-loading[.class|.attr|.hide][.delay.<ms>]`, for some methods with `ws-target`; and
 * `ws-optimistic`, which shows at once what the answer will bring, and takes it back before the answer is shown.
 */
import { LATE } from "./protocol.js";
import { all } from "./watching.js";

const { alive } = window;

/**
 * @typedef {import("./component.js").Component} Component
 * @typedef {import("./component.js").Event & { begun?: number, undo?: (() => void)[] }} Event
 */

const loadings = all("loading");
/** @type {Map<Attr, () => void>} what takes it back */
const shown = new Map();

/** @param {Attr} attribute */
const delayOf = ({ name }) => +(/\.delay\.(\d+)/.exec(name)?.[1] ?? LATE);

/** @param {any} element  @param {string} name  @param {string} value  @returns {() => void} what takes it back */
export const show = (element, name, value) => {
  if (/\.class\b/.test(name)) {
    const added = value.split(/\s+/).filter((each) => !element.classList.contains(each));
    element.classList.add(...added);
    return () => element.classList.remove(...added);
  }
  const attribute = /\.attr\b/.test(name) ? value : "hidden";
  const before = element.getAttribute(attribute);
  if (attribute !== value && !/\.hide\b/.test(name)) element.removeAttribute(attribute);
  else element.setAttribute(attribute, "");
  return () => (before === null ? element.removeAttribute(attribute) : element.setAttribute(attribute, before));
};

/** @param {Attr} attribute  whether it is to be shown now */
const waits = (attribute) => {
  const element = /** @type {Element} */ (attribute.ownerElement);
  const targets = element.getAttribute("ws-target")?.split(/[\s,]+/);
  const queue = /** @type {Event[]} */ (alive.around(element)?.queue ?? []);
  return queue.some(
    ({ 3: call, begun = 0 }) => Date.now() - begun >= delayOf(attribute) && (!targets || targets.includes(call.split("(")[0].trim())),
  );
};

/** What a morph has put back is shown anew. */
const refresh = () => {
  for (const [attribute, hide] of shown) {
    hide();
    shown.delete(attribute);
  }
  for (const attribute of loadings())
    if (waits(attribute)) shown.set(attribute, show(/** @type {Element} */ (attribute.ownerElement), attribute.name, attribute.value));
};

document.addEventListener("alive:updated", refresh);

/** @param {any} element  @param {string} hint such as `class:done@li`  @returns {() => void} */
const foresee = (element, hint) => {
  const [, verb, text = "", around] = /** @type {string[]} */ (/^\s*(\w+)(?::(.*?))?(?:@(.+))?$/s.exec(hint));
  const target = around ? element.closest(around) : element;
  const { hidden, className, childNodes } = target;
  const nodes = [...childNodes];
  if (verb === "remove") target.hidden = true;
  else if (verb === "text") target.textContent = text;
  else target.classList[verb === "toggle" ? "toggle" : "add"](text);
  return () => {
    target.hidden = hidden;
    if (verb === "text") target.replaceChildren(...nodes);
    else target.className = className;
  };
};

const { fire, receive, enqueue } = alive;

alive.enqueue = (component, ...args) => {
  const event = /** @type {Event} */ (enqueue(component, ...args));
  event.begun = Date.now();
  for (const ms of new Set(loadings().map(delayOf))) setTimeout(refresh, ms);
  return event;
};

alive.fire = (element, event, ...args) => {
  const sent = /** @type {Event | undefined} */ (fire(element, event, ...args));
  const hint = (event.submitter ?? element).getAttribute("ws-optimistic");
  if (sent && hint) sent.undo = hint.split("|").map((/** @type {string} */ each) => foresee(element, each));
  return sent;
};

alive.receive = (kind, id, seq, ...args) => {
  // Before the answer is shown, everything is as it was.
  if (kind === "update") for (const event of alive.components.get(id)?.queue ?? []) if (event[2] <= seq) /** @type {Event} */ (event).undo?.reverse().forEach((each) => each());
  receive(kind, id, seq, ...args);
};
