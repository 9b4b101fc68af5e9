/** The page and what of Alive belongs to it as a whole: the script element, the components, the modules, the open socket. */
import { PATIENCE } from "./protocol.js";

/**
 * @typedef {import("./component.js").Component} Component
 *
 * @typedef {object} Alive what modules get, and what a page's own scripts find as `alive`
 * @property {Map<string, Component>} components by instance
 * @property {(Line?: any) => void} connect opens the line, which a page without components does not do by itself; `Line` is what makes one
 * @property {WebSocket} [socket] while it is open
 * @property {(...message: any) => void} receive takes a message as if the server had sent it
 * @property {(element: any, event: any, call: string, more?: object) => import("./component.js").Event | null} fire
 * @property {(element: Element) => Component | null} around the component that an element belongs to
 * @property {(component: Component, call: string, data: object, control?: Element) => import("./component.js").Event} enqueue
 * @property {(old: any, fresh: any) => boolean | undefined} [keep] whether a morph may pass over a pair, where equality does not tell; from `features`, or `messages`
 * @property {(old: any, fresh: any) => void} [tolerate] before a pair is made equal: what others have done to it; from the module `messages`
 * @property {(component: Component, delta: string | any[], morph: typeof import("./morph.js").morph) => boolean} [patch] whether it has shown the next text, more cheaply than a morph of all; from the module `keyed`
 * @property {(element: Element, method: string, ...args: any) => Promise<any>} call public; from the module `features`
 * @property {Set<any>} [calls] events whose results somebody waits for; from the module `features`
 * @property {any} hooks public: the page's own `{ Chart: { mounted, updated, destroyed } }`
 * @property {(element: Element) => void} resync public; from the module `features`
 * @property {boolean} [preventScroll] for giving back the focus; from the module `messages`
 * @property {() => void} [giveUp] lets go of what went over a connection that cannot be mended; from the module `store`
 * @property {import("./store.js").OpenStore} [store] public; from the module `store`
 * @property {import("./store.js").AppState} [appState] public; from the module `store`
 */

// Not `document.currentScript`: an image of that name, in HTML that people write, would stand in its place.
export const script = /** @type {HTMLScriptElement} */ (document.querySelector("script[data-live]"));

/** @type {Map<string, Component>} */
export const components = new Map();

export const alive = (window.alive = /** @type {Alive} */ ({ ...window.alive, components }));

/** @param {EventTarget} target  @param {string} name */
export const emit = (target, name) => target.dispatchEvent(new Event("alive:" + name, { bubbles: true }));

/** What it is called. Browsers may remember what could not be had, so then it gets another name. */
let file = "messages.js";

/** @type {Promise<any> | undefined} */
let messages;

/** Asks until the module is there. @param {(messages: any) => void} give */
const fetched = (give) =>
  import(/** @type {any} */ (new URL(file, script.src))).then(give, () => setTimeout(fetched, PATIENCE, give, (file += "?")));

/**
 * Calls a part of the module `messages`, which lies beside this script and is fetched when it is first needed. Where it
 * cannot be had, calls wait for it in their order; only that of `offline` fails, since who makes it can do without.
 * @param {string} kind  @param {unknown[]} args
 */
export const load = (kind, ...args) =>
  (kind === "offline" ? import(/** @type {any} */ (new URL(file, script.src))) : (messages ??= new Promise(fetched))).then((messages) =>
    messages.default(kind, alive, ...args),
  );

/** Into the socket; without one, into the void: what matters is kept and sent on the next. @param {unknown[]} message */
export const send = (message) => alive.socket?.send(JSON.stringify(message));
