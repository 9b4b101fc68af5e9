/**
 * `ws-hook="Chart"` hands an element to a script of the page: `alive.hooks.Chart = { mounted, updated, destroyed }`.
 * The script may run before Alive or after it, and the element may come at any time.
 */
import { watch } from "./watching.js";

const { alive } = window;
/** A script that is on its way has so many milliseconds to bring its hooks. */
const PATIENCE = 3000;

/**
 * @typedef {"mounted" | "updated" | "destroyed"} Stage
 * @typedef {{ call: (method: string, ...args: any) => Promise<any>, handle: (name: string, take: (detail: any) => void) => void }} Hook
 * @typedef {Record<string, Partial<Record<Stage, (element: any, hook: Hook) => unknown>>>} Hooks
 */

/** Elements that a hook has, and what ends its listening. @type {Map<Element, { name: string, hook: Hook, left: AbortController }>} */
const held = new Map();
/** Those whose hook is not there yet. @type {Set<Element>} */
const waiting = new Set();
/** @type {Set<string>} */
const said = new Set();

/** Says it once. @param {string} what  @param {unknown} [error] */
const complain = (what, error = "") => {
  if (!said.has(what)) console.error("alive: " + what, error);
  said.add(what);
};

/** @param {Element} element */
const nameOf = (element) => /** @type {string} */ (element.getAttribute("ws-hook"));

/** Runs what is not ours, and goes on when it fails. @param {string} name  @param {() => unknown} work */
const contain = async (name, work) => {
  try {
    await work();
  } catch (error) {
    complain(`hook ${name} failed:`, error);
  }
};

/** @param {Element} element  @param {Stage} stage */
const tell = (element, stage) => {
  const { name, hook } = /** @type {any} */ (held.get(element));
  contain(`${name}.${stage}`, () => alive.hooks[name][stage]?.(element, hook));
};

/** @param {Element} element */
const come = (element) => {
  const name = nameOf(element);
  if (!alive.hooks[name]) {
    waiting.add(element);
    setTimeout(() => waiting.has(element) && complain(`no hook "${name}"; known: ${Object.keys(alive.hooks)}`), PATIENCE);
    return;
  }
  const left = new AbortController();
  waiting.delete(element);
  held.set(element, {
    name,
    left,
    hook: {
      call: (...args) => alive.call(element, ...args),
      handle: (event, take) =>
        document.addEventListener(
          event,
          (/** @type {any} */ { target, detail }) => target === alive.around(element)?.root && contain(`${name}.${event}`, () => take(detail)),
          { signal: left.signal },
        ),
    },
  });
  tell(element, "mounted");
};

/** @param {Element} element */
const go = (element) => {
  waiting.delete(element);
  if (!held.has(element)) return;
  tell(element, "destroyed");
  held.get(element)?.left.abort();
  held.delete(element);
};

alive.hooks = new Proxy(alive.hooks ?? {}, {
  set: (hooks, name, definition) => {
    hooks[/** @type {string} */ (name)] = definition;
    // When the script that says so has run to its end.
    queueMicrotask(() => waiting.forEach(come));
    return true;
  },
});

watch("[ws-hook]", come, go);

document.addEventListener("alive:updated", ({ target }) => {
  for (const [element, { name }] of held)
    if (nameOf(element) !== name) {
      go(element);
      come(element);
    } else if (element.isConnected && alive.around(element)?.root === target) tell(element, "updated");
});
