/**
 * When an update removes what has the focus, the focus goes to its neighbour, as WAI-ARIA asks for: the next one, else
 * the one before, else to what is around. From a control in a row it goes to the same control of the other row, and of
 * the row itself where that has gone to another list.
 */
import { closest, contains } from "./elements.js";

const { alive } = window;

/** What had the focus may have been out of sight: who reads elsewhere goes on there. */
const STILL = { preventScroll: true };
// So does who has it and is moved, in browsers that take it away meanwhile.
Object.assign(alive, STILL);

/** Who has the focus. Not the body, which stands in for nobody: to give it the focus lays out the whole page. @type {any} */
let focused = document.querySelector(":focus");

/** Who loses it just now. @type {any} */
let leaving;

document.addEventListener("focusin", ({ target }) => {
  focused = target;
});
document.addEventListener("focusout", ({ target }) => {
  leaving = target;
  // Not at once: who is removed may lose the focus first, and one who looks at another window has it still. So has one
  // that cannot be used, or seen, until the answer is there.
  setTimeout(() => {
    leaving = undefined;
    if (focused === target && document.activeElement !== target && !focused.matches(":disabled,[hidden] *,[hidden]")) focused = undefined;
  });
});

/** @param {any} node  @returns {any[]} */
const all = (node) => [node, ...(node.querySelectorAll?.("*") ?? [])];

/** @param {any} node  @returns {any[]} */
const controls = (node) => all(node).filter((each) => each.tabIndex >= 0 && !each.disabled);

/** @param {any} node */
const name = (node) => node.nodeName + (node.getAttribute?.("ws-key") ?? node.id);

/** What can have the focus only because we say so. @type {any} */
let lent;

/** @param {any} element */
const lend = (element) => {
  lent = element;
  element.tabIndex = -1;
  element.focus(STILL);
};

document.addEventListener("alive:updated", () => {
  // The server's text knows nothing of it.
  if (lent && lent === focused) lend(lent);
  // It was disabled or hidden for a while; from one that was just left, the focus has gone on purpose.
  if (document.activeElement === document.body && focused !== leaving) focused?.focus(STILL);
});

/** @param {any} element */
const give = (element) => {
  element.focus(STILL);
  if (document.activeElement !== element) lend(element);
};

new MutationObserver((records) => {
  if (!focused || focused.isConnected || document.activeElement !== document.body) return;
  /** @type {Map<any, any>} */
  const removals = new Map();
  for (const record of records) for (const node of record.removedNodes) removals.set(node, record);
  for (const [gone, record] of removals) {
    const root = contains.call(gone, focused) ? alive.around(record.target)?.root : undefined;
    if (!root?.isConnected) continue;
    const row = closest.call(focused, "[ws-key],[id]");
    const came = row ? records.flatMap(({ addedNodes }) => [...addedNodes].flatMap(all)) : [];
    const again = came.find((each) => each.isConnected && name(each) === name(row));
    const same = again && controls(again)[controls(row).indexOf(focused)];
    if (same) return give(same);
    const place = controls(gone).indexOf(focused);
    for (const way of ["nextSibling", "previousSibling"])
      // A neighbour may be gone, too; it had one of its own.
      for (let node = record[way]; node; node = (node.isConnected ? node : removals.get(node))?.[way]) {
        const found = controls(node).filter((each) => each.checkVisibility());
        if (found[0]) return give(found[place] ?? found.at(-1));
      }
    return give(closest.call(record.target, "[tabindex],dialog") ?? root);
  }
}).observe(document, { childList: true, subtree: true });
export {};
