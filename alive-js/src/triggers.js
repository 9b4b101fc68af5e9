/** Calls without a gesture: `ws-init` when an element comes, `ws-visible` when it is seen, `ws-poll` again and again. */
import { origin } from "./target.js";
import { read } from "./watching.js";

const { alive } = window;
const UNITS = { ms: 1, s: 1000, m: 60_000 };
/** A browser takes a longer time for none at all. */
const LONGEST = 2 ** 31 - 1;

/** What has begun. Not a property of the element: a field of a form may be called so. @type {Map<string, WeakSet<any>>} */
const begun = new Map(["init", "visible", "poll"].map((kind) => [kind, new WeakSet()]));

/** @param {any} element  @param {string} type  @param {string} call */
const fire = (element, type, call) => {
  const event = { type, target: element };
  alive.fire(element, event, call, origin(element, event));
};

/** What is looked for in the viewport, and where it was seen last. @type {Map<Element, { name: string, top?: number }>} */
const sought = new Map();

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting, boundingClientRect } of entries) {
    const found = sought.get(target);
    const call = found && target.getAttribute(found.name);
    if (found) found.top = isIntersecting ? boundingClientRect.top : undefined;
    if (!call || !target.isConnected || (isIntersecting && found.name.endsWith(".once"))) lose(target);
    if (call && isIntersecting) fire(target, "visible", call);
  }
});

/** It is looked for no more, until it comes back. @param {any} element */
const lose = (element) => {
  observer.unobserve(element);
  sought.delete(element);
  if (!element.isConnected) begun.get("visible")?.delete(element);
};

// The end of a list that was seen, has moved and is still in sight, is seen again.
document.addEventListener("alive:updated", () => {
  for (const [element, { top }] of sought)
    if (!element.isConnected) lose(element);
    else if (top !== undefined && element.getBoundingClientRect().top !== top) {
      observer.unobserve(element);
      observer.observe(element);
    }
});

/** @param {any} attribute */
const poll = (attribute) => {
  const [, number, unit, call] = /** @type {string[]} */ (/^([\d.]+)(ms|s|m)\s*(.*)$/s.exec(attribute.value) ?? []);
  if (!(+number > 0)) return;
  const timer = setInterval(
    () => {
      const element = attribute.ownerElement;
      // One that comes back begins anew.
      if (!element?.isConnected) {
        clearInterval(timer);
        begun.get("poll")?.delete(attribute);
      }
      // Nobody looks, or the last answer is still awaited: not now.
      else if (!document.hidden && !alive.around(element)?.queue[0]) fire(element, "poll", call);
    },
    Math.min(+number * UNITS[/** @type {"s"} */ (unit)], LONGEST),
  );
};

read((attribute, kind) => {
  const { name, ownerElement: element } = /** @type {any} */ (attribute);
  // Once for each element; a poll also for each period.
  const about = kind === "poll" ? attribute : element;
  const known = begun.get(kind);
  if (!known || known.has(about)) return;
  known.add(about);
  if (kind === "init") fire(element, kind, attribute.value);
  else if (kind === "poll") poll(attribute);
  else {
    sought.set(element, { name });
    observer.observe(element);
  }
});
