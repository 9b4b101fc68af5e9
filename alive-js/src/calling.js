/** `alive.call(element, "method", 1, "two")`: a promise of what the method returns. */
import { DEEPEST } from "./protocol.js";

const { alive } = window;

/** Who waits for a result. @type {Set<any>} */
const calls = (alive.calls = new Set());

/** Refuses what the server ends the line for. Larger integers have an exponent. @param {any} value  @param {number} [deep] */
const check = (value, deep = 0) => {
  if (deep > DEEPEST || (value?.toFixed && !Number.isSafeInteger(value) && /^-?\d+$/.test(value))) throw Error("too deep, or beyond 2^53");
  if (Object(value) === value) Object.values(value).forEach((each) => check(each, deep + 1));
};

alive.call = (element, method, ...args) =>
  new Promise((resolve, reject) => {
    const component = alive.around(element);
    check(args);
    if (!component) throw Error("there is no component around this element");
    const event = /** @type {any} */ (alive.enqueue(component, method, { result: 1, args }));
    const settling = (/** @type {(value: any) => void} */ settle) => (/** @type {any} */ value) => {
      calls.delete(event);
      settle(value);
    };
    event.answers = settling(resolve);
    event.fails = settling(reject);
    calls.add(event);
  });

// The page shows the component no more.
document.addEventListener("alive:updated", () => {
  for (const event of calls)
    if (!alive.components.get(event[1])?.root.isConnected) event.fails(Object.assign(Error("the component has gone"), { code: "gone" }));
});
