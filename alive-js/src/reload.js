/** The page is too old for the server: load it again, spread over ten seconds, and not more than three times a minute. */

const SPREAD = 10_000;
const MINUTE = 60_000;
const KEY = "alive:renewals";

/** May the page be fetched once more? Counts across reloads. */
export const allowed = () => {
  const recent = JSON.parse(sessionStorage.getItem(KEY) ?? "[]").filter((/** @type {number} */ at) => Date.now() - at < MINUTE);
  if (recent.length >= 3) return false;
  sessionStorage.setItem(KEY, JSON.stringify([...recent, Date.now()]));
  return true;
};

export default () => {
  if (allowed()) setTimeout(() => location.reload(), Math.random() * SPREAD);
  else console.warn("alive: reloading did not help; not again for a minute");
};
