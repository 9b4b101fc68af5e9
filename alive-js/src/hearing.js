/** Every event and modifier: `ws-<event>[.<key>…][.<modifier>[.<ms>]]…="method(1, 'two')"`. */
import { later } from "./pause.js";
import { HELD, MODIFIERS, PAUSE, PAUSES } from "./protocol.js";
import { origin } from "./target.js";
import { read } from "./watching.js";

const { alive } = window;

const OVER = "dragover";

/** What ends the listening of attributes at the window or the document. @type {Map<any, () => void>} */
const far = new Map();

document.addEventListener("alive:updated", () => {
  for (const [attribute, end] of far) if (!attribute.ownerElement?.isConnected) far.delete(attribute) && end();
});

/**
 * The attribute itself is what listens: looked at again, it is the same listener, and it knows when it has gone.
 * @param {any} attribute  @param {string} type  @param {(event: any) => void} heard
 * @param {EventTarget} [target]  @param {AddEventListenerOptions} [options]
 */
export const listen = (attribute, type, heard, target = attribute.ownerElement, options) => {
  attribute.handleEvent ??= (/** @type {any} */ event) => {
    if (!attribute.ownerElement?.isConnected) target?.removeEventListener(event.type, attribute, options);
    else if (!event.isComposing) heard(event);
  };
  // Chromium's last input event of a composition still belongs to it, so its end counts as input.
  // A browser lets nothing be dropped where nobody has prevented what it does while something is dragged over.
  const types = type === "input" ? [type, "compositionend"] : type === "drop" ? [type, OVER] : [type];
  for (const each of types) target?.addEventListener(each, attribute, options);
  if (target !== attribute.ownerElement) far.set(attribute, () => types.forEach((each) => target?.removeEventListener(each, attribute, options)));
};

/** A button with a call of its own does not send its form. @param {any} element */
const sends = ({ type }) => /submit|image/.test(type);

read((attribute, kind, parts, ms) => {
  const { name, ownerElement: element } = /** @type {any} */ (attribute);
  if (!attribute.value || /^(model|cancel)$/.test(kind)) return;
  const has = (/** @type {string} */ word) => parts.includes(word);
  const words = parts.filter((part, at) => !MODIFIERS.includes(part) && !PAUSES.includes(part) && !(+part && PAUSES.includes(parts[at - 1])));
  const keyed = /^key/.test(kind);

  /** @param {any} event */
  const heard = (event) => {
    const key = event.key?.toLowerCase().replace(" ", "space");
    if (
      (has("self") && event.target !== element) ||
      (has("outside") && event.composedPath().includes(element)) ||
      // 229: Safari says so of the key that ends a composition, and that it is over already.
      (keyed && words[0] && (event.keyCode === 229 || (!words.includes(key) && !words.includes(key?.replace("arrow", ""))))) ||
      HELD.some((held) => has(held) && !event[held + "Key"])
    )
      return;
    if (has("prevent") || /^(submit|drop)$/.test(kind) || (kind === "click" && sends(element))) event.preventDefault();
    if (kind === "drop" && event.type === OVER) return;
    if (has("stop")) event.stopPropagation();
    // Until when it is deaf, the element knows: with another value, the attribute is another one.
    if (event.timeStamp < element[name]) return;
    const question = element.getAttribute("ws-confirm") ?? event.submitter?.getAttribute("ws-confirm");
    if (question && !confirm(question)) return event.preventDefault();
    element[name] = has("once") ? Infinity : event.timeStamp + ms("throttle", PAUSE);

    const call = () => alive.fire(element, event, attribute.value, { key: event.key, ...origin(element, event) });
    const pause = ms("debounce", PAUSE);
    if (pause) later(attribute, pause, call);
    else call();
  };

  listen(
    attribute,
    // Somebody's own event may have dots in its name.
    keyed ? kind : [kind, ...words].join("."),
    heard,
    has("window") ? window : has("document") || has("outside") ? document : element,
    { capture: has("capture"), passive: has("passive") },
  );
});

// A click ends the running method of the component around.
read((attribute, kind) => {
  if (kind !== "cancel") return;
  listen(attribute, "click", (event) => {
    const { currentTarget } = event;
    const component = alive.around(currentTarget);
    if (sends(currentTarget)) event.preventDefault();
    if (component) alive.socket?.send(JSON.stringify(["cancel", component.id]));
  });
});
