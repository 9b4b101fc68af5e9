/** The connection ended in a way that connecting again does not mend by itself. */
import { REFUSED, SESSION_ENDED, TOO_BIG } from "./protocol.js";
import { fail } from "./refused.js";
import reset from "./reset.js";

const SPREAD = 5000;

/** @param {import("./page.js").Alive} alive  @param {number} code  @param {() => void} connect */
export default async (alive, code, connect) => {
  alive.giveUp?.();
  if (code === SESSION_ENDED) await reset(alive, "");
  else drop(alive, code);
  if (code === REFUSED) return;
  setTimeout(connect, Math.random() * SPREAD);
};

/** The server could not read what it got, and would not the next time. @param {import("./page.js").Alive} alive  @param {number} code */
const drop = (alive, code) => {
  for (const [instance, { queue, sent = 0, root }] of alive.components)
    for (const event of [...queue])
      if (event[2] <= sent || code === REFUSED) {
        alive.receive("update", instance, event[2], []);
        fail(root, code === TOO_BIG ? "too_big" : "failed", "", event);
      }
};
