/**
 * While an answer is late: the component's root has the class `ws-loading` and is `aria-busy`; a bar at the top of the
 * page shows longer waits.
 */
import { LATE, LOADING, LONG } from "./protocol.js";

/** @typedef {import("./component.js").Component} Component */

const { alive } = window;

/** Those that are shown as waiting. @type {Set<Component>} */
const late = new Set();

/** @type {HTMLElement | undefined} */
let bar;

/** @param {Component} component */
const begin = (component) => {
  late.add(component);
  show();
  setTimeout(() => late.has(component) && !bar && document.body.append((bar = strip())), LONG);
};

/** It moves, unless the person wants no motion. */
const strip = () => {
  const element = document.createElement("div");
  element.className = "ws-progress";
  element.style.cssText = "position:fixed;inset:0 0 auto;height:3px;z-index:9999;background:AccentColor;transform-origin:0 0";
  element.animate(
    matchMedia("(prefers-reduced-motion: reduce)").matches ? { opacity: [0.4, 1] } : { transform: ["scaleX(0)", "scaleX(.9)"] },
    { duration: 8000, easing: "ease-out", fill: "forwards" },
  );
  return element;
};

/** An answer may not be the last one that is missing, and a morph takes class and attribute away. */
const show = () => {
  for (const component of late) {
    const { queue, root } = component;
    // One that has left the page hears no answer.
    const waits = queue.length > 0 && root.isConnected;
    root.classList.toggle(LOADING, waits);
    if (waits) root.ariaBusy = "true";
    else {
      root.removeAttribute("aria-busy");
      root.className || root.removeAttribute("class");
      late.delete(component);
    }
  }
  if (!late.size) bar = void bar?.remove();
};

const { enqueue } = alive;

/** @param {Component} component  @param {import("./component.js").Event} event */
const expect = (component, event) => setTimeout(() => component.queue.includes(event) && begin(component), LATE);

alive.enqueue = (component, ...args) => {
  const event = enqueue(component, ...args);
  expect(component, event);
  return event;
};
for (const component of alive.components.values()) for (const event of component.queue) expect(component, event);

document.addEventListener("alive:updated", show);

/** A core of an earlier release tells by itself when an answer is late. @param {unknown} _  @param {Component} component */
export default (_, component) => begin(component);
