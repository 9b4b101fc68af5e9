/**
 * Updates of long lists: of a difference between two texts, what it means for the elements with keys, so that no more is
 * parsed and morphed than has changed.
 *
 * Stretches that are copied hold elements that stay, or move; what is between them is parsed, and paired with what was
 * there. Wherever that might not come to the same as morphing the whole component, it is left to that: where the text has
 * no outline, the page is not as the last update left it, keys stand twice, or children come and go.
 */
import { apply } from "./patch.js";
import { label } from "./label.js";
import { walk } from "./outline.js";
import { CHILD, IGNORE, INSTANCE_LENGTH, REACT, STATE, STREAM } from "./protocol.js";

/** @typedef {import("./outline.js").Block} Block @typedef {import("./component.js").Component} Component */

const { alive } = window;

/** Shorter texts are parsed faster than thought about. */
const SHORT = 4096;
/** So many that have gone are looked for in a new text; each time, that is all of it. */
const FEW = 9;
/** What others change in here, no update puts right, or somebody else does. */
const THEIRS = `[${IGNORE}],[${STREAM}],[${REACT}],[contenteditable],selectedcontent`;
/** Stands between stretches that are parsed together. */
const MARK = "alive|";

/**
 * @typedef {object} Known what is known of a component's page
 * @property {MutationObserver} observer
 * @property {boolean} foreign whether somebody else has put something there, or taken it away
 * @property {Map<any, Map<string, string | null>>} before attributes that somebody else has written, and what they were
 * @property {[string, string][]} attributes the root's own
 * @property {Block} [block] the outline, once it has been needed
 * @property {number} hopeless the length of the text that had none
 */
/** @type {WeakMap<Component, Known>} */
const pages = new WeakMap();
const template = document.createElement("template");

/** @param {Known} known  @param {Element} root  @param {MutationRecord[]} records */
const note = (known, root, records) => {
  for (const { type, target, attributeName, oldValue } of records) {
    const attribute = type === "attributes" ? /** @type {string} */ (attributeName) : "";
    // The root's own are put right in any case; whether a <details> is open, is the person's.
    if (attribute && (target === root || attribute === "open")) continue;
    const around = attribute || !(/** @type {any} */ (target).closest) ? target.parentElement : /** @type {Element} */ (target);
    if (around?.closest(`[${STATE}]`) !== root || around.closest(THEIRS)) continue;
    if (!attribute) known.foreign = true;
    else {
      const before = known.before.get(target) ?? new Map();
      if (!before.has(attribute)) known.before.set(target, before.set(attribute, oldValue));
    }
  }
};

/** What was laid over the page and taken off again does not count. @param {Known} known */
const untouched = ({ foreign, before }) => {
  for (const [target, attributes] of before) for (const [name, value] of attributes) if (target.getAttribute(name) !== value) return false;
  before.clear();
  return !foreign;
};

/** @param {Known} known  @param {Element} root */
const observe = ({ observer }, root) =>
  observer.observe(root, { subtree: true, childList: true, characterData: true, attributes: true, attributeOldValue: true });

// The whole component is as the server gave it: before anybody else hears of that, and does something to it.
addEventListener(
  "alive:updated",
  ({ target }) => {
    const root = /** @type {any} */ (target);
    const component = alive.components.get(root.getAttribute?.(STATE)?.slice(0, INSTANCE_LENGTH));
    if (!component || component !== whole || /** @type {string} */ (component.shown).length < SHORT) return;
    whole = undefined;
    let known = pages.get(component);
    if (!known) {
      const observer = new MutationObserver((records) => note(/** @type {Known} */ (pages.get(component)), component.root, records));
      pages.set(component, (known = /** @type {Known} */ ({ observer, hopeless: 0 })));
    }
    known.observer.disconnect();
    known.foreign = !!root.closest(THEIRS);
    known.before = new Map();
    known.block = undefined;
    known.attributes = root.getAttributeNames().map((/** @type {string} */ name) => [name, root.getAttribute(name)]);
    observe(known, root);
  },
  true,
);

/** The one that is morphed as a whole. @type {Component | undefined} */
let whole;

alive.patch = (component, delta, morph) => {
  whole = component;
  const known = pages.get(component);
  const { root, shown } = component;
  if (!known || !shown) return false;
  const anew = typeof delta === "string";
  if (anew) known.hopeless = 0;
  note(known, root, known.observer.takeRecords());
  if (!untouched(known)) return false;
  const block = (known.block ??= outline(known, root, shown));
  const text = anew ? delta : apply(shown, delta);
  const change = block && read(block, shown, text, anew ? [] : delta, anew);
  if (!change) return false;
  known.observer.disconnect();
  if (!put(change, morph)) known.block = undefined;
  for (const name of root.getAttributeNames()) if (!known.attributes.some(([given]) => given === name)) root.removeAttribute(name);
  for (const [name, value] of known.attributes) if (name !== STATE && root.getAttribute(name) !== value) root.setAttribute(name, value);
  observe(known, root);
  component.shown = text;
  whole = undefined;
  return true;
};

/** @param {Known} known  @param {Element} root  @param {string} text */
const outline = (known, root, text) => {
  // What had no outline will hardly have one after another word.
  if (text.length < 2 * known.hopeless) return;
  /** @type {import("./outline.js").Open} */
  const top = { name: "", element: null, next: root, inside: [], last: 0 };
  if (walk(text, top) >= 0 && top.inside[0]?.inside[0]) return top.inside[0];
  known.hopeless = text.length;
};

/**
 * @typedef {object} Change
 * @property {Block} block whose inside is another
 * @property {Block[]} path to it, and itself
 * @property {number} more characters
 * @property {Run[]} runs in their new order; the first begins with the start, the last ends with the end
 * @property {string[]} between what comes before each run
 * @property {Node[][]} fresh the same as nodes
 * @property {Block[][]} blocks the same, as blocks
 * @property {number[]} gaps characters between the last block of those and the run
 *
 * @typedef {object} Run blocks that stay together
 * @property {number} first
 * @property {number} last
 */

/**
 * What the difference means; undefined: nobody knows.
 * @param {Block} root  @param {string} old  @param {string} text  @param {(string | number | [number])[]} delta
 * @param {boolean} anew all of the text has come; what stays of it is looked for
 * @returns {Change | undefined}
 */
const read = (root, old, text, delta, anew) => {
  /** What is copied: from where, to where, and where to. @type {[number, number, number][]} */
  const copies = [];
  let cursor = 0;
  let at = 0;
  if (anew) {
    while (at < old.length && old[at] === text[at]) at++;
    delta = [at, "", -old.length];
    at = 0;
  }
  for (const step of [...delta, old.length]) {
    if (typeof step === "string") at += step.length;
    else if (typeof step === "object") cursor = step[0];
    else {
      const to = Math.min(cursor + Math.abs(step), old.length);
      if (step > 0 && to > cursor) copies.push([cursor, to, at]);
      if (step > 0) at += to - cursor;
      cursor = to;
    }
  }
  // What a server writes anew, though it ends as the old text.
  let same = 0;
  if (copies[0] && copies.at(-1)?.[1] !== old.length) {
    const most = Math.min(old.length, text.length) - copies[0][1];
    while (same < most && old[old.length - 1 - same] === text[text.length - 1 - same]) same++;
    copies.push([old.length - same, old.length, text.length - same]);
  }
  const begins = copies[0];
  const ends = copies[copies.length - 1];
  if (!begins || begins[0] || begins[2] || ends[1] < old.length) return;
  const [, from] = begins;
  const [to] = ends;
  if (copies[1] && to < from) return;

  // Down to the innermost that has all of the change in it.
  const path = [root];
  let start = root.gap;
  let prefix = "";
  for (let block = root; ; ) {
    const { head, size, tail, inside } = block;
    const inner = start + head;
    if (from < inner || to > start + size - tail) return;
    prefix += head ? old.slice(start, inner) : "<tbody>";
    let place = inner;
    let deeper;
    for (const each of inside) {
      place += each.gap;
      if (place > from) break;
      if (each.inside[0] && from >= place + each.head && to <= place + each.size - each.tail) {
        deeper = each;
        break;
      }
      place += each.size;
    }
    if (!deeper) break;
    path.push((block = deeper));
    start = place;
  }
  const block = path[path.length - 1];
  const { element, inside, head, size, tail } = block;
  if (element.closest("select")) return;

  const inner = start + head;
  const outer = start + size - tail;
  const count = inside.length;
  const starts = [];
  const stops = [];
  let place = inner;
  for (const each of inside) {
    starts.push((place += each.gap));
    stops.push((place += each.size));
  }
  starts.push(outer);
  stops.push(outer);

  if (anew) {
    const tail = /** @type {[number, number, number]} */ (copies.pop());
    let missed = 0;
    for (let each = 0, at = inner; each < count && missed < FEW; each++) {
      const found = stops[each] <= from || starts[each] >= to ? -2 : text.indexOf(old.slice(starts[each], stops[each]), at);
      if (found === -1) missed++;
      if (found >= 0) copies.push([starts[each], stops[each], found]);
      if (found >= 0) at = found + stops[each] - starts[each];
    }
    copies.push(tail);
  }

  /** @type {Run[]} */
  const runs = [];
  /** @type {string[]} */
  const between = [];
  const used = new Uint8Array(count);
  /** Up to there, the new text has been taken. */
  let done = 0;
  /** Whether so much of the old text stands there in the new one. @param {number} from  @param {number} to  @param {number} at */
  const stands = (from, to, at) => old.slice(from, to) === text.slice(at, at + to - from);
  for (const copy of copies) {
    const [first, last, to] = copy;
    /** From a place in the old text to that in the new one. */
    const shift = to - first;
    let each = 0;
    if (copy === begins) {
      runs.push({ first: -1, last: -1 });
      between.push("");
      done = inner;
    } else {
      for (let high = count; each < high; ) {
        const middle = (each + high) >> 1;
        if (starts[middle] < first) each = middle + 1;
        else high = middle;
      }
      // Rows begin alike, so a copy may begin in the middle of one, and end in the middle of another.
      const before = each - 1;
      if (each && stops[before] > first && stands(starts[before], first, starts[before] + shift)) each--;
    }
    for (let going = copy === begins; each <= count; each++) {
      const begin = starts[each] + shift;
      const whole = each < count ? stops[each] <= last : copy === ends;
      if (!whole && (each === count || starts[each] >= last || !stands(last, stops[each], last + shift))) break;
      // Twice the same is a copy of it; what has no tags is not told apart from what is around it.
      if (begin < done || (each < count && (used[each] || !inside[each].head))) {
        going = false;
        continue;
      }
      used[each] = 1;
      const run = runs[runs.length - 1];
      const before = going ? "" : text.slice(done, begin);
      if (going || (run.last === each - 1 && before === old.slice(each ? stops[each - 1] : inner, starts[each]))) run.last = each;
      else {
        runs.push({ first: each, last: each });
        between.push(before);
      }
      going = true;
      done = stops[each] + shift;
    }
  }
  if (runs[runs.length - 1].last < count) return;
  const more = text.length - old.length;
  if (!head && !/^<tr[\s>]/i.test(text.slice(inner, inner + 4))) return;

  const change = { block, path, more, runs, between, fresh: between.map(() => /** @type {Node[]} */ ([])), blocks: between.map(() => /** @type {Block[]} */ ([])), gaps: between.map(({ length }) => length) };
  if (between.join("") && !parse(change, prefix, between)) return;

  // Keys stand once; what goes makes room for what comes.
  const keys = (block.keys ??= keysOf(inside));
  if (keys) {
    inside.forEach(({ key }, index) => used[index] || keys.delete(key));
    for (const { key } of change.blocks.flat()) {
      if (keys.has(key)) return;
      if (key) keys.add(key);
    }
    return change;
  }
};

/** Nothing, if one stands twice. @param {Block[]} blocks */
const keysOf = (blocks) => {
  const keys = blocks.map(({ key }) => key).filter(Boolean);
  const set = new Set(keys);
  return set.size === keys.length ? set : undefined;
};

/** Parses what is new where it will stand, all in one; whether it could be read. @param {Change} change  @param {string} prefix  @param {string[]} between */
const parse = ({ block, path, fresh, blocks, gaps }, prefix, between) => {
  const all = between.join(`<!--${MARK}-->`);
  if (all.includes(`${CHILD}=`)) return false;
  template.innerHTML = prefix + all;
  /** @type {any} */
  let parent = template.content;
  for (const _ of path) {
    // What is put somewhere else than it is written would be beside.
    if (parent.childNodes.length !== 1 || !parent.firstElementChild) return false;
    parent = parent.firstElementChild;
  }
  if (parent.localName !== block.element.localName) return false;
  let index = 0;
  for (const node of [...parent.childNodes])
    if (node.nodeType === Node.COMMENT_NODE && node.data === MARK) index++;
    else fresh[index]?.push(node);
  if (index !== between.length - 1) return false;
  const top = { name: parent.localName, element: parent, next: parent.firstElementChild, last: 0, inside: /** @type {Block[]} */ ([]) };
  return (
    between.every((text, place) => {
      top.inside = blocks[place];
      return (gaps[place] = walk(text, top)) >= 0;
    }) && !top.next
  );
};

/** Makes the page so; whether the outline still holds. @param {Change} change  @param {typeof import("./morph.js").morph} morph */
const put = ({ block, path, more, runs, between, fresh, blocks, gaps }, morph) => {
  const { element: parent, inside } = block;
  const count = inside.length;
  const focus = /** @type {any} */ (document.activeElement);
  const nobody = () => undefined;
  // Who keeps what is the person's looks once before anything comes.
  alive.keep?.({}, {});

  /** What no run holds. @type {Set<any>} */
  const gone = new Set();
  const sorted = runs.toSorted((a, b) => a.first - b.first);
  sorted.forEach(({ last }, place) => {
    if (last === count) return;
    const { first } = sorted[place + 1];
    const end = first < count ? inside[first].element : null;
    for (let node = last < 0 ? parent.firstChild : inside[last].element.nextSibling; node !== end; node = node.nextSibling) gone.add(node);
  });
  // As the morph does it.
  const left = [...gone];
  const news = fresh.flat();
  /** @type {Map<any, any>} */
  const pairs = new Map();
  const pair = (/** @type {any} */ old, /** @type {any} */ next) => gone.delete(old) && pairs.set(next, old);
  while (left.at(-1)?.isEqualNode(/** @type {any} */ (news.at(-1)))) pair(left.pop(), news.pop());
  const labelled = left[0] && Map.groupBy(left.reverse(), label);
  if (labelled)
    for (const node of news) {
      const old = labelled.get(label(node))?.pop();
      if (old) pair(old, node);
    }

  /** The ends of runs by their beginnings. */
  const ends = new Map();
  for (const { first, last } of runs) if (first >= 0 && last < count) ends.set(inside[first].element, inside[last].element);
  const { last } = runs[0];
  let cursor = last === count ? null : last < 0 ? parent.firstChild : inside[last].element.nextSibling;
  const skip = (/** @type {any} */ node) => {
    while (gone.has(node)) node = node.nextSibling;
    return node;
  };
  const place = (/** @type {any} */ first, /** @type {any} */ last) => {
    cursor = skip(cursor);
    if (first === cursor || first === skip((ends.get(cursor) ?? cursor)?.nextSibling)) cursor = last.nextSibling;
    else
      for (let node = first, next; ; node = next) {
        next = node.nextSibling;
        parent[node.isConnected && parent.moveBefore ? "moveBefore" : "insertBefore"](node, cursor);
        if (node === last) break;
      }
  };
  runs.forEach(({ first, last }, index) => {
    for (const node of fresh[index]) {
      const there = pairs.get(node) ?? node;
      place(there, there);
    }
    if (first >= 0 && last < count) place(inside[first].element, inside[last].element);
  });
  for (const [node, old] of pairs) morph(old, node, nobody);
  if (alive.keep) for (const node of fresh.flat()) if (!pairs.has(node) && alive.keep(node, node) === false) morph(/** @type {any} */ (node), /** @type {any} */ (node), nobody);
  for (const node of gone) node.remove();
  if (focus !== document.activeElement) focus.focus();

  block.inside = runs.flatMap(({ first, last }, index) => {
    const stay = inside.slice(Math.max(first, 0), last + 1);
    if (index && stay[0]) stay[0].gap = gaps[index];
    return [...blocks[index], ...stay];
  });
  for (const each of path) each.size += more;
  return blocks.every((list, index) => {
    let at = 0;
    return list.every((each) => {
      const from = at + each.gap;
      at = from + each.size;
      const old = pairs.get(each.element);
      if (!old) return true;
      each.element = old;
      if (!each.inside[0]) return true;
      // What it has inside was paired by the morph.
      const top = { name: "", element: null, next: old, last: 0, inside: /** @type {Block[]} */ ([]) };
      if (walk(between[index].slice(from, at), top) < 0 || !top.inside[0]) return false;
      each.inside = top.inside[0].inside;
      return true;
    });
  });
};
