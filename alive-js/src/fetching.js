/** The modules beside this one: one that could not be had is asked for again, until it is there. */
import { later } from "./later.js";
import { PATIENCE } from "./protocol.js";

const HERE = new URL(".", import.meta.url).href;

/** By their addresses. @type {Map<string, Promise<any>>} */
const asked = new Map();

/**
 * Under another address, since browsers may remember what failed. One that has come and threw gives the same error each
 * time: that is not mended by asking.
 * @param {string} url  @returns {Promise<any>}
 */
const ask = (url) =>
  import(url).catch((error) =>
    import(url).catch((other) => {
      if (other === error) throw error;
      return new Promise((come) => later(() => come(ask(url + "?")), PATIENCE));
    }),
  );

/** @param {string} name  @returns {Promise<any>} */
export const have = (name) => {
  const { href } = new URL(name, HERE);
  asked.has(href) || asked.set(href, ask(href));
  return /** @type {Promise<any>} */ (asked.get(href));
};

// Those that stand in the page, such as `features`: nobody else asks for them, and it would be deaf. Of an error it has told.
for (const { src } of /** @type {NodeListOf<HTMLScriptElement>} */ (document.querySelectorAll("script[type=module]")))
  if (src?.startsWith(HERE)) have(src).catch(() => {});
