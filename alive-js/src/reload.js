/** The page is too old for the server: it is loaded again, spread over ten seconds and at most three times a minute. */

const SPREAD = 10_000;
const MINUTE = 60_000;
const MOST = 3;
const STORED = "alive:renewals";

/** When it was fetched last, or began. */
let last = 0;

/** May the page be fetched once more? It counts on when the page has been loaded again. */
export const allowed = () => {
  const now = Date.now();
  try {
    /** @type {number[]} */
    const recent = JSON.parse(sessionStorage.getItem(STORED) ?? "[]").filter((/** @type {number} */ at) => Math.abs(now - at) < MINUTE);
    if (recent.length >= MOST) return false;
    sessionStorage.setItem(STORED, JSON.stringify([...recent, now]));
  } catch {
    // The browser keeps nothing, so nobody knows what was before.
    const age = performance.now();
    if (age - last < MINUTE / MOST) return false;
    last = age;
  }
  return true;
};

export default () => {
  if (allowed()) setTimeout(() => location.reload(), Math.random() * SPREAD);
  else console.warn("alive: loading again did not help");
};
