/** The page is too old for the server: it is loaded again, spread over ten seconds and at most three times a minute. */

const SPREAD = 10_000;
const MINUTE = 60_000;
const MOST = 3;
const STORED = "alive:renewals";

/** May the page be fetched once more? It counts on when the page has been loaded again. */
export const allowed = () => {
  const now = Date.now();
  /** @type {number[]} */
  const recent = JSON.parse(sessionStorage.getItem(STORED) ?? "[]").filter((/** @type {number} */ at) => Math.abs(now - at) < MINUTE);
  if (recent.length >= MOST) return false;
  sessionStorage.setItem(STORED, JSON.stringify([...recent, now]));
  return true;
};

export default () => {
  if (allowed()) setTimeout(() => location.reload(), Math.random() * SPREAD);
  else console.warn("alive: loading again did not help");
};
