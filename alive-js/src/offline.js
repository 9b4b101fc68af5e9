/** A connection is lost, or could not be had: what it means for what was under way, and when and how the next one is made. */
import { later } from "./later.js";
import Line from "./line.js";
import { CUT, FINAL, FIRST_DELAY, LONGEST_DELAY, REFUSED, RESTARTS, SESSION_ENDED, TOO_BIG } from "./protocol.js";
import { fail } from "./refused.js";
import reset from "./reset.js";

/** @typedef {import("./page.js").Alive} Alive */

const SPREAD = 5000;
/** After a restart others come at the same time. */
const RESTART_SPREAD = 1000;
/** So long an answer with another cookie, as after a login in another tab, may be on its way. */
const ON_ITS_WAY = 1000;
/** So many WebSockets in a row must have failed, before it goes without. */
const ENOUGH = 2;

const bare = document.querySelector("script[data-live][data-post]");

/** Attempts since the server was last well. */
let attempt = 0;
/** WebSockets in a row that nobody has opened. */
let shut = 0;
/** Whether there has been one. */
let proven = false;
/** The newest connection. @type {any} */
let newest;
let opened = false;
/** Whether the server has said anything on it. */
let heard = false;
/** Events that may have begun on it, and on none before. @type {any[]} */
let begun = [];

/** The server has answered. */
export const well = () => (attempt = 0);

/** The server has said something, be it only that it has taken the join. */
export const hear = () => (heard = true);

/** Whether the page has had a WebSocket. @param {any} socket that is being made  @param {boolean} [open] or is there */
export const dialed = (socket, open = false) => {
  newest = socket;
  opened = open;
  heard = false;
  begun = [];
  if (open && !socket.post) {
    proven = true;
    shut = 0;
  }
  return proven;
};

/** What the next one is made with; undefined: a WebSocket. One that hangs is enough. @param {boolean} hung */
const next = (hung) => {
  const posted = newest?.post;
  if (bare || (posted && opened)) return Line;
  if (posted || opened) return;
  shut += hung ? ENOUGH : 1;
  if (shut < ENOUGH) return;
  // Once: a server that is simply down is asked for a WebSocket first when it is back.
  shut = 0;
  return Line;
};

/** @param {Alive} alive  @param {number} [code]  @returns {true} it is taken care of */
export default (alive, code) => {
  if (FINAL.test(`${code}`)) conclude(alive, /** @type {number} */ (code));
  else {
    const Next = next(code === 0);
    // At once: what has shut out the WebSocket does not mean that the server is down.
    const now = Next && !newest?.post;
    if (code === CUT) attempt = Math.max(attempt, ENOUGH * ENOUGH);
    const delay = Math.min((code === RESTARTS ? RESTART_SPREAD : FIRST_DELAY) * 2 ** attempt, LONGEST_DELAY);
    if (!now) attempt++;
    later(() => alive.connect(Next), now ? 0 : Math.random() * delay);
  }
  return true;
};

/** Connecting again does not mend it by itself. @param {Alive} alive  @param {number} code */
const conclude = async (alive, code) => {
  alive.giveUp?.();
  if (code === SESSION_ENDED) {
    // Who does not know the session takes no event.
    if (!heard) for (const { 4: data } of begun) data.retry = undefined;
    // With the old cookie the page would bring a session of its own, and that one's cookie take the place of the new one.
    await new Promise((come) => setTimeout(come, ON_ITS_WAY));
    await reset(alive, "");
  } else drop(alive, code);
  if (code !== REFUSED) setTimeout(() => alive.connect(next(false)), Math.random() * SPREAD);
};

/** The server could not read what it got, and would not the next time. @param {Alive} alive  @param {number} code */
const drop = (alive, code) => {
  for (const [instance, { queue, sent = 0, root }] of alive.components)
    for (const event of [...queue])
      if (event[2] <= sent || code === REFUSED) {
        alive.receive("update", instance, event[2], []);
        fail(root, code === TOO_BIG ? "too_big" : "failed", "", event);
      }
};

// What was under way says so when it goes again: it may be what has ended the server.
document.addEventListener("alive:disconnected", () => {
  const all = [...window.alive.components.values()];
  begun = all.flatMap(({ queue, sent = 0 }) => queue.filter((/** @type {any} */ { 2: seq, 4: data }) => seq <= sent && !data.retry));
  for (const { 4: data } of begun) data.retry = 1;
});
