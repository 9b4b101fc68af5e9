/**
 * Makes a live element equal to a new one, and keeps what belongs to the person in front of it.
 *
 * 1. Elements with an id, and placeholders of children, are paired once over the whole of both trees.
 * 2. In each parent what is equal at both ends is passed over by `isEqualNode`; what the person did in there is not looked at.
 * 3. A node between finds its old one: its pair, or the next with the same label (tag, key or an id inside, name).
 * 4. All take their places, walking a cursor; only then is each made equal in its turn.
 * 5. What was not taken again goes at the very end: until then an id may still move out of it.
 */
import { CHILD, IGNORE, KEY, STATE } from "./protocol.js";

/** A control's property, and the one that tells what the server's text gave it. */
const CONTROLS = [
  ["value", "defaultValue"],
  ["checked", "defaultChecked"],
  ["selected", "defaultSelected"],
];

/**
 * @param {Element} root
 * @param {Element} next
 * @param {(instance: string) => Element | undefined} childRoot
 */
export const morph = (root, next, childRoot) => {
  const focus = /** @type {any} */ (document.activeElement);
  const { selectionStart, selectionEnd, selectionDirection } = focus;
  /** @type {Map<Node, Element>} new element → the old one that goes on as it */
  const pairs = new Map();
  /** @type {Map<Node, string>} both elements of a pair → what they are called */
  const names = new Map();
  /** @type {Set<Node>} */
  const placed = new Set();
  /** @type {ChildNode[]} */
  const left = [];

  const pairUp = () => {
    const olds = new Map([...root.querySelectorAll("[id]")].map((old) => [old.getAttribute("id"), old]));
    for (const fresh of next.querySelectorAll(`[id],[${CHILD}]`)) {
      const instance = fresh.getAttribute(CHILD)?.split(".")[0];
      const name = instance ?? fresh.getAttribute("id") ?? "";
      const old = instance ? childRoot(instance) : olds.get(name);
      if (old && !names.has(old) && (instance || old.nodeName === fresh.nodeName)) {
        pairs.set(fresh, old);
        names.set(fresh, name).set(old, name);
      }
    }
  };

  /** @param {any} node  @returns {string | undefined} the first lasting name inside */
  const nameInside = (node) =>
    names.get([...(node.querySelectorAll?.(`[id],[${CHILD}],[${STATE}]`) ?? [])].find((inner) => names.has(inner)));

  /** @param {any} node */
  const label = (node) => {
    const attribute = (/** @type {string} */ name) => node.getAttribute?.(name);
    return [node.nodeName, attribute("id") ?? attribute(KEY) ?? nameInside(node), attribute("name")].join();
  };

  /** @param {Element} parent  @param {ParentNode} wanted */
  const children = (parent, wanted) => {
    const olds = [...parent.childNodes];
    const news = [...wanted.childNodes];
    /** @type {ChildNode | null | undefined} */
    let cursor = null;
    while (olds[0]?.isEqualNode(news[0])) olds.shift(), news.shift();
    while (olds.at(-1)?.isEqualNode(news.at(-1) ?? null)) (cursor = olds.pop()), news.pop();
    cursor = olds[0] ?? cursor;
    left.push(...olds);

    /** @type {Map<string, ChildNode[]>} */
    const labelled = new Map();
    if (news[0])
      for (const old of olds)
        if (!names.has(old) && !(/** @type {any} */ (old).hasAttribute?.(STATE))) {
          const same = labelled.get(label(old));
          same ? same.push(old) : labelled.set(label(old), [old]);
        }

    /** @type {[any, any][]} */
    const matches = [];
    for (const fresh of news) {
      let old = pairs.get(fresh) ?? labelled.get(label(fresh))?.shift();
      if (old) {
        placed.add(old);
        matches.push([old, fresh]);
      } else if (nameInside(fresh)) {
        // Something old goes on inside of it: enter an empty copy.
        old = /** @type {Element} */ (fresh.cloneNode());
        matches.push([old, fresh]);
      }
      if (old && old === cursor) cursor = cursor.nextSibling;
      else if (old && cursor && old === cursor.nextSibling) cursor = old.nextSibling;
      else place(parent, old ?? fresh, cursor);
    }
    for (const [old, fresh] of matches) if (!old.isEqualNode(fresh)) node(old, fresh);
  };

  /** @param {any} old  @param {any} fresh */
  const node = (old, fresh) => {
    if (!fresh.attributes) {
      old.data = fresh.data;
      return;
    }
    const held = focus === (old.closest("select") ?? old);
    if ((old !== root && old.hasAttribute(STATE)) || (held && old.isContentEditable)) return;
    const clean = CONTROLS.filter(([now, given]) => given in old && old[now] === old[given]);
    // Written once, a value is the person's: the attribute does not show through any more.
    if (held) for (const [now] of clean) old[now] = old[now];
    attributes(old, fresh);
    if (!old.hasAttribute(IGNORE)) children(old, fresh);
    if (!held) for (const [now, given] of clean) if (old[now] !== old[given]) old[now] = old[given];
  };

  pairUp();
  node(root, next);
  for (const old of left) placed.has(old) || old.remove();
  if (focus !== document.activeElement && focus.isConnected) {
    focus.focus({ preventScroll: true });
    selectionStart === undefined || focus.setSelectionRange?.(selectionStart, selectionEnd, selectionDirection);
  }
};

/** @param {any} parent  @param {Node} node  @param {Node | null} before */
export const place = (parent, node, before) =>
  parent[parent.moveBefore && parent.getRootNode() === node.getRootNode() ? "moveBefore" : "insertBefore"](node, before);

/** `open` is the person's; the token is not part of the text. @param {Element} old  @param {Element} fresh */
const attributes = (old, fresh) => {
  for (const { name } of [...old.attributes])
    fresh.hasAttribute(name) || name === "open" || name === STATE || old.removeAttribute(name);
  for (const attribute of fresh.attributes)
    attribute.name === "open" ||
      old.getAttribute(attribute.name) === attribute.value ||
      old.setAttributeNode(/** @type {Attr} */ (attribute.cloneNode()));
};
