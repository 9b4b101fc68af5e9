/**
 * `ws-transition`: updates of a component with such elements happen inside of a view transition. The browser first takes
 * a picture, so an update waits for a frame, and what comes meanwhile waits behind it.
 */
import { watch } from "./watching.js";

const { alive } = window;

/** What is not named stays as it is, and can be clicked while the rest moves. A page's own styles count more. */
const STYLE = `@layer alive{:root{view-transition-name:none}::view-transition{pointer-events:none}[ws-transition]{view-transition-name:match-element}[ws-transition]:not([ws-transition=""]){view-transition-name:attr(ws-transition type(<custom-ident>),match-element)}}`;

const still = matchMedia("(prefers-reduced-motion: reduce)");
/** @type {CSSStyleSheet | undefined} */
let sheet;
/** Messages in their order, while a picture is taken. @type {any[][] | undefined} */
let held;

watch("[ws-transition]", () => {
  if (sheet) return;
  sheet = new CSSStyleSheet();
  sheet.replace(STYLE);
  document.adoptedStyleSheets.push(sheet);
});

/** @param {any[]} message */
const moves = ([kind, id, , html]) => {
  const root = kind === "update" && html[0] && alive.components.get(id)?.root;
  return root && (root.matches("[ws-transition]") || root.querySelector("[ws-transition]"));
};

const { receive } = alive;

alive.receive = (...message) => {
  if (held) held.push(message);
  else if (!still.matches && "startViewTransition" in document && moves(message)) {
    held = [message];
    const { ready } = document.startViewTransition(() => {
      const all = /** @type {any[][]} */ (held);
      held = undefined;
      for (const each of all)
        try {
          receive(...each);
        } catch (error) {
          reportError(error);
        }
    });
    // Another one has begun, or two elements have one name: the update is shown all the same.
    ready.catch(() => {});
  } else receive(...message);
};
