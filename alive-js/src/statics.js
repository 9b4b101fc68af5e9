/**
 * Styles and scripts of components that have come late: put into the head, each once and in order.
 *
 * Also a script of its own in pages with scoped styles: without `@scope` it asks for the form that needs none.
 */

/** The attribute of a link whose file has a form for browsers without `@scope`. */
const SCOPED = "data-asok-scoped";

/** @param {HTMLLinkElement} link */
const flatten = (link) => {
  const url = new URL(link.href);
  if (url.searchParams.has("flat")) return;
  url.searchParams.set("flat", "");
  link.href = url.href;
};

const bare = !("CSSScopeRule" in window);
if (bare) document.querySelectorAll(/** @type {"link"} */ (`link[${SCOPED}]`)).forEach(flatten);

/** What it is called, whatever its content is just now. @param {string} url */
const name = (url) => new URL(url, document.baseURI).href.replace(/(\/static\/[^/?]+\/)[0-9a-f]{12}(\/[^?]+).*/, "$1$2");

/** @param {any} element */
const nameOf = (element) => name(element.href ?? element.src);

/** @param {unknown} _  @param {[kind: "css" | "js", url: string, attributes: Record<string, string>][]} entries */
export default (_, entries) => {
  const there = new Map([...document.querySelectorAll("link[rel~=stylesheet], script[src]")].map((each) => [nameOf(each), each]));
  for (const [kind, url, attributes] of entries) {
    const older = there.get(name(url));
    // A script runs once, whichever release of it; a style gives way to the one that belongs to what is shown now.
    if (older && (kind === "js" || same(older, url))) continue;
    const element = kind === "css" ? style(url) : script(url);
    for (const each of Object.entries({ "data-asok-static": "", ...attributes })) element.setAttribute(...each);
    if (bare && SCOPED in attributes) flatten(/** @type {HTMLLinkElement} */ (element));
    if (older) element.onload = () => older.remove();
    older ? older.after(element) : document.head.append(element);
    there.set(name(url), element);
  }
};

/** @param {any} link  @param {string} url */
const same = (link, url) => link.href.split("?")[0] === new URL(url, document.baseURI).href.split("?")[0];

/** @param {string} url */
const style = (url) => Object.assign(document.createElement("link"), { rel: "stylesheet", href: url });

/** @param {string} url */
const script = (url) => {
  const element = document.createElement("script");
  if (url.endsWith(".mjs")) element.type = "module";
  const nonce = /** @type {HTMLElement | null} */ (document.querySelector("script[nonce]"))?.nonce;
  if (nonce) element.nonce = nonce;
  element.async = false;
  element.src = url;
  return element;
};
