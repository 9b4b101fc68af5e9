/**
 * A long list of which only the rows near those seen are in the page: `<ul ws-virtual="show" data-first="0" data-total="100000">`.
 *
 * Room for the others is left above and below, so that the scrollbar is that of the whole list; all rows have one
 * height. When what is seen comes near the end of what is there, the method is called with the row to begin at.
 */
import { watch } from "./watching.js";

const { alive } = window;

/** Where each list stands; undefined until it has been shown. @type {Map<any, number | undefined>} */
const tops = new Map();

const { receive } = alive;

// A browser scrolls before it says so; after an update it is too late to look. Where nothing is shown, nothing is scrolled.
alive.receive = (...message) => {
  for (const [list, top] of tops) top === undefined || !list.clientHeight || tops.set(list, list.scrollTop);
  receive(...message);
};

/** What ends the listening of each list. @type {Map<any, AbortController>} */
const leaving = new Map();

/** With its fraction, unless that comes from a transformation. @param {any} row @returns {number} */
const heightOf = (row) => {
  const { offsetHeight } = row;
  const { height } = row.getBoundingClientRect();
  return Math.abs(height - offsetHeight) > 0.5 ? offsetHeight : height;
};

/** @param {any} list */
const come = (list) => {
  /** The first row as it was asked for last, and one that was not given. */
  let asked = 0;
  let denied = -1;
  /** Whether what was asked for last has been given. */
  let met = false;
  let held = false;
  let height = 0;
  /** @type {Element | undefined} */
  let measured;
  const left = new AbortController();
  leaving.set(list, left);
  tops.set(list, undefined);

  const look = () => {
    const { firstElementChild: row, childElementCount: count, dataset } = list;
    const first = +dataset.first;
    const last = dataset.total - count;
    const before = height;
    if (!row) return;
    // A morph has taken these away; until they are back, nothing must ask where anything stands.
    do {
      row.style.marginTop = first * height + "px";
      list.lastElementChild.style.marginBottom = (last - first) * height + "px";
      list.style.overflowAnchor = "none";
    } while (height !== (height = heightOf(row) || height));
    if (row !== measured) {
      measured && sizes.unobserve(measured);
      sizes.observe((measured = row));
    }
    if (!list.clientHeight || !height) return;
    const busy = alive.around(list)?.queue[0];
    const spare = (count - list.clientHeight / height) / 2;
    // A page that was loaded again shows the middle of its rows. The server shows another place than it was asked for: there we go.
    let top = /** @type {number} */ (tops.get(list));
    if (top === undefined) top = (asked = first) && (first + spare) * height;
    else if (first !== asked && !busy) {
      // Where nothing was asked for, nothing is denied.
      denied = met ? -1 : asked;
      top = (asked = first) * height;
    }
    // Other rows of another height are the same rows.
    else if (before && before !== height) top *= height / before;
    met ||= first === asked;
    tops.set(list, top);
    if (list.scrollTop !== top) list.scrollTop = top;
    const focus = document.activeElement;
    // The row with the focus has gone: the keyboard goes on with the list.
    if (held && focus === document.body) list.focus({ preventScroll: true });
    held = list.contains(focus);
    const wanted = Math.max(0, Math.min(last, Math.round(top / height - spare)));
    // Towards the ends nothing is spare: what is missing there would be seen missing.
    if (!busy && Math.abs(wanted - first) > (wanted % last || wanted === denied ? spare / 2 : 0)) {
      met = false;
      alive.fire(list, { type: "virtual", target: { value: "" + (asked = wanted) } }, list.getAttribute("ws-virtual"));
    }
  };

  const { signal } = left;
  // Of a row that has just come this is no news, and a scroll may be under way.
  const sizes = new ResizeObserver((entries) => entries.some(({ target }) => target === list || heightOf(target) !== height) && look());
  signal.addEventListener("abort", () => sizes.disconnect());
  sizes.observe(list);
  list.addEventListener("scroll", () => list.clientHeight && (tops.set(list, list.scrollTop), look()), { signal });
  document.addEventListener("alive:updated", () => list.isConnected && look(), { signal });
  look();
};

watch("[ws-virtual]", come, (list) => {
  tops.delete(list);
  leaving.get(list)?.abort();
  leaving.delete(list);
});
