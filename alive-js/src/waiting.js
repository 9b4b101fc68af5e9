/**
 * A line at the bottom of the page: while there is no connection, with the number of waiting events, where no
 * `[ws-offline]` stands in for it; and for a while what was not done, unless a listener has prevented that.
 */
import { wellFormed } from "./ask.js";
import { closest } from "./elements.js";
import { left } from "./pong.js";
import { fail } from "./refused.js";
import { waits } from "./waits.js";

const { alive } = window;

/** So many events are kept without a connection. */
const MOST = 100;
const WORDS = "There is no connection, and 100 events wait: this one was not kept.";

/** A connection that is back within a second, as after a deploy, is not worth a word. */
const PERIOD = 1000;
const NOTICED = 8000;
const STYLE = "position:fixed;inset:auto 0 0;z-index:9999;padding:.6em;text-align:center;background:CanvasText;color:Canvas";

/** @type {HTMLElement | undefined} */
let line;
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;
/** What was not done, as long as it is shown. */
let notice = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let passing;

const tick = () => {
  const own = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[ws-offline]"));
  const count = waits(alive);
  const away = !alive.socket;
  if (!away) clearInterval(ticking);
  for (const element of own) {
    element.hidden = !away;
    for (const place of element.querySelectorAll("[ws-waiting]")) place.textContent = `${count}`;
  }
  const words = notice || (away && !own[0] && "No connection" + (count ? ` · ${count} waiting` : "") + (count < MOST ? "" : " · no more are kept"));
  if (!words) return (line = void line?.remove());
  if (!line) {
    line = document.createElement("div");
    line.role = "status";
    line.style.cssText = STYLE;
    document.body.append(line);
  }
  // Said anew only when it is another.
  if (line.textContent !== words) line.textContent = words;
};

const { around, enqueue } = alive;

alive.around = (element) => {
  // The core asks for nothing else of it.
  const component = around(/** @type {any} */ ({ closest: (/** @type {string} */ selector) => closest.call(element, selector) }));
  // One that a script has put back counts on: the server has its numbers, and does none of them twice.
  if (component) {
    component.last ||= left.get(component.id) ?? 0;
    left.delete(component.id);
  }
  return component;
};

alive.enqueue = (component, call, data, ...rest) => {
  if (alive.socket || waits(alive) < MOST) return enqueue(component, call, JSON.parse(JSON.stringify(data, wellFormed)), ...rest);
  const event = /** @type {any} */ (["event", component.id, 0, call, data]);
  // Whoever calls can say first what it is to do then.
  queueMicrotask(() => fail(component.root, "full", WORDS, event));
  return event;
};

const begin = () => {
  clearInterval(ticking);
  ticking = setInterval(tick, PERIOD);
};

/** @param {string} words */
const note = (words) => {
  notice = words;
  tick();
};

document.addEventListener("alive:error", (event) => {
  const { code, text } = /** @type {CustomEvent} */ (event).detail;
  if (!text || !/^(parked|reset|failed|timeout|denied|refused)$/.test(code)) return;
  // The listeners behind this one have their say first.
  queueMicrotask(() => {
    if (event.defaultPrevented) return;
    note(text);
    clearTimeout(passing);
    passing = setTimeout(note, NOTICED, "");
  });
});
document.addEventListener("alive:disconnected", begin);
document.addEventListener("alive:connected", tick);
if (!alive.socket) begin();
export {};
