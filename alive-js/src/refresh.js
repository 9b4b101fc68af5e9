/** Development: a template or a stylesheet has changed on disk, and shows without a reload. */
import { morph } from "./morph.js";
import { CHILD, STATE } from "./protocol.js";
import { counterparts } from "./reset.js";

/** @param {import("./page.js").Alive} alive  @param {string} what */
export default async (alive, what) => {
  if (what === "css") relink();
  else await rerender(alive);
};

const relink = () => {
  for (const link of /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll("link[rel~=stylesheet]"))) {
    const url = new URL(link.href);
    url.searchParams.set("alive", String(Date.now()));
    const next = /** @type {HTMLLinkElement} */ (link.cloneNode());
    next.href = url.href;
    // The old one goes when the new one is there, so that the page is never without style.
    next.onload = next.onerror = () => link.remove();
    link.after(next);
  }
};

const STYLE = "inset:0;width:100%;height:100%;max-width:none;max-height:none;box-sizing:border-box;padding:0";

/** What the server says of a page that it cannot render just now; Escape puts it away. @type {HTMLDialogElement | undefined} */
let mistake;

const putAway = () => {
  mistake?.close();
  mistake = void mistake?.remove();
};

/** Over the page, which keeps what has been typed in it until the mistake is mended, in a template or by a restart. */
const lay = (/** @type {string} */ answer) => {
  const over = (mistake = document.createElement("dialog"));
  const frame = document.createElement("iframe");
  over.ariaLabel = frame.title = "This page cannot be rendered";
  over.style.cssText = STYLE;
  frame.style.cssText = "display:block;width:100%;height:100%;border:0;background:#fff";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.srcdoc = answer;
  over.append(frame);
  document.body.append(over);
  over.showModal();
};

// Each new connection may be to a server that no longer makes it.
document.addEventListener("alive:connected", () => mistake && rerender(window.alive));

/** What lies outside of components becomes as in the new page; components show what the server renders now. */
const rerender = async (/** @type {import("./page.js").Alive} */ alive) => {
  const response = await fetch(location.href, { cache: "no-store", headers: { accept: "text/html" } });
  const answer = await response.text();
  putAway();
  if (response.status >= 500) return lay(answer);
  if (!response.ok) return location.reload();
  const page = new DOMParser().parseFromString(answer, "text/html");
  /** @type {Map<string, Element>} */
  const staying = new Map();
  for (const [old, fresh] of counterparts(document, page)) {
    const instance = String(staying.size);
    staying.set(instance, old);
    const place = document.createElement("template");
    place.setAttribute(CHILD, `${instance}.`);
    fresh.replaceWith(place);
  }
  document.title = page.title;
  morph(document.body, document.adoptNode(page.body), (node) => staying.get(node.getAttribute?.(CHILD)?.split(".")[0]));

  for (const root of document.querySelectorAll(`[${STATE}]`)) {
    const token = /** @type {string} */ (root.getAttribute(STATE));
    const id = token.split(".")[0];
    if (!alive.components.has(id)) alive.components.set(id, { id, root, token, queue: [], last: 0, held: 0 });
  }
  // On the next connection all of them join, holding nothing.
  for (const component of alive.components.values()) Object.assign(component, { held: 0, sent: 0 });
  alive.socket?.close();
};
