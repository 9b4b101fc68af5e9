/**
 * `alive.resync(element)`, for a script that has changed the page by itself: the components around the element and in
 * it are shown anew, as the server renders them. Roots of components that the script has put there are taken in.
 */
import { STATE } from "./protocol.js";

const { alive } = window;

alive.resync = (element) => {
  for (const component of new Set([element, ...element.querySelectorAll(`[${STATE}]`)].map(alive.around)))
    if (component) {
      // It joins once more and holds nothing, so that the answer is the whole text; the server does nothing twice.
      component.held = 0;
      // An event that runs just now may be done, and its answer not be heard any more.
      for (const { 4: data } of component.queue) /** @type {any} */ (data).retry = 1;
      component.sent = undefined;
      alive.enqueue(component, "", {});
    }
};
