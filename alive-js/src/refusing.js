/** What was not taken: an event that is too long never leaves; a control whose value was refused says so until one is taken. */
import { cover, lay, layer, onTakingOff } from "./overlay.js";
import { readable } from "./readable.js";
import { fail } from "./refused.js";

const { alive } = window;

/** Its number, and that it goes again. */
const ENVELOPE = 100;
const WORDS = "This is too long to be sent: 64 KiB at most.";

/** Controls whose value was refused, and the words for it. @type {Map<any, string>} */
const wrong = new Map();

layer(() => {
  for (const [control, words] of wrong) {
    if (!control.isConnected) wrong.delete(control);
    cover(control, "aria-invalid", "true");
    control.setCustomValidity?.(words);
    onTakingOff(() => control.setCustomValidity?.(""));
  }
});

const { enqueue, fire, receive } = alive;

alive.enqueue = (component, call, data, ...rest) => {
  const event = /** @type {any} */ (["event", component.id, 0, call, data]);
  if (readable(JSON.stringify(event), ENVELOPE)) return enqueue(component, call, data, ...rest);
  // Whoever calls can say first what it is to do then.
  queueMicrotask(() => fail(component.root, "too_big", WORDS, event));
  return event;
};

/** Of a form it is its longest text that is too long. @param {any} typed */
const longest = (typed) =>
  [...((typed.form ?? typed).elements ?? [typed])].reduce((one, other) => (other.value?.length > one.value?.length ? other : one));

alive.fire = (element, event, ...args) => {
  const sent = /** @type {any} */ (fire(element, event, ...args));
  const typed = event.target;
  if (sent)
    Object.assign(sent, {
      typed,
      unasked: !event.isTrusted,
      fails: (/** @type {any} */ { code, message }) => {
        const big = code === "too_big";
        const worded = /^(parked|full|reset)$/.test(code);
        if (!big && !worded && (code !== "bad_args" || !sent[4].fields)) return;
        const control = big ? longest(typed) : (worded && event.submitter) || typed;
        wrong.set(control, big ? WORDS : worded ? message : "");
        lay();
        if (document.activeElement === control) control.reportValidity?.();
      },
    });
  return sent;
};

alive.receive = (kind, id, seq, ...rest) => {
  if (kind === "update") for (const { 2: own, typed } of /** @type {any[]} */ (alive.components.get(id)?.queue ?? [])) own > seq || wrong.delete(typed);
  receive(kind, id, seq, ...rest);
};

document.addEventListener("alive:reset", (event) => {
  for (const control of /** @type {CustomEvent} */ (event).detail) wrong.delete(control);
  lay();
});

// While one has words the browser sends no form with it, so they go with the next key, and those of buttons with the next click.
for (const type of ["input", "click"])
  document.addEventListener(
    type,
    ({ target }) => {
      for (const [control, words] of wrong) words && (control === target || control.type === "submit") && wrong.delete(control) && lay();
    },
    true,
  );
