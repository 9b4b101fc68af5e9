/** Components that are mounted when they are seen, or when the browser has nothing else to do: they join only then. */
import { watch } from "./watching.js";

const { alive } = window;
const LAZY = "data-asok-lazy";
/** A browser that is never idle, as on a page that draws all the time, begins after so long; one without idle callbacks at once. */
const BUSY = /** @type {any} */ ({ timeout: 2000 });

/** @param {Element} root */
const begin = (root) => {
  const component = alive.around(root);
  if (!component || !root.hasAttribute(LAZY)) return;
  /** @type {any} */ (component).sent ??= "0";
  alive.receive("update", component.id, 0, []);
};

const observer = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && begin(entry.target)));

watch(
  `[${LAZY}]`,
  (root) => (root.getAttribute(LAZY) === "idle" ? (window.requestIdleCallback ?? setTimeout)(() => begin(root), BUSY) : observer.observe(root)),
  (root) => observer.unobserve(root),
);
