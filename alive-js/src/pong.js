/** What a connection needs in the long run: it is tested when it is quiet, and children that have left are signed off. */
import { QUIET } from "./protocol.js";

const IDLE = 25_000;

/** @type {WebSocket | undefined} */
let watched;

/** Called when a connection was made, and with each answer to a ping. @param {import("./page.js").Alive} alive */
export default (alive) => {
  const { components, socket } = alive;
  if (!socket || socket === watched) return;
  const waits = () => [...components.values()].some((component) => component.queue.length);
  let heard = Date.now();
  let tested = false;
  watched = socket;
  socket.addEventListener("message", () => {
    heard = Date.now();
    tested = false;
  });

  const test = () => {
    if (alive.socket !== socket) return done();
    sweep(alive);
    // A lost network tells nobody: who does not answer until the next look is dead.
    if (tested) lose(socket);
    else if (Date.now() - heard >= (waits() ? QUIET : IDLE)) {
      tested = true;
      socket.send('["ping"]');
    }
  };
  const updated = () => sweep(alive);
  const ticking = setInterval(test, QUIET);
  const done = () => {
    clearInterval(ticking);
    document.removeEventListener("alive:updated", updated);
  };
  document.addEventListener("alive:updated", updated);
  test();
};

/** As if it had been closed; the browser itself would say so only minutes later. @param {WebSocket} socket */
const lose = (socket) => {
  const { onclose } = socket;
  socket.onclose = null;
  socket.close();
  onclose?.call(socket, new CloseEvent("close"));
};

/** @param {import("./page.js").Alive} alive */
const sweep = ({ components, socket }) => {
  for (const [instance, { root }] of components)
    if (!root.isConnected) {
      components.delete(instance);
      socket?.send(JSON.stringify(["leave", instance]));
    }
};
