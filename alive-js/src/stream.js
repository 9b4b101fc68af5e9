/** Rows of a stream come, change and go one by one: `["stream", "rows", "put", "<li ws-key=…>…</li>", before, limit]`. */
import { remove } from "./elements.js";
import { KEY, STATE, STREAM } from "./protocol.js";
import { lined } from "./writing.js";

const template = document.createElement("template");

/** @param {Element} row  @returns {any} */
const keyOf = (row) => row.getAttribute(KEY);

/** Makes a row equal to another: the core does that for components, so it is one for a moment. @param {Element} row  @param {Element} next */
const become = (row, next) => {
  if (row.isEqualNode(next)) return row;
  const { alive } = window;
  const one = /** @type {any} */ ({ root: row, token: "", queue: [] });
  alive.components.set("", one);
  alive.receive("update", "", 0, lined(next).outerHTML);
  alive.components.delete("");
  one.root.removeAttribute(STATE);
  return one.root;
};

/**
 * @param {import("./component.js").Component} component  @param {string} name
 * @param {"put" | "update" | "move" | "delete" | "reset"} verb  @param {string | string[]} what rows, or keys of rows
 * @param {string | number} [place] the key before which they go, or how many other rows stand before them; -1: the end
 * @param {number} [limit] so many stay, counted from the end where it is negative; 0: all
 */
export default ({ root }, name, verb, what, place, limit = 0) => {
  const boxes = [.../** @type {Element} */ (root.parentElement).querySelectorAll(`[${STREAM}="${name}"]`)];
  const box = /** @type {any} */ (boxes.find((each) => each.closest(`[${STATE}]`) === root));
  const known = new Map([...box.children].map((row) => [keyOf(row), row]));
  template.innerHTML = typeof what === "string" ? what : "";
  const rows = typeof what === "string" ? [...template.content.children] : what.flatMap((key) => known.get(key) ?? []);
  const focus = /** @type {HTMLElement} */ (document.activeElement);
  const [stays, goes] = limit < 0 ? ["lastElementChild", "firstElementChild"] : ["firstElementChild", "lastElementChild"];
  // Where more is asked for above: to know where something stands costs a layout of the page.
  const seen = box.previousElementSibling?.matches("[ws-visible]") ? box[stays] : null;
  const top = () => seen?.getBoundingClientRect().top;
  const before = top();

  const keys = new Set(rows.map(keyOf));
  const others = [...box.children].filter((row) => !keys.has(keyOf(row)));
  let cursor = typeof place === "string" ? known.get(place) : (others[/** @type {any} */ (place)] ?? null);
  if (cursor === undefined) return;
  if (verb === "reset") {
    for (const row of others) remove.call(row);
    cursor = box.firstElementChild;
  }
  // Who keeps what is the person's looks before anything comes.
  window.alive.keep?.({}, rows[0] ?? {});
  for (const next of rows) {
    const old = known.get(keyOf(next));
    const row = old ? become(old, next) : next;
    // Of another tag, it has taken the old one's place.
    if (cursor === old) cursor = row;
    if (verb === "delete") remove.call(row);
    else if (row === cursor) cursor = row.nextElementSibling;
    // Moved like this it keeps scroll and playing media; not in every browser, and not what is new.
    else if (verb !== "update") box[row.isConnected && box.moveBefore ? "moveBefore" : "insertBefore"](row, cursor);
  }
  while (limit && box.childElementCount > Math.abs(limit)) remove.call(box[goes]);
  if (focus !== document.activeElement) focus.focus(window.alive);

  // Browsers keep what is looked at in its place, but not at the very top.
  if (seen?.isConnected)
    for (let each = box, moved; each && (moved = Math.round(top() - before)); each = each.parentElement) each.scrollTop += moved;
  box.dispatchEvent(new Event("alive:updated", { bubbles: true }));
};
