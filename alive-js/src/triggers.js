/** Calls without a gesture: `ws-init` when an element comes, `ws-visible` when it is seen, `ws-poll` again and again. */
import { kindOf, read } from "./watching.js";

const { alive } = window;
const UNITS = { ms: 1, s: 1000, m: 60_000 };

/** @param {Attr} attribute  @param {string} [call] */
const fire = ({ ownerElement: element, name, value }, call = value) => alive.fire(element, { type: kindOf(name), target: element }, call);

/** Attributes whose element is there; each is looked at once. @type {WeakSet<Attr>} */
const known = new WeakSet();
/** What is looked for in the viewport, and where it was seen last. @type {Map<Element, { attribute: Attr, top?: number }>} */
const sought = new Map();

/** @param {Element} element */
const forget = (element) => {
  observer.unobserve(element);
  sought.delete(element);
};

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting, boundingClientRect } of entries) {
    const found = sought.get(target);
    if (!found || !target.isConnected) forget(target);
    else if (isIntersecting) {
      found.top = boundingClientRect.top;
      if (found.attribute.name.endsWith(".once")) forget(target);
      fire(found.attribute);
    } else found.top = undefined;
  }
});

// The end of a list that was seen, has moved and is still in sight, is seen again.
document.addEventListener("alive:updated", () => {
  for (const [element, { top }] of sought)
    if (top !== undefined && element.getBoundingClientRect().top !== top) {
      observer.unobserve(element);
      observer.observe(element);
    }
});

/** @param {Attr} attribute */
const poll = (attribute) => {
  const [, number, unit, call] = /** @type {string[]} */ (/^([\d.]+)(ms|s|m)\s*(.*)$/s.exec(attribute.value) ?? []);
  if (!number) return;
  const timer = setInterval(
    () => {
      const element = attribute.ownerElement;
      if (!element?.isConnected) clearInterval(timer);
      // Nobody looks, or the last answer is still awaited: not now.
      else if (!document.hidden && !alive.around(element)?.queue[0]) fire(attribute, call);
    },
    +number * UNITS[/** @type {"s"} */ (unit)],
  );
};

read((attribute) => {
  if (known.has(attribute)) return;
  known.add(attribute);
  const kind = kindOf(attribute.name);
  const element = /** @type {Element} */ (attribute.ownerElement);
  if (kind === "init") fire(attribute);
  else if (kind === "poll") poll(attribute);
  else if (kind === "visible") {
    sought.set(element, { attribute });
    observer.observe(element);
  }
});
