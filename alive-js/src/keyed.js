/**
 * Updates of long lists: of a difference between two texts, what it means for the elements with keys, so that no more is
 * parsed and morphed than has changed.
 *
 * Stretches that are copied hold elements that stay, or move; what is between them is parsed, and paired with what was
 * there. Wherever that might not come to the same as morphing the whole component, it is left to that: where the text has
 * no outline, the page is not as the last update left it, keys stand twice, or children come and go.
 */
import { note, resume, untouched, watch } from "./foreign.js";
import { outlineOf } from "./outline.js";
import { place } from "./placing.js";
import { STATE } from "./protocol.js";
import { read } from "./reading.js";

/**
 * @typedef {import("./outline.js").Block} Block
 * @typedef {import("./component.js").Component} Component
 *
 * @typedef {object} Shown how the server gave it
 * @property {Map<string, string | null>} attributes the root's own
 * @property {Block} [outline] once it has been needed
 * @property {number} hopeless the length of the text that had none
 *
 * @typedef {import("./foreign.js").Page & Shown} Page
 */

const { alive } = window;

/** Shorter texts are parsed faster than thought about. */
const SHORT = 4096;

/** @type {WeakMap<Component, Page>} */
const pages = new WeakMap();
/** The one that is morphed as a whole. @type {Component | undefined} */
let whole;

// The whole component is as the server gave it: before anybody else hears of that, and does something to it.
addEventListener(
  "alive:updated",
  ({ target }) => {
    if (!whole || whole.root !== target || /** @type {string} */ (whole.shown).length < SHORT) return;
    const page = pageOf(whole);
    const { root } = whole;
    whole = undefined;
    page.observer.disconnect();
    page.outline = undefined;
    page.attributes = new Map(root.getAttributeNames().map((name) => [name, root.getAttribute(name)]));
    watch(page, root);
  },
  true,
);

/** @param {Component} component  @returns {Page} */
const pageOf = (component) => {
  let page = pages.get(component);
  if (!page) {
    const observer = new MutationObserver((records) => note(/** @type {Page} */ (page), component.root, records));
    pages.set(component, (page = /** @type {Page} */ ({ observer, hopeless: 0 })));
  }
  return page;
};

alive.patch = (component, delta, morph) => {
  whole = component;
  const page = pages.get(component);
  const { root, shown } = component;
  if (!page || !shown) return false;
  if (typeof delta === "string") page.hopeless = 0;
  note(page, root, page.observer.takeRecords());
  if (!untouched(page)) return false;
  const outline = (page.outline ??= outlined(page, root, shown));
  const change = outline && read(outline, shown, delta);
  if (!change) return false;
  page.observer.disconnect();
  if (!place(change, change.text.length - shown.length, morph)) page.outline = undefined;
  restore(root, page.attributes);
  resume(page, root);
  component.shown = change.text;
  whole = undefined;
  return true;
};

/** @param {Page} page  @param {Element} root  @param {string} text */
const outlined = (page, root, text) => {
  // What had no outline will hardly have one after another word.
  if (text.length < 2 * page.hopeless) return;
  const block = outlineOf(text, root);
  if (block?.inside[0]) return block;
  page.hopeless = text.length;
};

/** Gives a root its own attributes again; its token is newer. @param {Element} root  @param {Page["attributes"]} attributes */
const restore = (root, attributes) => {
  for (const name of root.getAttributeNames()) if (!attributes.has(name)) root.removeAttribute(name);
  for (const [name, value] of attributes) if (name !== STATE && root.getAttribute(name) !== value) root.setAttribute(name, /** @type {string} */ (value));
};
