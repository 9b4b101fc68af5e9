/** The page and what of Alive belongs to it as a whole: the script element, the modules, the open socket. */

/**
 * @typedef {import("./component.js").Component} Component
 *
 * @typedef {object} Alive what modules get
 * @property {Map<string, Component>} components by instance
 * @property {WebSocket} [socket] while it is open
 * @property {(...message: any) => void} receive takes a message as if the server had sent it
 */

export const script = /** @type {HTMLScriptElement} */ (document.currentScript);

export const alive = /** @type {Alive} */ ({ components: new Map() });

/**
 * Calls a module, which lies beside this script and is fetched when it is first needed.
 * @param {string} kind  @param {unknown[]} args
 */
export const load = (kind, ...args) =>
  import(/** @type {any} */ (new URL(kind + ".js", script.src)))
    .then((module) => module.default(alive, ...args))
    .catch(console.warn);

/** @param {EventTarget} target  @param {string} name */
export const emit = (target, name) => target.dispatchEvent(new Event("alive:" + name, { bubbles: true }));

/** Into the socket; without one, into the void: what matters is kept and sent on the next. @param {unknown[]} message */
export const send = (message) => alive.socket?.send(JSON.stringify(message));
