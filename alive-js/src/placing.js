/** Makes the page so: what is new is paired with what goes, and all takes its place, as the morph would have it. */
import { label } from "./label.js";
import { outlineOf } from "./outline.js";

/** @typedef {import("./reading.js").Change} Change @typedef {import("./reading.js").Run} Run */

const { alive } = window;
const nobody = () => undefined;

/**
 * Puts a change into the page.
 * @param {Change} change  @param {number} more characters than before  @param {typeof import("./morph.js").morph} morph
 * @returns {boolean} whether the outline still holds
 */
export const place = ({ path, runs }, more, morph) => {
  const block = path[path.length - 1];
  const { element: parent, inside } = block;
  const focus = /** @type {any} */ (document.activeElement);
  const fresh = runs.flatMap((run) => run.fresh);
  // Who keeps what is the person's looks once before anything comes.
  alive.keep?.({}, fresh[0]?.parentNode ?? {});

  /** The ends of runs by their beginnings. @type {Map<any, any>} */
  const ends = new Map();
  for (const { first, last } of runs) if (inside[first] && inside[last]) ends.set(inside[first].element, inside[last].element);
  const { last } = runs[0];
  const start = last < 0 ? parent.firstChild : inside[last]?.element.nextSibling;
  const end = inside[runs[runs.length - 1].first]?.element;
  /** What no run holds. @type {Set<any>} */
  const gone = new Set();
  for (let node = start; node && node !== end; node = (ends.get(node) ?? node).nextSibling) ends.has(node) || gone.add(node);

  const pairs = pair(gone, fresh);
  const order = runs.flatMap(({ fresh, first }) => {
    const nodes = fresh.map((node) => pairs.get(node) ?? node);
    const element = inside[first]?.element;
    return ends.has(element) ? [...nodes, element] : nodes;
  });
  arrange(parent, start, order, ends, gone);
  for (const [node, old] of pairs) morph(old, node, nobody);
  for (const node of fresh) if (!pairs.has(node) && alive.keep?.(node, node) === false) morph(node, node, nobody);
  for (const node of gone) parent.removeChild(node);
  if (focus !== document.activeElement) focus.focus(alive);

  for (const each of path) each.size += more;
  block.inside = runs.flatMap(({ first, last, blocks, gap }, index) => {
    const stay = inside.slice(Math.max(first, 0), last + 1);
    if (index && stay[0]) stay[0].gap = gap;
    return [...blocks, ...stay];
  });
  return runs.every((run) => follow(run, pairs));
};

/**
 * What becomes which, as the morph does it: what is equal at the end, then the next with the same label.
 * @param {Set<any>} gone  @param {any[]} fresh  @returns {Map<any, any>} the old nodes by the new ones; they are not gone
 */
const pair = (gone, fresh) => {
  const left = [...gone];
  const news = [...fresh];
  const pairs = new Map();
  const add = (/** @type {any} */ old, /** @type {any} */ node) => gone.delete(old) && pairs.set(node, old);
  while (left.at(-1)?.isEqualNode(news.at(-1))) add(left.pop(), news.pop());
  const labelled = left[0] && Map.groupBy(left.reverse(), label);
  if (labelled)
    for (const node of news) {
      const old = labelled.get(label(node))?.pop();
      if (old) add(old, node);
    }
  return pairs;
};

/**
 * Puts all in order, with a cursor that passes over what is gone; what stands there already is not moved.
 * @param {any} parent  @param {any} cursor  @param {any[]} order single nodes, and the first ones of runs
 * @param {Map<any, any>} ends  @param {Set<any>} gone
 */
const arrange = (parent, cursor, order, ends, gone) => {
  const skip = (/** @type {any} */ node) => {
    while (gone.has(node)) node = node.nextSibling;
    return node;
  };
  for (const first of order) {
    const last = ends.get(first) ?? first;
    cursor = skip(cursor);
    if (first === cursor || first === skip((ends.get(cursor) ?? cursor)?.nextSibling)) cursor = last.nextSibling;
    else
      for (let node = first, next; ; node = next) {
        next = node.nextSibling;
        parent[node.isConnected && parent.moveBefore ? "moveBefore" : "insertBefore"](node, cursor);
        if (node === last) break;
      }
  }
};

/** The outline of what was new: where it was paired, its elements are the old ones. @param {Run} run  @param {Map<any, any>} pairs */
const follow = ({ before, blocks }, pairs) => {
  let at = 0;
  return blocks.every((block) => {
    const from = at + block.gap;
    at = from + block.size;
    const old = pairs.get(block.element);
    if (!old) return true;
    block.element = old;
    if (!block.inside[0]) return true;
    // What it has inside was paired by the morph.
    const walked = outlineOf(before.slice(from, at), old);
    if (walked) block.inside = walked.inside;
    return walked;
  });
};
