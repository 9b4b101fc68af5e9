/**
 * What the difference between two texts means for the elements with keys: which stay or move, and what is new.
 *
 * Stretches that are copied hold elements that stay; those that stay side by side are a run. The text before each run is
 * new and parsed where it will stand, all of it at once.
 */
import { copiesOf } from "./copying.js";
import { closest } from "./elements.js";
import { open, walk } from "./outline.js";
import { CHILD } from "./protocol.js";

/**
 * @typedef {import("./outline.js").Block} Block
 * @typedef {import("./copying.js").Copy} Copy
 *
 * @typedef {object} Change of the inside of one block
 * @property {string} text the whole component's
 * @property {Block[]} path from the root to that block
 * @property {Run[]} runs in their new order; the first begins with the start of the inside, the last ends with its end
 *
 * @typedef {object} Run blocks that stay together, and what is new before them
 * @property {number} first index; -1: the start of the inside
 * @property {number} last index; as many as there are: its end
 * @property {string} before
 * @property {any[]} fresh the same, as nodes
 * @property {Block[]} blocks the same, as blocks
 * @property {number} gap characters between the last of those and the run
 *
 * @typedef {{ after: number, start: number, end: number }} Span where a block stands in the old text, and where the one before it ends
 */

/** Stands between stretches that are parsed together. */
const MARK = "alive|";
/** So many that have gone are looked for in a new text; each time, that is all of it. */
const FEW = 9;

const template = document.createElement("template");

/**
 * What the difference means; undefined: nobody knows.
 * @param {Block} root  @param {string} old  @param {string | any[]} delta  @returns {Change | undefined}
 */
export const read = (root, old, delta) => {
  const [text, copies] = copiesOf(old, delta);
  if (!copies[0] || copies[0][0] || copies[0][2]) return;
  const [, from] = copies[0];
  const end = /** @type {Copy} */ (copies.at(-1));
  const [to] = end;
  if (copies[1] && to < from) return;
  const [path, start, prefix] = innermost(root, old, from, to);
  const block = path.at(-1);
  if (!block || closest.call(block.element, "select")) return;
  const spans = spansOf(block, start);
  const stretches = typeof delta === "string" ? [...copies.slice(0, -1), ...search(old, text, spans, from, to), end] : copies;
  // What has no tags is not told apart from what is around it.
  const used = block.inside.map(({ head }) => !head);
  const runs = runsOf(old, text, stretches, spans, used);
  if (!runs || (!block.head && !/^<tr[\s>]/i.test(text.slice(start, start + 4)))) return;
  if (runs.some(({ before }) => before) && !parse(path, prefix, runs)) return;
  if (unique(block, used, runs)) return { text, path, runs };
};

/**
 * Down to the innermost block with all of the change in it.
 * @param {Block} root  @param {string} old  @param {number} from  @param {number} to
 * @returns {[path: Block[], start: number, prefix: string]} `start` of its inside; `prefix`: all tags that open around that
 */
const innermost = (root, old, from, to) => {
  /** @type {Block[]} */
  const path = [];
  let prefix = "";
  let start = 0;
  for (let blocks = [root]; ; ) {
    let place = start;
    const block = blocks.find(({ gap, head, size, tail, inside }) => {
      const inner = place + gap + head;
      place += gap + size;
      // A list may have lost all its rows.
      return (!path[0] || inside[0]) && from >= inner && to <= place - tail;
    });
    if (!block) return [path, start, prefix];
    start = place - block.size + block.head;
    prefix += block.head ? old.slice(place - block.size, start) : "<tbody>";
    path.push(block);
    blocks = block.inside;
  }
};

/** Where the blocks in a block stand, and at last its end. @param {Block} block  @param {number} start of its inside */
const spansOf = ({ inside, head, size, tail }, start) => {
  let place = start;
  /** @type {Span[]} */
  const spans = inside.map(({ gap, size }) => ({ after: place, start: (place += gap), end: (place += size) }));
  const end = start + size - head - tail;
  spans.push({ after: place, start: end, end });
  return spans;
};

/**
 * What stays of the blocks between `from` and `to`, in a text that has come as a whole.
 * @param {string} old  @param {string} text  @param {Span[]} spans  @param {number} from  @param {number} to
 */
const search = (old, text, spans, from, to) => {
  /** @type {Copy[]} */
  const copies = [];
  let missed = 0;
  let at = spans[0].after;
  for (const { start, end } of spans)
    if (end > from && start < to && missed < FEW) {
      const found = text.indexOf(old.slice(start, end), at);
      if (found < 0) missed++;
      else {
        copies.push([start, end, found - start]);
        at = found + end - start;
      }
    }
  return copies;
};

/**
 * The runs of blocks that are copied whole; undefined: the end is not.
 * @param {string} old  @param {string} text  @param {Copy[]} copies  @param {Span[]} spans  @param {boolean[]} used each is copied once
 */
const runsOf = (old, text, copies, spans, used) => {
  const count = spans.length - 1;
  /** Up to there, the new text has been taken. */
  let done = spans[0].after;
  /** @type {Run[]} */
  const runs = [];
  const begin = (/** @type {number} */ index, /** @type {string} */ before) =>
    runs.push({ first: index, last: index, before, fresh: [], blocks: [], gap: 0 });
  const stands = (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ shift) =>
    text.startsWith(old.slice(from, to), from + shift);
  const take = (/** @type {number} */ index, /** @type {number} */ shift) => {
    const { after, start, end } = spans[index];
    if (used[index] || start + shift < done) return;
    const run = runs[runs.length - 1];
    if (run.last === index - 1 && after + shift === done && stands(after, start, shift)) run.last = index;
    else begin(index, text.slice(done, start + shift));
    used[index] = true;
    done = end + shift;
  };

  begin(-1, "");
  for (const [from, to, shift] of copies) {
    let index = firstFrom(spans, from);
    // Rows begin alike, so a copy may begin in the middle of one, and end in the middle of another.
    if (index && spans[index - 1].end > from && stands(spans[index - 1].start, from, shift)) index--;
    for (; index < count; index++) {
      const { start, end } = spans[index];
      if (end > to && (start >= to || !stands(to, end, shift))) break;
      take(index, shift);
    }
  }
  take(count, copies[copies.length - 1][2]);
  if (runs[runs.length - 1].last === count) return runs;
};

/** The index of the first that begins at `place` or after it. @param {Span[]} spans  @param {number} place */
const firstFrom = (spans, place) => {
  let low = 0;
  for (let high = spans.length - 1; low < high; ) {
    const middle = (low + high) >> 1;
    if (spans[middle].start < place) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Parses what is new where it will stand; whether it could be read. @param {Block[]} path  @param {string} prefix  @param {Run[]} runs */
const parse = (path, prefix, runs) => {
  // A newline that follows the tag of a <pre> is no text: nothing may come between.
  let index = runs[0].last < 0 ? 1 : 0;
  const all = runs.slice(index).map(({ before }) => before).join(`<!--${MARK}-->`);
  if (all.includes(`${CHILD}=`)) return;
  template.innerHTML = prefix + all;
  /** @type {any} */
  let parent = template.content;
  for (const _ of path) {
    // What is put somewhere else than it is written would be beside.
    if (parent.childNodes.length !== 1 || !parent.firstElementChild) return;
    parent = parent.firstElementChild;
  }
  const name = parent.localName;
  if (name !== /** @type {Block} */ (path.at(-1)).element.localName) return;
  for (const node of [...parent.childNodes])
    if (node.nodeType === Node.COMMENT_NODE && node.data === MARK) index++;
    else runs[index]?.fresh.push(node);
  const top = open(name, parent);
  return (
    index === runs.length - 1 &&
    runs.every((run) => {
      run.gap = walk(run.before, top);
      run.blocks = top.inside;
      return run.gap >= 0;
    }) &&
    !top.next
  );
};

/** Whether keys stand once; what goes makes room for what comes. @param {Block} block  @param {boolean[]} used  @param {Run[]} runs */
const unique = (block, used, runs) => {
  const { inside } = block;
  const keys = (block.keys ??= keysOf(inside));
  if (!keys) return;
  inside.forEach(({ key }, index) => used[index] || keys.delete(key));
  return runs.every(({ blocks }) => blocks.every(({ key }) => !key || (!keys.has(key) && keys.add(key))));
};

/** Nothing, if one stands twice. @param {Block[]} blocks */
const keysOf = (blocks) => {
  const keys = blocks.map(({ key }) => key).filter(Boolean);
  const set = new Set(keys);
  if (set.size === keys.length) return set;
};
