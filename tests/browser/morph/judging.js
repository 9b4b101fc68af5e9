/** What is right after a morph, said without the morph's own words. */

const OPENABLE = "details,dialog";
const ALONE = "[ws-ignore],[ws-stream]";

/**
 * A tree as text, in which equal trees are equal, templates included; without what is the person's.
 * @param {any} node  @param {boolean} lived  whether a person was here, who may have opened and written something
 */
export const normal = (node, lived) => {
  if (!node.attributes) return `${node.nodeType}:${JSON.stringify(node.data)}`;
  const child = node.getAttribute("data-asok-child") ?? (node.localName === "template" && node.getAttribute("data-asok")?.split(".")[0]);
  if (child) return `child ${child}`;
  const attributes = [...node.attributes]
    .filter(({ name }) => !(lived && name === "open" && node.matches(OPENABLE)) && name !== "data-person")
    .map(({ namespaceURI, name, value }) => `${namespaceURI ?? ""}|${name}=${JSON.stringify(value)}`);
  const opening = `${node.namespaceURI}|${node.localName} ${attributes.sort().join(" ")}`;
  if (node.matches(ALONE) || (lived && node.matches("[contenteditable]"))) return `${opening} (alone)`;
  const inside = [...(node.content ?? node).childNodes].map((each) => normal(each, lived));
  return `${opening} {${inside.map((each) => `\n${each}`).join("").replaceAll("\n", "\n  ")}}`;
};

/** What all controls show. @param {Element} root */
export const shown = (root) =>
  [...root.querySelectorAll("input,textarea,select")]
    // A slider that was another control before keeps to other ends than one that never was.
    .filter((each) => !each.closest(`[data-asok-child],${ALONE}`) && each.type !== "range")
    .map((each) => `${each.localName} ${each.type} ${each.name} ${JSON.stringify([each.value, each.checked, [...(each.selectedOptions ?? [])].map((option) => option.index)])}`)
    .join("\n");

const keyOf = (element) => {
  const key = element.getAttribute("ws-key") || element.id;
  return key && !element.hasAttribute("data-asok-child") && `${element.nodeName} ${key}`;
};
/** Elements by their key, without keys that stand twice. @param {Element} parent */
const keyed = (parent) => {
  const found = Map.groupBy([...parent.children].filter(keyOf), keyOf);
  return new Map([...found].filter(([, each]) => each.length === 1).map(([key, [each]]) => [key, each]));
};

/** Who stands under whom, by key. @param {Element} root  @returns {Map<Element, Map<string, Element>>} */
export const families = (root) => new Map([root, ...root.querySelectorAll("*")].map((each) => [each, keyed(each)]));

/**
 * Elements that have another object than before, although their parent, tag and key are the same.
 * @param {Element} root  @param {Element} wanted  @param {ReturnType<typeof families>} before
 */
export const strangers = (root, wanted, before) => {
  const found = [];
  const known = before.get(root) ?? new Map();
  const wantedKeys = keyed(wanted);
  [...root.children].forEach((element, place) => {
    const counterpart = wanted.children[place];
    if (!counterpart || element.hasAttribute("data-asok-child") || element.matches(ALONE)) return;
    const key = keyOf(element);
    if (key && known.has(key) && wantedKeys.has(key) && known.get(key) !== element) found.push(element.outerHTML);
    else found.push(...strangers(element, counterpart, before));
  });
  return found;
};

const PLAIN = "textarea,input:is([type=text],[type=search],[type=tel],[type=password],[type=checkbox])";

/**
 * Plain controls of which it can be told whether they are the person's, and what they show.
 * @param {Element} root  @returns {Map<any, { theirs: boolean, value: string, checked: boolean, type: string }>}
 */
export const holdings = (root) =>
  new Map(
    [...root.querySelectorAll(PLAIN)].filter((each) => each instanceof HTMLElement).map((each) => {
      const { value, checked, type, defaultValue, defaultChecked } = each;
      // A line of text has no line breaks, whatever its attribute says.
      const given = each.localName === "input" ? defaultValue.replaceAll("\n", "") : defaultValue;
      const dirty = type === "checkbox" ? checked !== defaultChecked : value !== given;
      return [each, { theirs: dirty || each === document.activeElement, value, checked, type }];
    }),
  );

/**
 * What was the person's and is not there any more, and what is the server's and does not show.
 * @param {Element} root  @param {Element} wanted  @param {ReturnType<typeof holdings>} before
 */
export const losses = (root, wanted, before) => {
  const found = [];
  const walk = (element, counterpart) => {
    const held = before.get(element);
    if (held && counterpart.type === held.type && !element.closest("[contenteditable]")) {
      const what = held.type === "checkbox" ? "checked" : "value";
      const ought = (held.theirs ? held : counterpart)[what];
      if (element[what] !== ought) found.push(`${element.outerHTML} shows ${element[what]}, not ${ought}`);
    }
    if (element.matches(`[data-asok-child],${ALONE},[contenteditable]`)) return;
    [...element.children].forEach((each, place) => counterpart.children[place] && walk(each, counterpart.children[place]));
  };
  walk(root, wanted);
  return found;
};
