/**
 * Development: one error in the console for each attribute in the page whose name is misspelt, and for what is of no use. The server looks through
 * templates; this sees what methods and scripts write.
 */
import { ATTRIBUTES, EVENTS, MODIFIERS } from "./names.js";

const LONG_WORD = 10;
const FILE = "form[ws-submit] [type=file]:not([ws-hook])";
/** Names of elements' own that may be asked of a form. */
const SHARED = /[a-z][A-Z]/;
const KNOWN = [...EVENTS, ...Object.keys(ATTRIBUTES)].sort();

/** How many letters were left out, added, mistaken or swapped with the next one. @param {string} one  @param {string} other */
const slips = (one, other) => {
  /** @type {number[][]} */
  const rows = [[...other, ""].map((_, place) => place)];
  for (let i = 1; i <= one.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= other.length; j++) {
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      rows[i][j] = Math.min(
        rows[i - 1][j] + 1,
        rows[i][j - 1] + 1,
        rows[i - 1][j - 1] + +(one[i - 1] !== other[j - 1]),
        swapped ? rows[i - 2][j - 2] + 1 : Infinity,
      );
    }
  }
  return rows[one.length][other.length];
};

/** What an unknown word was meant to be; nothing where it may be the name of somebody's own event. @param {string} word */
const meant = (word) => {
  const most = word.length < LONG_WORD ? 1 : 2;
  if (EVENTS.includes(word.replace(/^on/, ""))) return word.replace(/^on/, "");
  if (KNOWN.some((known) => word === known + "d" || word === known + "ed")) return undefined;
  return KNOWN.find((known) => known[0] === word[0] && slips(word, known) <= most);
};

/** @param {string} name of an attribute  @returns {string | undefined} what is wrong with it */
export const problem = (name) => {
  const [base, ...words] = name.slice(3).split(".");
  const own = ATTRIBUTES[base];
  const close = own || EVENTS.includes(base) ? undefined : meant(base);
  if (close) return `there is no ws-${base}; did you mean ws-${close}?`;
  // Other events than the browsers' own may have dots in their names.
  if (!own && (base.startsWith("key") || !EVENTS.includes(base))) return undefined;
  const odd = words.find((word) => !(own ?? MODIFIERS).includes(word) && !/^\d+$/.test(word));
  return odd === undefined ? undefined : `ws-${base} has no modifier ${odd}`;
};

const said = new Set();

/** @param {any} element */
const look = (element) => {
  // A form has its fields for properties, instead of its own.
  for (const name of Element.prototype.getAttributeNames.call(element))
    if (name.startsWith("ws-") && !said.has(name)) {
      said.add(name);
      const found = problem(name);
      if (found) console.error(`alive: ${found}`, element);
    }
  const { form, name } = element;
  if (form && SHARED.test(name) && name in Element.prototype && !said.has(name)) {
    said.add(name);
    console.error(`alive: a field called ${name} stands in the place of its form's own ${name}, so that the form may not be updated; rename it`, element);
  }
  if (!said.has(FILE) && Element.prototype.matches.call(element, FILE)) {
    said.add(FILE);
    console.error("alive: a method gets no files; send them with a form without ws-submit, to a route", element);
  }
};

/** @param {Node} node */
const arrive = (node) => {
  if (node instanceof Element) for (const element of [node, ...Element.prototype.querySelectorAll.call(node, "*")]) look(element);
};

if (globalThis.document) {
  arrive(document.documentElement);
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) [target, ...addedNodes].forEach((node, place) => (place ? arrive(node) : look(/** @type {Element} */ (node))));
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true });
}
