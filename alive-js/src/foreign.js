/** What somebody else than an update changes in a component's page: while that stands, the page is not what the text says. */
import { closest } from "./elements.js";
import { IGNORE, REACT, STATE, STREAM } from "./protocol.js";

/**
 * @typedef {object} Page what is known of a component's
 * @property {MutationObserver} observer
 * @property {boolean} foreign whether somebody else has put something there, or taken it away
 * @property {Map<any, Map<string, string | null>>} before attributes that somebody else has written, and what they were
 */

/** What others change in here, no update puts right, or somebody else does. */
const THEIRS = `[${IGNORE}],[${STREAM}],[${REACT}],[contenteditable],selectedcontent`;

/** From now on, all counts. @param {Page} page  @param {Element} root */
export const watch = (page, root) => {
  page.foreign = !!closest.call(root, THEIRS);
  page.before = new Map();
  resume(page, root);
};

/** @param {Page} page  @param {Element} root */
export const resume = ({ observer }, root) =>
  observer.observe(root, { subtree: true, childList: true, characterData: true, attributes: true, attributeOldValue: true });

/** @param {Page} page  @param {Element} root  @param {MutationRecord[]} records */
export const note = (page, root, records) => {
  for (const { target, attributeName, oldValue } of records) {
    // The root's own are put right in any case; whether a <details> is open, is the person's.
    if (attributeName && (target === root || attributeName === "open")) continue;
    const around = attributeName || !(/** @type {any} */ (target).closest) ? target.parentElement : /** @type {Element} */ (target);
    if (!around || closest.call(around, `[${STATE}]`) !== root || closest.call(around, THEIRS)) continue;
    if (!attributeName) page.foreign = true;
    else {
      const before = page.before.get(target) ?? new Map();
      if (!before.has(attributeName)) page.before.set(target, before.set(attributeName, oldValue));
    }
  }
};

/** Whether the page is as it was; what was laid over it and taken off again does not count. @param {Page} page */
export const untouched = ({ foreign, before }) => {
  for (const [target, attributes] of before) for (const [name, value] of attributes) if (target.getAttribute(name) !== value) return false;
  before.clear();
  return !foreign;
};
