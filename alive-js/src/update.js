/** The first update of a component that the page does not know: a child, which comes before the text with a place for it. */
import { remove } from "./elements.js";
import { left } from "./pong.js";
import { CHILD, INSTANCE_LENGTH, STATE } from "./protocol.js";

/** @typedef {import("./page.js").Alive} Alive */

/** @param {string} html  @returns {Element} */
const parse = (html) => {
  const template = document.createElement("template");
  template.innerHTML = html;
  return /** @type {Element} */ (template.content.firstElementChild);
};

/**
 * @param {Alive} alive  @param {string} instance  @param {number} seq  @param {string | any[]} html
 * @param {any} [token]  @param {any[]} [effects]
 */
const update = (alive, instance, seq, html, token, effects) => {
  const { components } = alive;
  if (!components.has(instance)) {
    // Of one that has left, or was never there, a difference says nothing; its children have come in vain.
    if (typeof html !== "string" || typeof token !== "string")
      return document.head.querySelectorAll(`:scope>[${STATE}]`).forEach((child) => remove.call(child));
    const root = /** @type {Element} */ (parse(html).cloneNode());
    root.setAttribute(STATE, token);
    // Events of the one that has left may be on their way still, or under way: they have their numbers.
    const last = Math.max(seq, left.get(instance) ?? 0);
    components.set(instance, { id: instance, root, token, queue: [], last, held: 0, sent: /** @type {any} */ (root).dataset.live });
    const place = document.querySelector(`template[${CHILD}^="${instance}."]`);
    // Until there is a place it waits in the head, where nothing shows.
    place ? place.replaceWith(root) : document.head.append(root);
  }
  alive.receive("update", instance, seq, html, token, effects);
  fill(alive, /** @type {any} */ (components.get(instance)).root);
};

/** Children that came earlier and have their place in this one. @param {Alive} alive  @param {Element} root */
const fill = ({ components }, root) => {
  for (const place of root.querySelectorAll(`template[${CHILD}]`)) {
    const child = components.get(/** @type {string} */ (place.getAttribute(CHILD)).slice(0, INSTANCE_LENGTH));
    if (child) place.replaceWith(child.root);
  }
};

export default update;
