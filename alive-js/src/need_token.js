/** The server does not know an instance on this connection: it joins, and sends again what is not settled. */

/** @typedef {import("./component.js").Component} Component */

/** Where a component is joining: the events that were under way ask for the token one by one. @type {WeakMap<Component, WebSocket>} */
const joining = new WeakMap();

/** @param {import("./page.js").Alive} alive  @param {string} instance */
export default (alive, instance) => {
  const { components, socket } = alive;
  const component = components.get(instance);
  if (!component || !socket || joining.get(component) === socket) return;
  joining.set(component, socket);
  const heard = (/** @type {MessageEvent} */ { data }) => {
    if (!data.startsWith('["joined"')) return;
    joining.delete(component);
    socket.removeEventListener("message", heard);
  };
  socket.addEventListener("message", heard);
  component.sent = undefined;
  alive.receive("update", instance, 0, []);
};
