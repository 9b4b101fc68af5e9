/** Random trees as a template writes them: plain objects, so that a pair that fails can be made smaller, and their HTML. */

/** Numbers that are the same for the same seed (mulberry32). @param {number} seed */
export const randomness = (seed) => {
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, pick: (list) => list[below(list.length)], chance: (share) => next() < share };
};

const TEXTS = ["one", "two", " ", "\n  ", "é ü ñ", "e\u0301\u0323 z\u0351\u036b\u0343", "👩‍👩‍👧‍👦 🏳️‍🌈", "𝒳𐍈", "שלום", "a < b & c > d", "\u00a0", "]]>", "&amp;"];
const VALUES = ["", "a", "b", "7", "20", "#ff0000", "2026-11-21", 'say "hi"', "👩‍🚀", "x\ny"];
const TYPES =
  "text text text checkbox checkbox text search tel url email password number range date month week time datetime-local color checkbox radio file hidden submit image reset button".split(" ");
const FLOW = "div p section b i em span ul table select input input textarea details dialog svg math form label button template output hr br x-open x-closed x-plain progress fieldset".split(" ");
/** Only the runtime's features keep or see these. */
export const BEYOND = new Set("template select details dialog".split(" "));
/** What may stand in an element; all other elements hold FLOW. */
const INSIDE = {
  ul: ["li"],
  table: ["tbody", "tbody", "thead", "caption", "colgroup"],
  colgroup: ["col"],
  tbody: ["tr"],
  thead: ["tr"],
  tr: ["td", "th"],
  select: ["option", "option", "optgroup", "hr"],
  optgroup: ["option"],
  svg: ["g", "circle", "use", "a", "foreignObject", "title", "linearGradient", "text"],
  g: ["circle", "path", "use", "g"],
  a: ["circle"],
  math: ["mrow", "mi", "mn", "semantics"],
  mrow: ["mi", "mn"],
  semantics: ["mi", "annotation-xml"],
  form: ["input", "select", "textarea", "label", "button", "fieldset", "p"],
  p: ["b", "i", "span", "input", "button", "br", "x-plain", "img"],
  b: ["i", "span"],
  i: ["span"],
  span: ["b", "input", "img"],
  button: ["b", "span"],
  label: ["input", "span"],
};
const CONTROLS = new Set("input textarea select".split(" "));
/** What a person may do with an element; pairs.js does it. */
const ACTIONS = {
  input: ["type", "retype", "check", "recheck", "focus"],
  textarea: ["type", "retype", "focus"],
  select: ["choose", "focus"],
  details: ["toggle"],
  dialog: ["toggle", "show"],
  other: ["show", "focus", "draw"],
};
const EMPTY = new Set("input br hr col img wbr".split(" "));
const WORDS = new Set("option title textarea mi mn text annotation-xml progress".split(" "));
const TEXTLESS = new Set("ul table colgroup tbody thead tr select optgroup".split(" "));
const MAY_BE_ALONE = new Set("div section ul span x-open svg".split(" "));

/**
 * @typedef {{ tag: string, attributes: Record<string, string>, inside: Node[], person?: string }} Element
 * @typedef {Element | { text: string } | { comment: string } | { child: string }} Node
 * @param {ReturnType<typeof randomness>} random  @param {{ core: boolean, keyed: boolean, children: string[] }} kind
 */
export const growing = (random, kind) => {
  const { below, pick, chance } = random;

  const attributesOf = (tag) => {
    const found = {};
    if (chance(0.25)) found.class = pick(["a", "b", "a b", ""]);
    if (chance(0.1)) found[pick(["data-x", "aria-label", "title", "lang", "@click.prevent", ":x"])] = pick(VALUES);
    if (chance(0.08)) found[pick(["hidden", "disabled", "inert"])] = "";
    if (kind.keyed ? chance(0.6) : chance(0.05)) found[pick(["id", "ws-key", "ws-key"])] = pick("abcdefgh");
    if (tag === "input") {
      found.type = pick(TYPES);
      if (chance(0.5)) found.name = pick("qr");
      if (chance(0.6)) found.value = pick(VALUES);
      if (chance(0.3)) found.checked = "";
      if (chance(0.2)) Object.assign(found, { min: "5", max: pick(["6", "30"]) });
    }
    if (tag === "option") {
      if (chance(0.3)) found.selected = "";
      if (chance(0.5)) found.value = pick(VALUES);
      if (chance(0.1)) found.disabled = "";
    }
    if (tag === "select") {
      if (chance(0.3)) found.multiple = "";
      if (chance(0.2)) found.size = "3";
    }
    if (tag === "details" || tag === "dialog") if (chance(0.4)) found.open = "";
    if (tag === "progress") found.value = pick(["0", "0.5"]);
    if (tag === "svg") found.viewBox = pick(["0 0 1 1", "0 0 2 2"]);
    if (tag === "use" || tag === "a") found["xlink:href"] = pick(["#a", "#b"]);
    if (tag === "linearGradient") found.gradientUnits = "userSpaceOnUse";
    if (tag === "div" && chance(0.05)) found.popover = "";
    if (tag === "div" && chance(0.04) && !kind.core) found.contenteditable = "";
    if (MAY_BE_ALONE.has(tag) && chance(0.04) && !kind.core) found[pick(["ws-ignore", "ws-stream"])] = "";
    return found;
  };

  const node = (around, depth) => {
    if (!TEXTLESS.has(around) && chance(0.25)) return { text: pick(TEXTS) };
    if (around !== "textarea" && chance(0.06)) return { comment: pick(["note", " 👍 ", "a-b"]) };
    if (!TEXTLESS.has(around) && !INSIDE[around] && kind.children.length && chance(0.12)) return { child: pick(kind.children) };
    const tag = pick(INSIDE[around] ?? FLOW);
    if (kind.core && BEYOND.has(tag)) return { text: "left out" };
    return element(tag, depth - 1);
  };

  const element = (tag, depth) => {
    const inside = [];
    if (WORDS.has(tag)) inside.push({ text: pick(TEXTS) });
    else if (!EMPTY.has(tag) && depth > 0) for (let count = below(5); count--; ) inside.push(node(tag, depth));
    if (tag === "details") inside.unshift({ tag: "summary", attributes: {}, inside: [{ text: "more" }] });
    return { tag, attributes: attributesOf(tag), inside };
  };

  /** @returns {Element} */
  const tree = () => ({ tag: "div", attributes: {}, inside: Array.from({ length: below(7) }, () => node("div", 4)) });

  /** The same tree after a few changes, as a template gives them. @param {Element} from */
  const changed = (from) => {
    const tree = structuredClone(from);
    for (let count = 1 + below(4); count--; ) {
      const parents = all(tree).filter((each) => each.inside && !WORDS.has(each.tag) && !EMPTY.has(each.tag));
      const parent = pick(parents);
      const { inside } = parent;
      const place = below(inside.length + 1);
      const one = inside[place];
      pick([
        () => inside.splice(place, 1),
        () => inside.splice(place, 0, node(parent.tag, 2)),
        () => one && inside.splice(below(inside.length), 0, ...inside.splice(place, 1)),
        () => inside.reverse(),
        () => inside.unshift(...inside.splice(place)),
        () => inside.splice(0, below(inside.length)),
        () => one?.tag && (one.attributes = attributesOf(one.tag)),
        () => one?.tag && (one.attributes = { ...one.attributes, class: "changed" }),
        () => {
          const controls = all(tree).filter((each) => each.tag && CONTROLS.has(each.tag));
          const { attributes } = controls.length ? pick(controls) : tree;
          if (chance(0.5)) attributes.class = "changed";
          else Object.assign(attributes, { value: pick(VALUES), checked: "" });
        },
        () => one && "text" in one && (one.text = pick(TEXTS)),
        () => {
          const other = pick(parents);
          if (one && other.tag === parent.tag && !all(one).includes(other)) other.inside.push(...inside.splice(place, 1));
        },
      ])();
    }
    return tree;
  };

  /** What a person does in the old tree before the new one comes. @param {Element} tree */
  const lived = (tree) => {
    for (const each of all(tree)) if (each.tag && chance(0.4)) each.person = pick(ACTIONS[each.tag] ?? ACTIONS.other);
    return tree;
  };

  return { tree, changed, lived };
};

/** @param {Node} node  @returns {Node[]} it and all in it */
export const all = (node) => [node, ...(node.inside ?? []).flatMap(all)];

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** @param {any} node  @returns {string} */
export const html = (node) => {
  if ("text" in node) return escaped(node.text);
  if ("comment" in node) return `<!--${node.comment}-->`;
  if ("child" in node) return `<template data-asok="${node.child}.arguments"></template>`;
  const person = node.person ? { "data-person": node.person } : {};
  const attributes = Object.entries({ ...node.attributes, ...person }).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  const opening = `<${node.tag}${attributes.join("")}>`;
  return EMPTY.has(node.tag) ? opening : `${opening}${node.inside.map(html).join("")}</${node.tag}>`;
};
