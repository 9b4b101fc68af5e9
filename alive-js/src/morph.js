/**
 * Makes a live element equal to a new one, and keeps what belongs to the person in front of it.
 *
 * 1. In each parent what is equal at both ends is passed over by `isEqualNode`; what the person did in there stays.
 * 2. A node between finds its old one: a placeholder the child's root, wherever that is; any other the next old
 *    sibling with the same label (tag, id, name, key).
 * 3. All take their places, walking a cursor. Then the pairs are made equal in their turn, level by level.
 * 4. What was not taken again goes at the very end: until then a child may still move out of it.
 */
import { CHILD, IGNORE, KEY, STATE, STREAM } from "./protocol.js";

/** A control's property, and the one that tells what the server's text gave it. */
const CONTROLS = [
  ["value", "defaultValue"],
  ["checked", "defaultChecked"],
  ["selected", "defaultSelected"],
];

/** What a node is told apart by. No new node has a token: the root of a child is never taken for something else. */
const label = (/** @type {any} */ node) =>
  node.nodeName + ["id", "name", KEY, CHILD, STATE, STREAM].map((name) => node.getAttribute?.(name));

/** @param {Element} root  @param {Element} next  @param {(node: any) => Element | undefined} childRoot */
export const morph = (root, next, childRoot) => {
  const focus = /** @type {HTMLElement} */ (document.activeElement);
  /** @type {Map<any, any>} nodes of the page, and what they are to be; it grows while it is walked */
  const placed = new Map([[root, next]]);
  /** @type {ChildNode[]} */
  const olds = [];

  for (const [old, fresh] of placed) {
    if (old.isEqualNode(fresh)) continue;
    old.nodeValue = fresh.nodeValue;
    // Another name: a child's root and its placeholder. Its inside is its own affair.
    if (old.nodeName !== fresh.nodeName || !fresh.attributes) continue;
    const held = focus === (old.closest("select") ?? old);
    if (held && old.isContentEditable) continue;

    for (const [now, given] of CONTROLS)
      if (given in old) {
        // Clean: it shows what the server gave. A control that is dirty or has the focus is the person's.
        const clean = old[now] === old[given];
        // Written once, it is the person's: the attribute does not show through any more.
        if (clean && held) old[now] = old[now];
        old[given] = fresh[given];
        if (clean && !held) old[now] = old[given];
      }
    // Whether a <details> is open is the person's, too.
    fresh.open = old.open;
    for (const name of old.getAttributeNames()) fresh.hasAttribute(name) || old.removeAttribute(name);
    for (const attribute of fresh.attributes)
      old.getAttribute(attribute.name) === attribute.value || old.setAttributeNode(attribute.cloneNode());
    if (old.matches(`[${IGNORE}],[${STREAM}]`)) continue;

    const left = [...old.childNodes];
    const news = [...fresh.childNodes];
    let cursor;
    while (left[0]?.isEqualNode(news[0])) left.shift(), news.shift();
    while (left.at(-1)?.isEqualNode(news.at(-1))) (cursor = left.pop()), news.pop();
    cursor = left[0] ?? cursor;
    olds.push(...left);
    const labelled = Map.groupBy(left, label);
    for (const wanted of news) {
      const node =
        childRoot(wanted) ??
        labelled.get(label(wanted))?.shift() ??
        // A child may go on inside of what is new: enter an empty copy.
        (wanted.querySelector?.(`[${CHILD}]`) ? wanted.cloneNode() : wanted);
      placed.set(node, wanted);
      if (node === cursor || node === cursor?.nextSibling) cursor = node.nextSibling;
      else
        try {
          // Keeps focus, scroll and playing media; not in every browser, and not for what is new.
          old.moveBefore(node, cursor);
        } catch {
          old.insertBefore(node, cursor);
        }
    }
  }

  for (const old of olds) placed.has(old) || old.remove();
  if (focus !== document.activeElement) focus.focus();
};
