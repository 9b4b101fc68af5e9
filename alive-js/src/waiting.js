/** A line at the bottom of the page while there is no connection, with the number of waiting events; `[ws-offline]` stands in for it. */
import { fail } from "./refused.js";
import { waits } from "./waits.js";

const { alive } = window;

/** So many events are kept without a connection. */
const MOST = 100;
const WORDS = "There is no connection, and 100 events wait: this one was not kept.";

/** A connection that is back within a second, as after a deploy, is not worth a word. */
const PERIOD = 1000;
const STYLE = "position:fixed;inset:auto 0 0;z-index:9999;padding:.6em;text-align:center;background:CanvasText;color:Canvas";

/** @type {HTMLElement | undefined} */
let line;
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;

const tick = () => {
  const own = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[ws-offline]"));
  const count = waits(alive);
  const away = !alive.socket;
  if (!away) clearInterval(ticking);
  for (const element of own) {
    element.hidden = !away;
    for (const place of element.querySelectorAll("[ws-waiting]")) place.textContent = `${count}`;
  }
  if (!away || own[0]) return (line = void line?.remove());
  if (!line) {
    line = document.createElement("div");
    line.role = "status";
    line.style.cssText = STYLE;
    document.body.append(line);
  }
  const words = "No connection" + (count ? ` · ${count} waiting` : "") + (count < MOST ? "" : " · no more are kept");
  // Said anew only when it is another.
  if (line.textContent !== words) line.textContent = words;
};

const { enqueue } = alive;

alive.enqueue = (component, call, data, ...rest) => {
  if (alive.socket || waits(alive) < MOST) return enqueue(component, call, data, ...rest);
  const event = /** @type {any} */ (["event", component.id, 0, call, data]);
  // Whoever calls can say first what it is to do then.
  queueMicrotask(() => fail(component.root, "full", WORDS, event));
  return event;
};

const begin = () => {
  clearInterval(ticking);
  ticking = setInterval(tick, PERIOD);
};

document.addEventListener("alive:disconnected", begin);
document.addEventListener("alive:connected", tick);
if (!alive.socket) begin();
export {};
