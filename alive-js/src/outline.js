/**
 * Which stretch of a component's text is which element: the elements with a key and all that are around them, as a tree.
 *
 * Text and elements are walked side by side. Only where every tag has its element, in the same order and as deep, is
 * there an outline: then no tag was left out, none was moved, and nothing that a parser remembers goes beyond an
 * element's end, so that a stretch of it can be parsed for itself. Of what HTML adds, `<tbody>` is known, nothing else;
 * it does so for rows that are components, too.
 */
import { CHILD, INSTANCE_LENGTH, KEY, STATE } from "./protocol.js";
import { label } from "./label.js";

/**
 * @typedef {object} Block an element and its text
 * @property {any} element
 * @property {string} key what tells it apart from its siblings; empty: it is there for what is in it
 * @property {number} gap characters between it and the one before, or the start tag around
 * @property {number} head of its start tag; 0: it has none
 * @property {number} size of all of it
 * @property {number} tail of its end tag
 * @property {Block[]} inside
 * @property {Set<string>} [keys] of those inside; it is made when it is first needed
 *
 * @typedef {object} Open an element whose end has not come; the topmost is only what is around the text
 * @property {Open} [around] what it is in
 * @property {string} name
 * @property {any} element null: of what is in it, only the text is walked
 * @property {any} next its child that has to come next
 * @property {Block[]} inside
 * @property {number} at where its start tag begins
 * @property {number} inner where its inside begins; the same: it has no start tag
 * @property {number} last where what was found in it last ends
 * @property {boolean} [keyed] whether it may have a key
 * @property {boolean} [foreign] SVG or MathML
 */

/** The inside of one of these, or with one of these, is not what the text says, but a fragment, the person's or a script's. */
const LEFT = /^(template|selectedcontent)(\s|$)|\s(ws-ignore|ws-stream|contenteditable)/i;
/** A comment, an end tag or a start tag; what is written in another way has no outline. */
const TAG = /<(?:!--(?!-?>)(?:(?!--!?>|<!--)[^])*-->|\/([a-z][^\s/>]*)\s*>|([a-z][^\s/>]*)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*)\s*(\/?)>)/iy;
const EMPTY = /^(area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)$/;
/** In these, tags are text. */
const RAW = /^(iframe|script|style|textarea|title)$/;
const FOREIGN = /^(svg|math)$/;
const MAY_HAVE_KEY = /\s(id|ws-key)\s*=/i;
/** Where words are put somewhere else. */
const WORDLESS = /^(colgroup|table|t(body|foot|head|r))$/;
const WORDS = /[^ \t\n\f\r]/;
const PARTS = /^(caption|colgroup|t(body|foot|head))$/i;

/** The outline of an element, if there is one. @param {string} text its own  @param {Element} element */
export const outlineOf = (text, element) => {
  const top = open("", null);
  top.next = element;
  if (walk(text, top) >= 0) return top.inside[0];
};

/**
 * Walks on through `text`; the blocks that it finds are then `top.inside`.
 * @param {string} text  @param {Open} top  what is around
 * @returns {number} how many characters follow the last block; -1: there is no outline
 */
export const walk = (text, top) => {
  /** @type {Open | undefined} */
  let one = top;
  /** Where the last tag ends. */
  let after = 0;
  top.last = 0;
  top.inside = [];
  for (;;) {
    let from = text.indexOf("<", after);
    while (from >= 0 && !/[a-z/!?]/i.test(text[from + 1])) from = text.indexOf("<", from + 1);
    const words = text.slice(after, from < 0 ? text.length : from);
    if (words && WORDLESS.test(one.name) && WORDS.test(words)) return -1;
    if (from < 0) return one === top ? text.length - top.last : -1;
    TAG.lastIndex = from;
    const found = TAG.exec(text);
    if (!found) return -1;
    const [all, end, name, attributes, slash] = found;
    after = from + all.length;
    // Between the rows of a table and the table itself.
    if ((end || PARTS.test(name)) && one.around && one.inner === one.at) one = leave(one, from, from);
    if (end) one = one?.name === end.toLowerCase() ? leave(one, from, after) : undefined;
    else if (name) one = one && enter(one, name.toLowerCase(), attributes, slash, from, after);
    if (!one) return -1;
    if (RAW.test(one.name) && !one.foreign) {
      const length = text.slice(after).search(RegExp(`</${one.name}\\s*>`, "i"));
      if (length < 0 || text.slice(after, (after += length)).includes("<!--")) return -1;
    }
  }
};

/**
 * The element that a start tag opens, or what is around it, if it has no inside; undefined: it is another one in the page.
 * @param {Open} one  what is around  @param {string} name  @param {string} attributes  @param {string} slash
 * @param {number} at where the tag begins  @param {number} inner where it ends
 */
const enter = (one, name, attributes, slash, at, inner) => {
  if (/^(tr|template)$/.test(name) && one.name === "table" && one.next?.localName === "tbody") one = open("tbody", child(one), at, at, one);
  // Of what is left alone, only the text is walked.
  const blind = one.around && !one.element;
  const element = blind ? null : child(one);
  if (!blind && !(element && fits(element, name, attributes))) return;
  const foreign = one.foreign || FOREIGN.test(name);
  const empty = foreign ? slash : EMPTY.test(name);
  const inside = open(name, !empty && LEFT.test(name + attributes) ? null : element, at, inner, one);
  inside.keyed = MAY_HAVE_KEY.test(attributes);
  inside.foreign = foreign;
  return empty ? leave(inside, inner, inner) : inside;
};

/**
 * An element whose inside comes next; nothing around it: the text is inside of it.
 * @param {string} name  @param {any} element  @param {Open} [around]  @returns {Open}
 */
export const open = (name, element, at = 0, inner = at, around) => ({ around, name, element, next: element?.firstElementChild, at, inner, last: inner, inside: [] });

/** The child that has to come next. @param {Open} one */
const child = (one) => {
  const { element, next } = one;
  one.next = element && next?.nextElementSibling;
  return next;
};

/**
 * What is around an element that ends here; undefined: nothing, or more children ought to have come.
 * @param {Open} one  @param {number} outer where its inside ends  @param {number} to
 */
const leave = ({ around, element, next, at, inner, inside, keyed }, outer, to) => {
  if (!around || next) return;
  const key = keyed && element && (element.getAttribute(KEY) || element.id) ? label(element) : "";
  if (key || inside[0]) {
    around.inside.push({ element, key, gap: at - around.last, head: inner - at, size: to - at, tail: to - outer, inside });
    around.last = to;
  }
  return around;
};

/** Whether that is the element's start tag: of a child's root, it is the child's placeholder. @param {Element} element  @param {string} name  @param {string} attributes */
const fits = (element, name, attributes) => {
  const instance = name === "template" && attributes.includes(CHILD) && element.getAttribute(STATE)?.slice(0, INSTANCE_LENGTH);
  return instance ? attributes.includes(instance) : element.localName.toLowerCase() === name;
};
