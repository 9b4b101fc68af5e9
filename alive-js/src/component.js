/** The components of the page: each has its queue of events, the text it shows and the token of its state. */
import { emit, isOpen, send, socket } from "./connection.js";
import { morph } from "./morph.js";
import { apply } from "./patch.js";
import { CHILD, LOADING, LOADING_AFTER, MESSAGE_SIZE, PROTOCOL, STATE, WINDOW } from "./protocol.js";

/**
 * @typedef {object} Entry an event that is not settled
 * @property {any[]} message
 * @property {unknown} via the socket that took it, if any
 * @property {() => void} done
 *
 * @typedef {object} Component
 * @property {string} id
 * @property {Element} root
 * @property {Entry[]} queue
 * @property {number} last the sequence of the newest event
 * @property {string} [text] the text it shows, once the server has sent it
 * @property {boolean} [held] that text belongs to the token
 * @property {boolean} [joined] the server knows it, or has known it on an earlier connection
 * @property {boolean} [paused] the server asked for time
 * @property {boolean} [shown] its root has been in the page
 */

/** @type {Map<string, Component>} */
export const components = new Map();

/** Tells the tabs of a session apart. `crypto.randomUUID` is missing on plain http. */
const tab = Array.from({ length: 16 }, () => Math.floor(Math.random() * 36).toString(36)).join("");

let csrf = "";

/** @param {string} value what the next join must bring */
export const keepCsrf = (value) => (csrf = value);

/** @param {Element} root  @returns {Component} */
export const componentOf = (root) => {
  const id = tokenOf(root).split(".")[0];
  let component = components.get(id);
  if (!component) components.set(id, (component = { id, root, queue: [], last: 0 }));
  return component;
};

const tokenOf = (/** @type {Element} */ root) => /** @type {string} */ (root.getAttribute(STATE));

/** @param {Component} component  @param {string} call  @param {object} data  @param {any} [control] */
export const enqueue = (component, call, data, control) => {
  const focused = document.activeElement === control;
  const done = () => {
    if (control) {
      control.disabled = false;
      // A disabled control loses the focus.
      if (focused && document.activeElement === document.body) control.focus();
    }
  };
  const entry = { message: ["event", component.id, ++component.last, call, data], via: undefined, done };
  component.queue.push(entry);
  if (control) control.disabled = true;
  setTimeout(() => component.queue.includes(entry) && component.root.classList.add(LOADING), LOADING_AFTER);
  flush(component);
};

/** Sends what this connection has not taken yet. @param {Component} component */
export const flush = (component) => {
  if (!isOpen() || component.paused) return;
  if (!component.joined) join([component]);
  for (const entry of component.queue.slice(0, WINDOW))
    if (entry.via !== socket) {
      entry.via = socket;
      send(entry.message);
    }
};

/** @param {Component[]} list */
export const join = (list) => {
  const entries = list.map((component) => {
    component.joined = true;
    const settled = component.queue[0] ? component.queue[0].message[2] - 1 : component.last;
    return [tokenOf(component.root), settled, component.held ? 1 : 0];
  });
  if (entries.join().length > MESSAGE_SIZE && list[1]) {
    const half = list.length >> 1;
    join(list.slice(0, half));
    join(list.slice(half));
  } else send(["join", PROTOCOL, csrf, tab, entries]);
};

/** A new connection knows nobody: all that live on it join again, then send what is not settled. */
export const rejoin = () => {
  const living = [...components.values()].filter((component) => component.joined || component.queue[0]);
  join(living);
  living.forEach(flush);
};

/** Events were not taken: they go again. @param {Component} component  @param {number} from */
const takeBack = (component, from) => {
  for (const entry of component.queue) if (entry.message[2] >= from) entry.via = undefined;
};

/** @param {Component} component  @param {number} from  @param {number} ms */
export const hold = (component, from, ms) => {
  takeBack(component, from);
  if (!component.paused)
    setTimeout(() => {
      component.paused = false;
      flush(component);
    }, ms * (1 + Math.random()));
  component.paused = true;
};

/** The server does not know it any more. @param {Component} component */
export const joinAgain = (component) => {
  component.joined = false;
  takeBack(component, 0);
  flush(component);
};

/** @param {Component} component  @param {(seq: number, entry: Entry) => unknown} isSettled */
export const settle = (component, isSettled) => {
  component.queue = component.queue.filter((entry) => !isSettled(entry.message[2], entry) || entry.done());
  if (!component.queue[0]) component.root.classList.remove(LOADING);
  flush(component);
};

/**
 * A new rendering. Everything up to `seq` is settled; a step on the way has an older one and no token.
 * @param {string} id  @param {number} seq  @param {any} html  @param {any} token
 */
export const update = (id, seq, html, token = []) => {
  // Of an unknown one only the whole text helps: a child that comes before the text with a place for it.
  const known = components.get(id);
  if (!known && typeof html !== "string") return;
  const text = typeof html === "string" ? html : apply(known?.text ?? "", html);
  const component = known ?? newcomer(id, text, token);
  settle(component, (number) => number <= seq);
  component.joined = true;
  if (html.length) {
    component.text = text;
    render(component, parse(text));
  }
  if (token.length) setToken(component.root, token);
  if (token.length || html.length) component.held = !!token.length;
  emit(component.root, "updated");
  return component;
};

const template = document.createElement("template");

/** @param {string} text */
const parse = (text) => {
  template.innerHTML = text;
  return /** @type {Element} */ (template.content.firstElementChild);
};

/** @param {Element} root  @param {any} token */
const setToken = (root, token) =>
  root.setAttribute(STATE, typeof token === "string" ? token : tokenOf(root).slice(0, token[0]) + token[1]);

/** @param {string} id  @param {string} text  @param {string} token */
const newcomer = (id, text, token) => {
  const root = /** @type {Element} */ (parse(text).cloneNode());
  setToken(root, token);
  document.querySelector(`[${CHILD}^="${id}."]`)?.replaceWith(root);
  return componentOf(root);
};

/** @param {Component} component  @param {Element} next */
export const render = (component, next) => {
  const { root } = component;
  if (root.nodeName !== next.nodeName) {
    component.root = /** @type {Element} */ (next.cloneNode());
    setToken(component.root, tokenOf(root));
    component.root.append(...root.childNodes);
    root.replaceWith(component.root);
  }
  if (root.classList.contains(LOADING)) next.classList.add(LOADING);
  morph(component.root, next, (instance) => components.get(instance)?.root);
  for (const [instance, { root, shown }] of components) {
    if (root.isConnected) /** @type {Component} */ (components.get(instance)).shown = true;
    else if (shown) {
      components.delete(instance);
      if (isOpen()) send(["leave", instance]);
    }
  }
};
