/** A call that waits for a pause in typing: it goes before any other event, so that nothing overtakes what was typed. */

const { alive } = window;

/** @type {{ key: unknown, go: () => void, timer: ReturnType<typeof setTimeout> } | undefined} */
let waiting;

/** What waits goes now. */
const flush = () => {
  const call = waiting;
  waiting = undefined;
  clearTimeout(call?.timer);
  call?.go();
};

/** Calls `go` after so many milliseconds, unless the same is put off again. @param {unknown} key  @param {number} ms  @param {() => void} go */
export const later = (key, ms, go) => {
  if (waiting?.key === key) clearTimeout(waiting?.timer);
  else flush();
  waiting = { key, go, timer: setTimeout(flush, ms) };
};

// Who goes to another page, or whose tab is put away, has finished typing. Before the line hears that the page goes.
document.addEventListener("visibilitychange", flush);
addEventListener("pagehide", flush, true);

const { enqueue } = alive;
alive.enqueue = (...args) => {
  flush();
  return enqueue(...args);
};
