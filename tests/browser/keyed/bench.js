/** A page whose components are updated by hand, through the runtime's own sources: `show(root, text, delta)`. */
window.alive = { ...window.alive };
const { update, componentOf } = await import("/src/component.js");
if (!location.search.includes("core")) await import("/src/keeping.js");
await import("/src/keyed.js");
const { components } = await import("/src/page.js");

const { alive } = window;
const { patch } = alive;
/** How many updates there were of which only what had changed was parsed, and how many others. */
window.counts = { keyed: 0, whole: 0 };
alive.patch = (component, delta, morph) => {
  const done = patch(component, delta, morph);
  counts[done ? "keyed" : "whole"]++;
  return done;
};

const instance = (/** @type {number} */ n) => `keyed${String(n).padStart(7, "0")}`;
let count = 0;

/** Makes a component of an element. @param {Element} root */
export const live = (root) => {
  root.setAttribute("data-asok-state", `${instance(++count)}.key.payload.mac`);
  return componentOf(root);
};

/** Takes it away again. @param {any} component */
export const leave = (component) => components.delete(component.id);

/** @param {any} component  @param {string | any[]} html  @param {any[]} [effects] */
export const show = (component, html, effects) => update(component, 0, html, [], effects);

export { components };
window.morph = (await import("/src/morph.js")).morph;
document.documentElement.dataset.ready = "";
