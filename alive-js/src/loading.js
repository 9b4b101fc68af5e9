/** While an answer is late, the component's root has the class `ws-loading`. */
import { LOADING } from "./protocol.js";

/** @typedef {import("./component.js").Component} Component */

/** Those that are shown as waiting. @type {Set<Component>} */
const late = new Set();

/** @param {import("./page.js").Alive} alive  @param {Component} component */
export default (alive, component) => {
  late.add(component);
  show();
};

/** An answer may not be the last one that is missing, and a morph takes the class away. */
const show = () => {
  for (const component of late) {
    const waits = component.queue.length > 0;
    component.root.classList.toggle(LOADING, waits);
    if (!waits) late.delete(component);
  }
};

document.addEventListener("alive:updated", show);
