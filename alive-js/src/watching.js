/** What is in the page and what comes into it: elements that match a selector, and attributes by their kind. */

/** Attributes that begin with this are ours. */
const OURS = "ws-";

/**
 * @typedef {(element: any) => void} Visit
 * @type {{ selector: string, came: Visit, went?: Visit, there: Set<Element> }[]}
 */
const watches = [];
/** @type {Map<string, Set<Attr>>} */
const kinds = new Map();
/** @type {Visit[]} */
const readers = [];

/** Calls `came` for each element that matches, now or later, and `went` when it has left. @param {string} selector  @param {Visit} came  @param {Visit} [went] */
export const watch = (selector, came, went) => {
  watches.push({ selector, came, went, there: new Set() });
};

/** Calls `reader` with each attribute of ours, now or later. @param {(attribute: Attr) => void} reader */
export const read = (reader) => {
  readers.push(reader);
};

/** The attributes of a kind that are in the page: "loading" stands for every `ws-loading…`. @param {string} kind  @returns {() => Attr[]} */
export const all = (kind) => {
  /** @type {Set<Attr>} */
  const found = new Set();
  kinds.set(kind, found);
  return () => {
    for (const each of found) each.ownerElement?.isConnected || found.delete(each);
    return [...found];
  };
};

/** What the name says, without its modifiers. @param {string} name */
export const kindOf = (name) => name.slice(OURS.length).split(".")[0];

/** @param {Element} element */
const look = (element) => {
  for (const attribute of element.attributes)
    if (attribute.name.startsWith(OURS)) {
      kinds.get(kindOf(attribute.name))?.add(attribute);
      for (const reader of readers) reader(/** @type {any} */ (attribute));
    }
};

/** @param {any} top  all that has come under it, itself included */
const arrive = (top) => {
  for (const element of [top, ...(top.querySelectorAll?.("*") ?? [])]) if (element.attributes) look(element);
  for (const { selector, came, there } of watches)
    for (const element of [top, ...(top.querySelectorAll?.(selector) ?? [])])
      if (element.matches?.(selector) && element.isConnected && !there.has(element)) {
        there.add(element);
        came(element);
      }
};

const leave = () => {
  for (const { selector, went, there } of watches)
    for (const element of there)
      if (!element.isConnected || !element.matches(selector)) {
        there.delete(element);
        went?.(element);
      }
};

/** Begins, when all that watch are there. */
export const start = () => {
  arrive(document.documentElement);
  new MutationObserver((records) => {
    for (const { type, target, addedNodes, attributeName } of records)
      if (type === "childList") addedNodes.forEach(arrive);
      else if (/^(ws|data-asok)-/.test(attributeName ?? "")) arrive(target);
    leave();
  }).observe(document, { childList: true, subtree: true, attributes: true });
};
