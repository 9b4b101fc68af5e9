/** The connection ended in a way that connecting again does not mend by itself. */
import { SESSION_ENDED, REFUSED } from "./protocol.js";
import { fail } from "./refused.js";
import reset from "./reset.js";

const SPREAD = 5000;

/** @param {import("./page.js").Alive} alive  @param {number} code  @param {() => void} connect */
export default async (alive, code, connect) => {
  alive.giveUp?.();
  if (code === REFUSED) return;
  if (code === SESSION_ENDED) await reset(alive, "");
  else drop(alive);
  setTimeout(connect, Math.random() * SPREAD);
};

/** The server could not read what it got, and would not the next time. @param {import("./page.js").Alive} alive */
const drop = (alive) => {
  for (const [instance, { queue, sent = 0, root }] of alive.components)
    if (queue.length && queue[0][2] <= sent) {
      alive.receive("update", instance, sent, []);
      fail(root, "failed");
    }
};
