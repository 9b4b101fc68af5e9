/** What a method asks of the window: `["ask", instance, seq, 1, "confirm", ["Delete it?"]]`, and the answer. */

/** The server reads no longer message. */
const LONGEST = 64 * 1024;

/** @param {string} selector */
const find = (selector) => {
  const element = document.querySelector(selector);
  if (!element) throw `no element matches ${selector}`;
  return element;
};

/** Nothing is read but what is named. @param {string} name  @param {() => Storage} storage  @returns {[string, (...args: any) => any][]} */
const verbs = (name, storage) => [
  [name + ".get", (...names) => names.map((/** @type {string} */ each) => storage().getItem(each))],
  [name + ".set", (texts) => Object.entries(texts).forEach(([each, text]) => storage().setItem(each, text))],
  [name + ".remove", (...names) => names.forEach((/** @type {string} */ each) => storage().removeItem(each))],
];

/** @type {Map<string, (...args: any) => any>} */
const questions = new Map([
  ...verbs("local_storage", () => localStorage),
  ...verbs("session_storage", () => sessionStorage),
  ...Object.entries({
    alert: (/** @type {string} */ text) => alert(text),
    confirm: (/** @type {string} */ text) => confirm(text),
    prompt: (/** @type {string} */ text, /** @type {string} */ given) => prompt(text, given),
    scroll_to: (/** @type {any} */ place, /** @type {number} */ y) =>
      void (typeof place === "string" ? find(place).scrollIntoView() : scrollTo(place, y)),
    open: (/** @type {string} */ path, /** @type {boolean} */ tab) => {
      const url = new URL(path, location.href);
      if (!/^https?:$/.test(url.protocol)) throw `${url.protocol} is not opened`;
      // The answer goes before the page does.
      if (!tab) return !!setTimeout(() => location.assign(url));
      // With "noopener" it would not say whether it was blocked.
      const opened = open(url, "_blank");
      if (opened) opened.opener = null;
      return !!opened;
    },
    clipboard_write: (/** @type {string} */ text) => navigator.clipboard.writeText(text),
    screen: () => ({ width: screen.width, height: screen.height, device_pixel_ratio: devicePixelRatio }),
    viewport: () => ({
      width: innerWidth,
      height: innerHeight,
      scroll_x: Math.round(scrollX),
      scroll_y: Math.round(scrollY),
      dark: matchMedia("(prefers-color-scheme: dark)").matches,
      reduced_motion: matchMedia("(prefers-reduced-motion: reduce)").matches,
    }),
    location: () => ({ path: location.pathname, query: location.search.slice(1), hash: location.hash.slice(1) }),
  }),
]);

/** Half a surrogate pair is no text to the server. @param {string} _  @param {any} value */
export const wellFormed = (_, value) => (typeof value === "string" ? value.toWellFormed() : value);

/**
 * @param {import("./page.js").Alive} alive  @param {string} instance  @param {number} seq  @param {number} n
 * @param {string} name  @param {any[]} args
 */
export default async (alive, instance, seq, n, name, args) => {
  // On another connection the method runs anew, and its question of this number may be another one.
  const { socket } = alive;
  const message = (/** @type {any[]} */ ...answer) => JSON.stringify(["answer", instance, seq, n, ...answer], wellFormed);
  let text;
  try {
    const question = questions.get(name);
    if (!question) throw `no window.${name}`;
    text = message(await question(...args));
    if (new Blob([text]).size > LONGEST) throw `the answer is longer than ${LONGEST} bytes`;
  } catch (error) {
    text = message(null, String(error).slice(0, 200));
  }
  socket?.send(text);
};
