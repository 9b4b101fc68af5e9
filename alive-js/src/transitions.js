/**
 * `ws-transition`: updates of a component with such elements happen inside of a view transition. The browser first takes
 * a picture, so an update waits for a frame, and what comes meanwhile waits behind it.
 */

import { closest } from "./elements.js";

const { alive } = window;

const MOVING = "[ws-transition]";
/** A browser that draws no frame, as for an embedded page that is out of sight, takes none: then there is no transition. */
const LONGEST = 3000;
/**
 * What is not named stands still and can be clicked while the rest moves; a page's own styles count more. Browsers that
 * read no names from attributes find their own.
 */
const STYLE = `@layer alive{:root{view-transition-name:none}::view-transition{pointer-events:none}${MOVING}{view-transition-name:match-element;view-transition-name:attr(ws-transition type(<custom-ident>),match-element)}}`;

const still = matchMedia("(prefers-reduced-motion: reduce)");
/** @type {CSSStyleSheet | undefined} */
let sheet;
/** Messages in their order, while a picture is taken. @type {any[][] | undefined} */
let held;

const { receive } = alive;

alive.receive = (...message) => {
  const [kind, id, , html] = message;
  // Without a name it is a row of a stream, which is a component no longer than for this call.
  const root = id && kind === "update" && html[0] && alive.components.get(id)?.root;
  if (held && id !== "") held.push(message);
  else if (root && (closest.call(root, MOVING) || root.querySelector(MOVING)) && !still.matches && "startViewTransition" in document) {
    if (!sheet) {
      document.adoptedStyleSheets.push((sheet = new CSSStyleSheet()));
      sheet.replaceSync(STYLE);
    }
    const own = (held = [message]);
    const transition = document.startViewTransition(() => {
      // One that fails is for itself.
      for (const each of own) queueMicrotask(() => receive(.../** @type {[any]} */ (each)));
      held = undefined;
    });
    // Another one has begun, or two elements have one name: the update is shown all the same.
    transition.ready.catch(() => {});
    setTimeout(() => held === own && transition.skipTransition(), LONGEST);
  } else receive(...message);
};
export {};
