/** The morph's random pairs, but each as a difference between two texts. */
import { randomness } from "../morph/trees.js";
import { components, live, show } from "./bench.js";
import { deltaOf } from "./deltas.js";

/** So that the text is long enough to be worth it. */
const PAD = "data-pad";
const FILLING = "x".repeat(4096);
const STATE = "data-asok-state";
/** @type {WeakMap<Element, any>} */
const known = new WeakMap();

/** Takes the place of the morph. @param {Element} root  @param {Element} wanted */
export const morph = (root, wanted) => {
  for (const child of document.querySelectorAll("[data-asok-child]")) {
    const id = child.getAttribute("data-asok-child");
    components.set(id, { id, root: child, queue: [] });
  }
  const component = known.get(root) ?? live(root);
  known.set(root, component);
  const was = component.shown;
  wanted.setAttribute(PAD, FILLING);
  const text = wanted.outerHTML;
  wanted.removeAttribute(PAD);
  if (was === text) return;
  root.setAttribute(STATE, component.token);
  show(component, was === undefined ? text : deltaOf(was, text, randomness(text.length)));
  if (component.shown !== text) throw Error(`another text:\n${component.shown}`);
  root.removeAttribute(STATE);
  root.removeAttribute(PAD);
};
