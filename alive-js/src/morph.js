/**
 * Makes a live element equal to a new one, and keeps what belongs to the person in front of it.
 *
 * 1. In each parent what is equal at the end is paired as it stands. Any other new node finds its old one: a placeholder
 *    the child's root, wherever that is; the rest the next old sibling with the same label. Texts have their words in it,
 *    so they are taken over or made anew, never changed.
 * 2. All take their places, walking a cursor past what is not wanted any more: as few as possible are moved.
 * 3. The pairs are made equal in their turn, level by level; `isEqualNode` passes over those that are.
 * 4. What was not taken again goes at the very end: until then a child may still move out of it.
 */
import { label } from "./label.js";
import { CHILD, SHUT } from "./protocol.js";

/** A control's property, and the one that tells what the server's text gave it. */
const CONTROLS = /** @type {Record<string, string>} */ ({ value: "defaultValue", checked: "defaultChecked" });

/** @param {Element} root  @param {Element} next  @param {(node: any) => Element | undefined} childRoot */
export const morph = (root, next, childRoot) => {
  const focus = /** @type {HTMLElement} */ (document.activeElement);
  /** @type {Map<any, any>} nodes of the page, and what they are to be; it grows while it is walked */
  const placed = new Map([[root, next]]);
  /** @type {(() => void)[]} */
  const later = [];

  for (const [old, fresh] of placed) {
    // Another name: a child's root and its placeholder. Its inside is its own affair.
    if ((window.alive.keep?.(old, fresh) ?? old.isEqualNode(fresh)) || old.nodeName !== fresh.nodeName) continue;

    for (const now in CONTROLS) {
      const value = fresh[now];
      // Clean: it shows what the server gave. An <input> or <textarea> that is dirty or has the focus is the person's.
      if (fresh.select && old[now] === old[CONTROLS[now]] && old[now] !== value)
        if (focus === old) old[now] = old[now]; // Written once, it is the person's: no attribute shows through any more.
        else later.push(() => old[now] !== value && (old[now] = value));
    }
    // "value" once more: a control that gets another type may write it there by itself.
    for (const name of [...old.getAttributeNames(), ...fresh.getAttributeNames(), "value"]) {
      const given = fresh.getAttributeNode(name);
      if (!given) old.removeAttribute(name);
      else if (!given.isEqualNode(old.getAttributeNode(name))) old.setAttributeNode(given.cloneNode());
    }
    if (old[SHUT]) continue;

    const left = [...old.childNodes];
    const news = [...fresh.childNodes];
    let cursor = old.firstChild;
    while (left.at(-1)?.isEqualNode(news.at(-1))) placed.set(left.pop(), news.pop());
    // Not `node.remove`: a form may have a field that is called so.
    for (const node of left) later.push(() => placed.has(node) || old.removeChild(node));
    const labelled = Map.groupBy(left.reverse(), label);
    news.forEach((wanted, place) => {
      const node =
        childRoot(wanted) ??
        labelled.get(label(wanted))?.pop() ??
        // A child may go on inside of what is new: enter an empty copy.
        (wanted.querySelector?.(`[${CHILD}]`) ? wanted.cloneNode() : wanted);
      placed.set((news[place] = node), wanted);
    });
    for (const node of news) {
      while (cursor && !placed.has(cursor)) cursor = cursor.nextSibling;
      if (node === cursor || node === cursor?.nextSibling) cursor = node.nextSibling;
      // Keeps focus, scroll and playing media. Not in every browser, and not for what is new.
      else old[node.isConnected && old.moveBefore ? "moveBefore" : "insertBefore"](node, cursor);
    }
  }

  later.forEach((each) => each());
  // Without a scroll, as `alive` says.
  focus === document.activeElement || focus.focus(window.alive);
};
