/** Alive: live components in the page. Reads its script element, connects, and sends each message where it belongs. */
import { components, componentOf, flush, hold, join, joinAgain, keepCsrf, rejoin, render, settle, update } from "./component.js";
import { connect, emit, rest, show } from "./connection.js";
import { listen } from "./events.js";
import { STATE } from "./protocol.js";

const script = /** @type {HTMLScriptElement} */ (document.currentScript);

/** @param {string} kind  @param {unknown[]} args  a module's name, and what it is called with */
const load = (kind, ...args) =>
  import(script.src.replace(/[^/]*$/, kind + ".js")).then(
    (module) => module.default(alive, ...args),
    () => console.warn(`alive: no module "${kind}"`),
  );

/** @param {string} instance  @param {string} code  @param {string} [text] */
const fail = (instance, code, text) => emit(components.get(instance)?.root ?? document, "error", { code, text });

/** @param {string} instance  @param {number} seq  @param {number} ms */
const slowDown = (instance, seq, ms) => {
  const component = components.get(instance);
  component ? hold(component, seq, ms) : rest(ms);
};

/** @type {Record<string, (...args: any) => unknown>} */
const messages = {
  // @ts-ignore  the server's words are no names of Object's
  __proto__: null,
  joined: (csrf) => (keepCsrf(csrf), show("live")),
  update: (instance, seq, html, token, effects) => {
    const component = update(instance, seq, html, token);
    if (component && effects) load("effects", component, ...effects);
  },
  refused: (instance, seq, code, text) => {
    const component = components.get(instance);
    if (component) settle(component, (number) => number === seq);
    fail(instance, code, text);
  },
  slow_down: slowDown,
  busy: slowDown,
  need_token: (instance) => {
    const component = components.get(instance);
    if (component) joinAgain(component);
  },
  pong: () => {},
};

/** @type {import("./connection.js").Page} */
const page = {
  url: location.origin.replace("http", "ws") + script.dataset.live,
  opened: rejoin,
  received: ([kind, ...args]) => (messages[kind] ?? load.bind(0, kind))(...args),
  waits: () => [...components.values()].some((component) => component.queue[0]),
  ended: () => load("reset", ""),
  unreadable: () => {
    for (const [instance, component] of components)
      settle(component, (_, entry) => entry.via && (fail(instance, "failed"), true));
  },
};

/** What the modules get. */
const alive = { components, componentOf, connect: () => connect(page), emit, fail, flush, join, keepCsrf, load, render };

keepCsrf(script.dataset.csrf ?? "");
listen();
for (const root of document.querySelectorAll(`[${STATE}]`)) componentOf(root).shown = true;
if (components.size) {
  show("connecting");
  connect(page);
}
