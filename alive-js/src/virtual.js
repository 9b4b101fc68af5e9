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

// A browser scrolls before it says so; after an update it is too late to look.
alive.receive = (...message) => {
  for (const [list, top] of tops) top === undefined || tops.set(list, list.scrollTop);
  receive(...message);
};

/** @param {any} list */
const come = (list) => {
  /** The first row as it was asked for last, and one that was not given. */
  let asked = 0;
  let denied = -1;
  let held = false;
  let height = 0;
  tops.set(list, undefined);

  const look = () => {
    const { firstElementChild: row, childElementCount: count, dataset } = list;
    const first = +dataset.first;
    const last = dataset.total - count;
    if (!row) return;
    // A morph has taken these away; until they are back, nothing must ask where anything stands.
    do {
      row.style.marginTop = first * height + "px";
      list.lastElementChild.style.marginBottom = (last - first) * height + "px";
      list.style.overflowAnchor = "none";
    } while (height !== (height = row.offsetHeight));
    const busy = alive.around(list)?.queue[0];
    const spare = (count - list.clientHeight / height) / 2;
    // A page that was loaded again shows the middle of its rows. The server shows another place than it was asked for: there we go.
    let top = /** @type {number} */ (tops.get(list));
    if (top === undefined) top = (asked = first) && (first + spare) * height;
    else if (first !== asked && !busy) {
      denied = asked;
      top = (asked = first) * height;
    }
    tops.set(list, top);
    if (list.scrollTop !== top) list.scrollTop = top;
    const focus = document.activeElement;
    // The row with the focus has gone: the keyboard goes on with the list.
    if (held && focus === document.body) list.focus({ preventScroll: true });
    held = list.contains(focus);
    const wanted = Math.max(0, Math.min(last, Math.round(top / height - spare)));
    // Towards the ends nothing is spare: what is missing there would be seen missing.
    if (!busy && Math.abs(wanted - first) > (wanted % last || wanted === denied ? spare / 2 : 0))
      alive.fire(list, { type: "virtual", target: { value: "" + (asked = wanted) } }, list.getAttribute("ws-virtual"));
  };

  list.addEventListener("scroll", () => {
    tops.set(list, list.scrollTop);
    look();
  });
  document.addEventListener("alive:updated", () => list.isConnected && look());
  look();
};

watch("[ws-virtual]", come, (list) => tops.delete(list));
