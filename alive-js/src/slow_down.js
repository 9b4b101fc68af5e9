/** The server asks for time, or its store cannot follow: it has not taken an event, nor those after it. */

/** @param {import("./page.js").Alive} alive  @param {string} instance  @param {number} seq  @param {number} ms */
export default (alive, instance, seq, ms) => {
  const component = alive.components.get(instance);
  const delay = ms * (1 + Math.random());
  if (!component) return postpone(alive.socket, delay);
  // Those behind it were not taken either, and say so one by one.
  if (component.sent === Infinity) return;
  component.sent = Infinity;
  setTimeout(() => {
    // Otherwise a new connection has sent all of them again meanwhile.
    if (component.sent !== Infinity) return;
    component.sent = seq - 1;
    alive.receive("update", instance, 0, []);
  }, delay);
};

/** The whole connection: the next one is made later. @param {WebSocket | undefined} socket  @param {number} delay */
const postpone = (socket, delay) => {
  const close = /** @type {any} */ (socket?.onclose);
  if (!socket || !close) return;
  const since = Date.now();
  socket.onclose = (event) => {
    document.documentElement.dataset.alive = "offline";
    setTimeout(close, since + delay - Date.now(), event);
  };
};
