/** What is in the page and what comes into it: attributes of ours, and elements that match a selector. */

import { matches } from "./elements.js";

/** Attributes that begin with this are ours. */
const OURS = "ws-";

/**
 * @typedef {(word: string, otherwise: number) => number} Milliseconds what follows a word of the name; 0 without the word
 * @typedef {(attribute: Attr, kind: string, parts: string[], ms: Milliseconds) => unknown} Reader
 * @typedef {(element: any) => void} Visit
 * @type {{ selector: string, came: Visit, went?: Visit, there: Set<Element> }[]}
 */
const watches = [];
/** @type {Reader[]} */
const readers = [];

/** Calls `came` for each element that matches, now or later, and `went` when it has left. @param {string} selector  @param {Visit} came  @param {Visit} [went] */
export const watch = (selector, came, went) => {
  watches.push({ selector, came, went, there: new Set() });
};

/**
 * Calls `reader` with each attribute of ours, now or later, and with what its name says: of `ws-click.stop`, "click" and
 * ["stop"]. One that has been away comes again; with another value it is another attribute. @param {Reader} reader
 */
export const read = (reader) => {
  readers.push(reader);
};

/** @param {any} element */
const look = (element) => {
  // A field called "attributes" would be the form's.
  for (const name of element.getAttributeNames())
    if (name.startsWith(OURS)) {
      const attribute = element.getAttributeNode(name);
      const [kind, ...parts] = name.slice(OURS.length).split(".");
      const ms = (/** @type {string} */ word, /** @type {number} */ otherwise) =>
        parts.includes(word) ? +parts[parts.indexOf(word) + 1] || otherwise : 0;
      for (const reader of readers) reader(attribute, kind, parts, ms);
    }
  for (const { selector, came, there } of watches)
    if (!there.has(element) && matches.call(element, selector)) {
      there.add(element);
      came(element);
    }
};

/** @param {any} top  all that has come under it, itself included */
const arrive = (top) => {
  if (top.isConnected && top.matches) for (const element of [top, ...top.querySelectorAll("*")]) look(element);
};

const leave = () => {
  for (const { selector, went, there } of watches)
    for (const element of there)
      if (!element.isConnected || !matches.call(element, selector)) {
        there.delete(element);
        went?.(element);
      }
};

/** Begins, when all that watch are there, and somebody may see the page: a browser may have fetched it on suspicion. */
export const start = () => {
  if (/** @type {any} */ (document).prerendering) return document.addEventListener("prerenderingchange", start);
  arrive(document.documentElement);
  new MutationObserver((records) => {
    for (const { target, addedNodes, attributeName } of records)
      if (!attributeName) addedNodes.forEach(arrive);
      else if (attributeName.startsWith(OURS)) look(target);
    leave();
  }).observe(document, { childList: true, subtree: true, attributes: true });
};
