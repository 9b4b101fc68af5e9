/** The components of the page: each has its queue of events, the text it shows and the token of its state. */
import { apply } from "./patch.js";
import { CHILD, INSTANCE_LENGTH, PROTOCOL, STATE, WINDOW } from "./protocol.js";
import { morph } from "./morph.js";
import { alive, components, emit, load, script, send } from "./page.js";

/**
 * @typedef {[name: "event", instance: string, seq: number, call: string, data: object]} Message
 * @typedef {Message & { control?: Element }} Event with the control that is disabled until it is settled
 *
 * @typedef {object} Component
 * @property {string} id
 * @property {Element} root
 * @property {string} token
 * @property {string} [shown] its text, once the server has sent it
 * @property {0 | 1} held whether that text belongs to the token
 * @property {Event[]} queue what is not settled
 * @property {number} last the sequence of the newest event
 * @property {number} [sent] the newest that went over this connection; undefined: it has not joined, Infinity: it waits.
 *   It begins as the text "0" (`data-live`) where one listens: that joins without an event
 *
 * @typedef {string | [keep: number, tail: string] | []} TokenChange
 */

/** Tells the tabs of a session apart; `crypto.randomUUID` is missing on plain http. */
const tab = Math.random() + "";

/** @param {any} token  @returns {string} */
const instanceOf = (token) => token?.slice(0, INSTANCE_LENGTH);

/** @param {Element} root  @returns {Component} */
export const componentOf = (root) => {
  const token = /** @type {string} */ (root.getAttribute(STATE));
  const id = instanceOf(token);
  components.has(id) || components.set(id, { id, root, token, queue: [], last: 0, held: 0, sent: /** @type {any} */ (root).dataset.live });
  return /** @type {Component} */ (components.get(id));
};

/** @param {Component} component  @param {string} call  @param {object} data  @param {Element} [control] */
export const enqueue = (alive.enqueue = (component, call, data, control) => {
  /** @type {Event} */
  const event = ["event", component.id, ++component.last, call, data];
  component.queue.push(event);
  event.control = control;
  if (control) /** @type {any} */ (control).disabled = 1;
  flush(component);
  return event;
});

/** @param {Component[]} list */
export const join = (list) =>
  send([
    "join",
    PROTOCOL,
    script.dataset.csrf,
    tab,
    list.map((component) => {
      component.sent = 0;
      return [component.token, component.last - component.queue.length, component.held];
    }),
  ]);

/** Sends what has not gone over this connection yet. @param {Component} component */
export const flush = (component) => {
  // It joins when it listens ("0") or has an event; both have a first item, which the number of one that has joined has not.
  if (/** @type {any} */ (component.sent ?? component.queue[0])?.[0]) join([component]);
  for (const event of component.queue.slice(0, WINDOW))
    if (event[2] > /** @type {number} */ (component.sent)) {
      component.sent = event[2];
      send(event);
    }
};

const template = document.createElement("template");

/**
 * A new rendering. All up to `seq` is settled; a step on the way has an older one, and no token.
 * @param {Component} component  @param {number} seq  @param {any} html a text or a delta; only a text has `trim`
 * @param {any} [change] a TokenChange  @param {any[]} [effects]
 */
export const update = (component, seq, html, change = [], effects) => {
  const { root, queue, held } = component;
  const [keep, tail = ""] = change.trim ? [0, change] : change;
  let settled;
  while (queue[0]?.[2] <= seq) (settled = /** @type {Event} */ (queue.shift())).control?.removeAttribute("disabled");
  component.held = tail ? 1 : html[0] ? 0 : held;
  root.setAttribute(STATE, (component.token = component.token.slice(0, keep) + tail));
  if (html[0] && !alive.patch?.(component, html, morph)) {
    template.innerHTML = component.shown = html.trim ? html : apply(/** @type {string} */ (component.shown), html);
    const next = /** @type {Element} */ (template.content.firstElementChild);
    next.setAttribute(STATE, component.token);
    if (root.nodeName !== next.nodeName) root.replaceWith((component.root = /** @type {Element} */ (next.cloneNode())));
    morph(component.root, next, (node) => components.get(instanceOf(node.getAttribute?.(CHILD)))?.root);
  }
  emit(component.root, "updated");
  if (effects) load("effects", component, effects, settled);
  flush(component);
};
