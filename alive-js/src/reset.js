/** Components that cannot go on from what they hold get new state from the page, fetched anew; typed text stays. */
import { closest } from "./elements.js";
import { CHILD, INSTANCE_LENGTH, SLOT, STATE, STREAM } from "./protocol.js";
import { fail } from "./refused.js";
import { allowed } from "./reload.js";
import stream from "./stream.js";
import arrive from "./update.js";
import { lined } from "./writing.js";

/**
 * @typedef {import("./page.js").Alive} Alive
 * @typedef {import("./component.js").Component} Component
 */

const AGAIN = 5000;
const UNKNOWN = "Nobody knows whether this was done: the page was too old.";

/** Instances that wait for the page; the empty one stands for all. @type {Set<string>} */
const wanted = new Set();
/** @type {Promise<void> | undefined} */
let renewal;

/** @param {Alive} alive  @param {string} instance  @returns {Promise<void>} */
export default (alive, instance) => {
  wanted.add(instance);
  return (renewal ??= renew(alive).finally(() => (renewal = undefined)));
};

/** @param {Alive} alive */
const renew = async (alive) => {
  const page = await fetchPage();
  const roots = counterparts(document, page);
  const script = /** @type {HTMLScriptElement | null} */ (page.querySelector("script[data-live]"));
  if (script) alive.receive("joined", script.dataset.csrf);
  for (const component of new Set(alive.components.values())) {
    if (!wanted.has("") && !wanted.has(component.id)) continue;
    const root = roots.get(component.root);
    if (root) adopt(alive, component, root, roots);
    // The page is another one by now; nothing but itself helps.
    else if (component.root.isConnected) location.reload();
  }
  wanted.clear();
};

/** The page as the server gives it now. Redirected or refused, the person has to see it. @returns {Promise<Document>} */
const fetchPage = async () => {
  for (;;) {
    if (allowed())
      try {
        const response = await fetch(location.href, { cache: "no-store" });
        if (response.redirected || (!response.ok && response.status < 500)) location.reload();
        else if (response.ok) return new DOMParser().parseFromString(await response.text(), "text/html");
      } catch {
        // No network: the next round.
      }
    await new Promise((resolve) => setTimeout(resolve, AGAIN * (1 + Math.random())));
  }
};

/** The components directly in a document or in a component, in order. @param {Document | Element} owner */
const own = (owner) =>
  [...owner.querySelectorAll(`[${STATE}]`)].filter((root) => {
    const around = root.parentElement && closest.call(root.parentElement, `[${STATE}]`);
    return around ? around === owner : owner.nodeType === Node.DOCUMENT_NODE;
  });

/**
 * Which root of the new page each root goes on as: the one at the same place among its siblings, level by level.
 * A level that has grown or shrunk says nothing, unless the tags do.
 * @param {Document | Element} old  @param {Document | Element} fresh  @param {Map<Element, Element>} found
 */
export const counterparts = (old, fresh, found = new Map()) => {
  const candidates = Map.groupBy(own(fresh), ({ nodeName }) => nodeName);
  for (const [name, roots] of Map.groupBy(own(old), ({ nodeName }) => nodeName)) {
    const partners = candidates.get(name) ?? [];
    if (partners.length === roots.length)
      roots.forEach((root, index) => {
        found.set(root, partners[index]);
        counterparts(root, partners[index], found);
      });
  }
  return found;
};

/**
 * Goes on as another instance, its children with it.
 * @param {Alive} alive  @param {Component} component  @param {Element} root  @param {Map<Element, Element>} roots
 */
const adopt = (alive, component, root, roots) => {
  const { components } = alive;
  const forms = [...component.root.querySelectorAll("form")].filter((form) => alive.around(form) === component);
  const typed = forms.map((form) => [...new FormData(form)].filter(([, text]) => /** @type {any} */ (text).at));
  const unsent = letGo(component);
  const [id, token] = named(root);
  // Before its children: what this one has put into them belongs to its new name from then on.
  // The old name stays: the text of a parent that goes on still has it.
  components.set(id, Object.assign(component, { id, token, last: 0, held: 0, sent: /** @type {any} */ (root).dataset.live }));
  for (const slot of root.querySelectorAll(`[${SLOT}]`)) {
    // Whoever has filled it may go on as it was, and is meant by its new name in here all the same.
    const name = /** @type {string} */ (slot.getAttribute(SLOT));
    const writer = [...components.values()].find(({ root }) => roots.get(root)?.getAttribute(STATE)?.startsWith(name));
    if (writer && !components.has(name)) components.set(name, writer);
  }
  for (const child of own(root)) {
    const old = [...components.values()].find((each) => roots.get(each.root) === child);
    const [id, token] = named(child);
    if (old) adopt(alive, old, child, roots);
    else arrive(alive, id, 0, textOf(child), token);
    child.replaceWith(placeholder(id));
  }
  // A form stays as it is seen until the new instance knows it: whoever sends it now must not send an empty one.
  if (!forms.length) alive.receive("update", id, 0, textOf(root));
  for (const box of [root, ...root.querySelectorAll("*")]) {
    const name = box.getAttribute(STREAM);
    if (name) stream(component, name, "reset", lined(box.cloneNode(true)).innerHTML, 0);
  }
  // What the old instance knew of a form, the new one does not.
  for (const form of typed) alive.enqueue(component, "", { form });
  for (const event of unsent) {
    event[1] = id;
    event[2] = ++component.last;
  }
  component.queue.push(...unsent);
  alive.receive("update", id, 0, []);
};

/** The instance of a new root, and its token. @param {Element} root */
const named = (root) => {
  const token = /** @type {string} */ (root.getAttribute(STATE));
  return [token.slice(0, INSTANCE_LENGTH), token];
};

/**
 * Takes the queue. Who is told to reset has answered all that was done over this connection, so the rest may go again;
 * but what was under way when another one was lost may have been done. @param {Component} component
 */
const letGo = ({ queue, root }) =>
  queue.splice(0).filter((event) => {
    if (!(/** @type {any} */ (event[4]).retry)) return true;
    event.control?.removeAttribute("disabled");
    fail(root, "reset", UNKNOWN, event);
  });

/** @param {string} id */
const placeholder = (id) => {
  const template = document.createElement("template");
  template.setAttribute(CHILD, `${id}.`);
  return template;
};

/** A component's text has no token. @param {Element} root */
const textOf = (root) => {
  const copy = /** @type {Element} */ (root.cloneNode(true));
  copy.removeAttribute(STATE);
  return lined(copy).outerHTML;
};
