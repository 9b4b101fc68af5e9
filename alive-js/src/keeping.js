/**
 * What a person changes and no attribute of the page tells apart from what the server gave: which option is chosen,
 * which `<details>` or `<dialog>` is open, rich text. It is carried over into the new tree, or put back when that stands.
 *
 * What the server gave last is noted. What differs from it is the person's, until the server gives the same.
 */
import { matches } from "./elements.js";
import { CHILD, IGNORE, INSTANCE_LENGTH, SHUT, STREAM } from "./protocol.js";

const { alive } = window;

/** Whose inside is left alone once it is there; that of the last is the browser's. */
const ALONE = `[${IGNORE}],[${STREAM}],selectedcontent`;
/** A morph walks down to these even where all is equal: to note it, and because `isEqualNode` looks into no template. */
const NOTED = `template,details,dialog,[contenteditable],${ALONE}`;

const UNTIL_FOUND = "until-found";
/** What a search in the page has brought to light: it stays so until the server shows it, too. @type {WeakSet<any>} */
const found = new WeakSet();
document.addEventListener("beforematch", ({ target }) => found.add(/** @type {any} */ (target)));

/** @type {WeakMap<Element, string | boolean>} */
const given = new WeakMap();
/** What is put back. @type {(() => void)[]} */
const later = [];

const settle = () => later.splice(0).forEach((each) => each());

/** @param {any} element */
const shown = (element) => (element.isContentEditable ? element.innerHTML : element.open);
/** @param {any} around what the server gave, of which something may be known already */
const meet = (around) => {
  for (const each of around.querySelectorAll(NOTED)) given.has(each) || given.set(each, shown(each));
};
meet(document);
document.addEventListener("alive:updated", ({ target }) => {
  settle();
  // New rows of a stream come without a morph.
  if (matches.call(target, `[${STREAM}]`)) meet(target);
});

/** @param {any} old  @param {any} fresh */
const note = (old, fresh) => {
  const rich = old.isContentEditable;
  const now = shown(old);
  // Of what somebody else has put there, nothing is known.
  const theirs = given.has(old) ? given.get(old) !== now : !rich;
  if (given.has(old)) old[SHUT] = matches.call(fresh, ALONE);
  given.set(old, rich ? fresh.innerHTML : fresh.open);
  if (rich) old[SHUT] ||= theirs || old === document.activeElement;
  else if (theirs) fresh.open = now;
  // A modal dialog without its attribute would stay in everybody's way, unseen.
  else if (old.nodeName === "DIALOG" && !fresh.open) old.close();
  // Not as text: that would lose a newline at the beginning of a <pre>.
  if (old.content && !old[SHUT] && old.innerHTML !== fresh.innerHTML) old.content.replaceChildren(fresh.content);
};

/** @param {any} select */
const flags = (select) => [...select.options].map((option) => option.selected);

/** @param {any} old  @param {any} fresh */
const choose = (old, fresh) => {
  // A copy shows what the attributes say.
  const theirs = old === document.activeElement || String(flags(old)) !== String(flags(old.cloneNode(true)));
  const values = [...old.selectedOptions].map((option) => option.value);
  const kept = [...fresh.options].map((option) => values.includes(option.value));
  const chosen = theirs && (old.multiple || kept.includes(true)) ? kept : flags(fresh);
  later.push(() => [...old.options].forEach((option, place) => (option.selected = chosen[place])));
};

/** What a player may choose from, where it has no `src` of its own. @param {any} player */
const sources = (player) => player.hasAttribute("src") || String([...player.querySelectorAll("source")].map((each) => each.getAttribute("src")));

const scratch = document.createElement("template");

/** What a field shows that nobody has touched: of a slider it is one of its steps. @param {any} field  @returns {string} */
const untouched = (field) => {
  scratch.innerHTML = field.outerHTML;
  return /** @type {any} */ (scratch.content.firstElementChild).value;
};

/** With these a new part of a table begins. */
const PARTS = /^(caption|colgroup|tfoot|thead)$/;

/** @param {any} place  @returns {string | undefined} what the child is that goes there */
const kindOf = (place) => alive.components.get(place.getAttribute(CHILD)?.slice(0, INSTANCE_LENGTH))?.root.nodeName;

/** Of one that is still to come, its siblings tell. @param {any} place */
const isRow = (place) => (kindOf(place) ?? [...place.parentNode.children].map(kindOf).find(Boolean) ?? "TR") === "TR";

/**
 * Where a page that is loaded is another tree than its text by itself: scripts run, so that a `<noscript>` holds text, and
 * rows that are components have made a `<tbody>`. @param {any} fresh
 */
const asLoaded = (fresh) => {
  for (const each of fresh.querySelectorAll?.("noscript") ?? []) each.textContent = each.innerHTML;
  for (const place of fresh.querySelectorAll?.(`table>template[${CHILD}]`) ?? []) {
    // One before may have taken it in.
    if (place.parentNode.localName !== "table" || !isRow(place)) continue;
    const body = /** @type {any} */ (document.createElement("tbody"));
    place.before(body);
    for (let node; (node = body.nextSibling) && !(PARTS.test(node.localName) || (node.rows && node.attributes[0])); )
      // Rows that follow have one of their own, but only for lack of this.
      node.rows ? node.replaceWith(...node.childNodes) : body.append(node);
  }
};

/** Who is open in its group. @param {any} details */
const rival = ({ name }) => document.querySelector(`details[open][name="${CSS.escape(name)}"]`);

alive.keep = (old, fresh) => {
  if (!later.length) {
    asLoaded(fresh);
    // A new radio button that comes in checked takes the check from the one that the person chose.
    // Where none comes, the whole page is not searched for them.
    const radios = fresh.parentNode?.querySelector("[type=radio]") && document.querySelectorAll("[type=radio]:checked:not([checked])");
    later.push(() => radios?.forEach((/** @type {HTMLInputElement} */ radio) => (radio.checked = true)));
    // Of one name, a new <details> that comes in open is closed while another is, though that may be about to go.
    const comers = [...(fresh.querySelectorAll?.("details[name][open]") ?? [])];
    later.push(() => comers.forEach((each) => each.isConnected && !rival(each) && given.set(each, (each.open = true))));
    queueMicrotask(settle);
  }
  if (!fresh.attributes || old.nodeName !== fresh.nodeName) return;
  // Half a date or number is no value yet, and any that is written, or other limits of a date, take it away.
  if (old.validity?.badInput)
    for (const name of ["value", "min", "max", "step"]) {
      const value = old.getAttribute(name);
      value === null ? fresh.removeAttribute(name) : fresh.setAttribute(name, value);
    }
  if (found.has(old)) fresh.hidden === UNTIL_FOUND ? (fresh.hidden = false) : found.delete(old);
  const noted = matches.call(fresh, NOTED);
  if (!noted && !fresh.querySelector(NOTED) && old.isEqualNode(fresh)) return true;
  // The browser has put right what the server gave, or the same number was typed. So it is not the person's, though it
  // differs.
  if (old.nodeName === "INPUT" && old.value !== old.defaultValue && (old.valueAsNumber === +old.defaultValue || old.value === untouched(old)))
    old.defaultValue = old.value;
  // It has chosen one, and looks at them only when it is told to.
  if (/^(AUDIO|VIDEO)$/.test(old.nodeName) && sources(old) !== sources(fresh)) later.push(() => old.load());
  old[SHUT] = false;
  if (noted) note(old, fresh);
  if (old.nodeName === "SELECT" && !old[SHUT]) choose(old, fresh);
  if (!old[SHUT]) alive.tolerate?.(old, fresh);
  return false;
};
