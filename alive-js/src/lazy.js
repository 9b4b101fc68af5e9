/** Components that are mounted when they are seen, or when the browser has nothing else to do: they join only then. */
import { watch } from "./watching.js";

const { alive } = window;
const LAZY = "data-asok-lazy";

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
  (root) => (root.getAttribute(LAZY) === "idle" ? (window.requestIdleCallback ?? setTimeout)(() => begin(root)) : observer.observe(root)),
  (root) => observer.unobserve(root),
);
