/** From a line without a WebSocket back to one, as soon as it can be had and nothing is under way. */
import { later } from "./later.js";
import { PATIENCE } from "./protocol.js";
import { waits } from "./waits.js";

/** @typedef {import("./page.js").Alive} Alive */

const FIRST = 15_000;
const LONGEST = 300_000;
/** So often it is looked whether nothing is under way. */
const LOOK = 50;

/** @param {Alive} alive  @param {import("./line.js").Line} line  @param {number} [delay] */
export const climb = (alive, line, delay = FIRST) => {
  if (document.querySelector("script[data-live][data-post]")) return;
  later(() => {
    if (alive.socket !== line) return;
    const socket = new WebSocket(line.url);
    let since = 0;
    socket.onclose = () => climb(alive, line, Math.min(delay * 2, LONGEST));
    const hangs = setTimeout(() => socket.close(), PATIENCE * 3);
    const swap = () => {
      if (alive.socket !== line || Date.now() - since > PATIENCE * 2) socket.close();
      // The answer to a question, say, counts only where it was asked.
      else if (waits(alive)) setTimeout(swap, LOOK);
      else change(alive, line, socket);
    };
    socket.onopen = () => {
      clearTimeout(hangs);
      since = Date.now();
      swap();
    };
  }, delay);
};

/** All that matters is kept by the page and by the server, so it is as if the connection had been lost, without the loss. */
const change = (/** @type {Alive} */ alive, /** @type {import("./line.js").Line} */ line, /** @type {WebSocket} */ socket) => {
  line.onclose = line.onmessage = null;
  // What is there already.
  alive.connect(
    class {
      constructor() {
        return socket;
      }
    },
  );
  /** @type {any} */ (socket).onopen();
  line.close();
};
