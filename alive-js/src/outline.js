/**
 * Which stretch of a component's text is which element: the elements with a key and all that are around them, as a tree.
 *
 * Text and elements are walked side by side. Only where every tag has its element, in the same order and as deep, is
 * there an outline: then no tag was left out, none was moved, and nothing that a parser remembers goes beyond an
 * element's end, so that a stretch of it can be parsed for itself. Of what HTML adds, `<tbody>` is known, nothing else.
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
 * @typedef {object} Open an element whose end has not come
 * @property {string} name
 * @property {any} element null: of what is in it, only the text is walked
 * @property {any} next its child that has to come next
 * @property {Block[]} inside
 * @property {boolean} [keyed] whether it may have a key
 * @property {number} [at] where its start tag begins
 * @property {number} [inner] where its inside begins; the same: it has no start tag
 * @property {number} last where what was found in it last ends
 * @property {boolean} [foreign] SVG or MathML
 */

/** The inside of an element with one of these is not what the text says, but the person's or a script's. */
const LEFT = /\s(ws-ignore|ws-stream|contenteditable)/i;
/** A comment, an end tag or a start tag; what is written in another way has no outline. */
const TAG = /<(?:!--(?!-?>)((?:(?!--!?>|<!--)[^])*)-->|\/([a-z][^\s/>]*)\s*>|([a-z][^\s/>]*)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*)\s*(\/?)>)/iy;
const EMPTY = /^(area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)$/i;
/** In these, tags are text. */
const RAW = /^(iframe|script|style|textarea|title)$/i;
const MAY_HAVE_KEY = /\s(id|ws-key)\s*=/i;
/** Where words are put somewhere else. */
const WORDLESS = /^(colgroup|table|t(body|foot|head|r))$/;
const WORDS = /[^ \t\n\f\r]/;
const PARTS = /^(caption|colgroup|t(body|foot|head))$/i;

/**
 * Walks on through `text`; the blocks that it finds are put into `top.inside`.
 * @param {string} text  @param {Open} top  what is around
 * @returns {number} how many characters follow the last block; -1: there is no outline
 */
export const walk = (text, top) => {
  const open = [top];
  let one = top;
  let at = 0;
  /** Where the last tag ends. */
  let after = 0;
  top.last = 0;

  /** @param {any} element  @param {number} from  @param {number} inner  @param {number} outer  @param {number} to  @param {Block[]} inside  @param {boolean} keyed */
  const put = (element, from, inner, outer, to, inside, keyed) => {
    const key = keyed && (element.getAttribute(KEY) || element.id) ? label(element) : "";
    if (!key && !inside[0]) return;
    one.inside.push({ element, key, gap: from - one.last, head: inner - from, size: to - from, tail: to - outer, inside });
    one.last = to;
  };
  /** @param {number} outer  @param {number} to */
  const close = (outer, to) => {
    const { element, at, inner, inside, next, keyed } = /** @type {any} */ (open.pop());
    one = open[open.length - 1];
    if (element) put(element, at, inner, outer, to, inside, keyed);
    return !next;
  };
  /** Between the rows of a table and the table itself. */
  const implied = () => one.inner === one.at && one !== top;

  for (;;) {
    at = text.indexOf("<", at);
    if (at >= 0 && !/[a-z/!?]/i.test(text[at + 1])) {
      at++;
      continue;
    }
    const words = text.slice(after, at < 0 ? text.length : at);
    if (words && WORDLESS.test(one.name) && WORDS.test(words)) return -1;
    if (at < 0) return open[1] ? -1 : text.length - top.last;
    TAG.lastIndex = at;
    const found = TAG.exec(text);
    if (!found) return -1;
    const [all, , end, name, attributes, slash] = found;
    const from = at;
    at = after = from + all.length;
    if (end) {
      if (implied() && !close(from, from)) return -1;
      if (one === top || one.name !== end.toLowerCase() || !close(from, at)) return -1;
    } else if (name) {
      const lower = name.toLowerCase();
      if (implied() && PARTS.test(lower) && !close(from, from)) return -1;
      if (lower === "tr" && one.name === "table" && one.next?.localName === "tbody") {
        const body = one.next;
        one.next = body.nextElementSibling;
        open.push((one = { name: "tbody", element: body, next: body.firstElementChild, inside: [], at: from, inner: from, last: from }));
      }
      // Of what is left alone, only the text is walked.
      const blind = one !== top && !one.element;
      const element = blind ? null : one.next;
      const placeholder = lower === "template" && attributes.includes(CHILD);
      if (!blind) {
        if (!element) return -1;
        one.next = one.element && element.nextElementSibling;
        const instance = placeholder && element.getAttribute(STATE)?.slice(0, INSTANCE_LENGTH);
        if (instance ? !attributes.includes(instance) : element.localName !== lower && element.localName.toLowerCase() !== lower) return -1;
      }
      const foreign = one.foreign || lower === "svg" || lower === "math";
      const keyed = MAY_HAVE_KEY.test(attributes);
      if (foreign ? slash : EMPTY.test(lower)) {
        if (element?.firstElementChild) return -1;
        if (element) put(element, from, at, at, at, [], keyed);
        continue;
      }
      const alone = blind || lower === "template" || lower === "selectedcontent" || LEFT.test(attributes);
      const inner = alone ? null : element;
      open.push((one = { name: lower, element: inner, next: inner && element.firstElementChild, inside: [], at: from, inner: at, last: at, foreign, keyed }));
      if (RAW.test(lower) && !foreign) {
        const closing = new RegExp(`</${lower}\\s*>`, "gi");
        closing.lastIndex = at;
        const ends = closing.exec(text);
        if (!ends || text.slice(at, ends.index).includes("<!--")) return -1;
        at = ends.index;
      }
    }
  }
};
