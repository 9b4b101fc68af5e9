/** The one line of the page: opened, listened to, and opened again when it is lost. */
import { alive, components, emit, load, script } from "./page.js";
import { flush, join, update } from "./component.js";
import { BATCH, LONGEST_DELAY } from "./protocol.js";

const page = document.documentElement.dataset;

/** @param {{ code?: number }} event */
const lost = (event) => {
  if (alive.socket) emit(document, "disconnected");
  alive.socket = undefined;
  page.alive = "offline";
  // When the next one is made, and how, is the affair of `offline`; without it, any time that is not too soon.
  load("offline", event.code).catch(() => setTimeout(alive.connect, LONGEST_DELAY));
};

/** On a page with `data-post` it is lost before it is made: what goes without a WebSocket stands in a module. */
export const connect = (alive.connect = (Line = /** @type {any} */ (script.dataset.post ?? WebSocket)) => {
  if (!Line) return lost({});
  const socket = new Line(/** @type {string} */ (script.dataset.live));
  // Here is much of what is needed when the line is lost, so it comes while there may be one.
  load("pong", socket);
  socket.onopen = () => {
    alive.socket = socket;
    page.alive = "live";
    // Whoever listens joins, whoever had an event joins again. Only then what is not settled goes, even if it has been
    // sent before: what comes of it, all hear.
    let size = 0;
    Map.groupBy(
      [...components.values()].filter((component) => /** @type {number} */ (component.sent) >= 0),
      (component) => (size += component.token.length) >> BATCH,
    ).forEach(join);
    size || join([]);
    components.forEach(flush);
    emit(document, "connected");
  };
  socket.onmessage = (/** @type {MessageEvent} */ event) => alive.receive(...JSON.parse(event.data));
  socket.onclose = lost;
});

alive.receive = (kind, id, ...args) => {
  const component = components.get(id);
  if (kind === "joined") script.dataset.csrf = id;
  else if (kind === "update" && component) update(component, ...(/** @type {[any, any]} */ (args)));
  else load(kind, id, ...args);
};
