/**
 * `alive.resync(element)`, for a script that has changed the page by itself: the components around the element and in
 * it are shown anew, as the server renders them. Roots of components that the script has put there are taken in.
 */
import { STATE } from "./protocol.js";

const { alive } = window;

alive.resync = (element) => {
  const roots = [element, ...element.querySelectorAll(`[${STATE}]`)];
  const found = new Set(roots.map(alive.around));
  found.delete(undefined);
  // What is under way could be answered twice. Who has joined once more is asked again when all is settled.
  if ([.../** @type {Set<any>} */ (found)].some((component) => component.queue[0]))
    return document.addEventListener("alive:updated", () => alive.resync(element), { once: true });
  for (const component of /** @type {Set<import("./component.js").Component>} */ (found)) {
    component.held = 0;
    component.sent = undefined;
    alive.enqueue(component, "", {});
  }
};
