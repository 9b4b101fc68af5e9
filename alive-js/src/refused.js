/** An event was refused: it is settled without effect, and the page is told. */

/** Why it was not done, for the person who has asked for it. */
const WORDS = /** @type {Record<string, string>} */ ({
  parked: "the server has failed at it twice.",
  denied: "it is not allowed.",
  timeout: "it took too long.",
  failed: "something went wrong.",
  refused: "something went wrong.",
});

/**
 * @param {import("./page.js").Alive} alive  @param {string} instance  @param {number} seq
 * @param {string} code  @param {string} [text] empty outside development
 */
export default (alive, instance, seq, code, text) => {
  const component = alive.components.get(instance);
  const event = /** @type {any} */ (component?.queue.find((each) => each[2] === seq));
  if (component) alive.receive("update", instance, seq, []);
  const asked = event && !event.answers && !event.unasked;
  if ((asked || code === "parked") && WORDS[code]) text ||= `This was not done: ${WORDS[code]}`;
  if (text) console.error(`alive: ${text}`);
  fail(component?.root ?? document, code, text, event);
};

/**
 * Tells the page, and who waits for the event. `field` is the one that the event was to set.
 * @param {EventTarget} target  @param {string} code  @param {string} [text]  @param {any} [event]
 */
export const fail = (target, code, text = "", event) => {
  event?.fails?.(Object.assign(Error(text || code), { code }));
  const field = Object.keys(event?.[4].fields ?? {})[0];
  target.dispatchEvent(new CustomEvent("alive:error", { bubbles: true, cancelable: true, detail: { code, text, ...(field && { field }) } }));
};
