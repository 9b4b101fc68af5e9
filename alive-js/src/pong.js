/** What a connection needs in the long run: it is tested when it is quiet, and children that have left are signed off. */
import { dialed, hear, well } from "./offline.js";
import { PATIENCE, SILENT } from "./protocol.js";
import { climb } from "./climbing.js";
import { waits } from "./waits.js";

/** @typedef {import("./page.js").Alive} Alive */

const CONNECTING = 0;
const OPEN = 1;
const TICK = 1000;
/** A connection that is quiet for so many milliseconds is tested. */
const IDLE = 25_000;
/** The same while an answer is awaited. */
const QUIET = 1500;
/** The longest that the answer to a test may take, and so many times that where no message has come through since. */
const LATEST = 10_000;
const MORE = 6;

/** So many milliseconds it may take now: more after each connection that was given up, for the network may only be slow. */
let quiet = QUIET;

/** How far away that is: a clock may be set back. @param {number} time */
const since = (time) => Math.abs(Date.now() - time);

/** The newest event of components that were signed off: their numbers go on where they come back. @type {Map<string, number>} */
export const left = new Map();

/** Called when a connection is being made, and with each answer to a ping. @param {Alive} alive  @param {any} [socket] */
export default (alive, socket) => {
  // Called late, when this module has come at last, it may be one that is over.
  if (!socket || socket.readyState > OPEN) return;
  const proven = dialed(socket);
  const opened = () => {
    dialed(socket, true);
    watch(alive, socket);
    if (socket.post) climb(alive, socket);
  };
  if (alive.socket === socket) {
    opened();
    hear(); // nobody knows what has been missed
    return;
  }
  socket.addEventListener("open", opened);
  // One that is neither opened nor refused. Where they have been had before, the server may only be very busy.
  setTimeout(() => socket.readyState === CONNECTING && lose(socket), PATIENCE * (proven ? 2 : 1));
};

/** @param {Alive} alive  @param {WebSocket} socket */
const watch = (alive, socket) => {
  let heard = Date.now();
  let tested = 0;
  socket.addEventListener("message", ({ data }) => {
    heard = Date.now();
    tested = 0;
    hear();
    if (/^\["(joined|pong)"/.test(data)) return;
    // Only now the server is well: one that takes a join and falls over must not be called at once again.
    well();
    quiet = Math.max(QUIET, Math.min(LATEST, quiet * 0.9));
  });

  const test = () => {
    if (alive.socket !== socket) return done();
    sweep();
    // A lost network tells nobody: who does not answer is dead.
    if (tested) {
      if (since(tested) < quiet) return;
      quiet = Math.min(quiet * 2, LATEST * MORE);
      lose(socket, SILENT);
    } else if (since(heard) >= (waits(alive) ? QUIET : IDLE)) {
      tested = Date.now();
      socket.send('["ping"]');
    }
  };
  const sweep = () => {
    for (const [instance, { root, last }] of alive.components)
      if (!root.isConnected) {
        alive.components.delete(instance);
        if (last) left.set(instance, last);
        socket.send(JSON.stringify(["leave", instance]));
      }
  };
  // A page that goes leaves no line behind, and one that may come back has lost it meanwhile.
  const hidden = (/** @type {PageTransitionEvent} */ { persisted }) => (persisted || "post" in socket) && lose(socket);
  const ticking = setInterval(test, TICK);
  const done = () => {
    clearInterval(ticking);
    document.removeEventListener("alive:updated", sweep);
    removeEventListener("pagehide", hidden);
  };
  document.addEventListener("alive:updated", sweep);
  addEventListener("pagehide", hidden);
  test();
};

/** As if it had been closed; the browser itself would say so only minutes later. @param {WebSocket} socket  @param {number} [code] */
const lose = (socket, code) => {
  const { onclose } = socket;
  socket.onclose = null;
  socket.close(code);
  onclose?.call(socket, new CloseEvent("close"));
};
