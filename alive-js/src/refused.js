/** An event was refused: it is settled without effect, and the page is told. */

/**
 * @param {import("./page.js").Alive} alive  @param {string} instance  @param {number} seq
 * @param {string} code  @param {string} [text] empty outside development
 */
export default (alive, instance, seq, code, text = "") => {
  const component = alive.components.get(instance);
  if (component) alive.receive("update", instance, seq, []);
  if (text) console.warn(`alive: ${text}`);
  fail(component?.root ?? document, code, text);
};

/** @param {EventTarget} target  @param {string} code  @param {string} [text] */
export const fail = (target, code, text = "") =>
  target.dispatchEvent(new CustomEvent("alive:error", { bubbles: true, detail: { code, text } }));
