/** The one socket of the page: opened, listened to, and opened again when it is lost. */
import { flush, join, update } from "./component.js";
import { alive, components, emit, load, script } from "./page.js";
import { BATCH, FINAL, FIRST_DELAY, LONGEST_DELAY } from "./protocol.js";

const page = document.documentElement.dataset;
let attempt = 0;

export const connect = (alive.connect = () => {
  const socket = new WebSocket(/** @type {string} */ (script.dataset.live));
  socket.onopen = () => {
    alive.socket = socket;
    page.alive = "live";
    // Here is much of what is needed when the line is lost, so it comes while there is one.
    load("pong");
    // Whoever listens joins, whoever had an event joins again. Only then what is not settled goes, even if it has been
    // sent before: what comes of it, all hear.
    const joined = [...components.values()].filter((component) => /** @type {number} */ (component.sent) >= 0);
    let start = 0;
    do join(...joined.slice(start, (start += BATCH)));
    while (joined[start]);
    joined.forEach(flush);
    emit(document, "connected");
  };
  socket.onmessage = ({ data }) => alive.receive(...JSON.parse(data));
  socket.onclose = ({ code }) => {
    if (alive.socket) emit(document, "disconnected");
    alive.socket = undefined;
    page.alive = "offline";
    if (FINAL.test(/** @type {any} */ (code))) load("offline", code, connect);
    else setTimeout(connect, Math.random() * Math.min(FIRST_DELAY * 2 ** attempt++, LONGEST_DELAY));
  };
});

alive.receive = (kind, id, ...args) => {
  const component = components.get(id);
  if (kind === "joined") script.dataset.csrf = id;
  else {
    // Only now the server is well: one that takes a join and falls over must not be called at once again.
    attempt = 0;
    if (kind === "update" && component) update(component, ...(/** @type {[any, any]} */ (args)));
    else load(kind, id, ...args);
  }
};
