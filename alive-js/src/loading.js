/**
 * While an answer is late: the component's root has the class `ws-loading` and is `aria-busy`; a bar at the top of the
 * page shows longer waits.
 */
import { LOADING, LONG } from "./protocol.js";

/** @typedef {import("./component.js").Component} Component */

/** Those that are shown as waiting. @type {Set<Component>} */
const late = new Set();

/** @type {HTMLElement | undefined} */
let bar;

/** @param {import("./page.js").Alive} _  @param {Component} component */
export default (_, component) => {
  late.add(component);
  show();
  setTimeout(() => late.size && !bar && document.body.append((bar = strip())), LONG);
};

/** It moves, unless the person wants no motion. */
const strip = () => {
  const element = document.createElement("div");
  element.className = "ws-progress";
  Object.assign(element.style, { position: "fixed", inset: "0 auto auto 0", width: "100%", height: "3px", zIndex: 9999, background: "AccentColor" });
  element.animate(
    matchMedia("(prefers-reduced-motion: reduce)").matches
      ? { opacity: [0.4, 1] }
      : { transform: ["scaleX(0)", "scaleX(.9)"], transformOrigin: ["0 0", "0 0"] },
    { duration: 8000, easing: "ease-out", fill: "forwards" },
  );
  return element;
};

/** An answer may not be the last one that is missing, and a morph takes class and attribute away. */
const show = () => {
  for (const component of late) {
    const waits = component.queue.length > 0;
    component.root.classList.toggle(LOADING, waits);
    if (waits) component.root.setAttribute("aria-busy", "true");
    else {
      component.root.removeAttribute("aria-busy");
      late.delete(component);
    }
  }
  if (!late.size) bar = void bar?.remove();
};

document.addEventListener("alive:updated", show);
