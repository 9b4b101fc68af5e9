/**
 * What others have done to a page, as far as an update would take something from the person for it: a password manager
 * puts its buttons between the elements, and the browser writes the size that somebody gives a field by hand as a style.
 */
import { remove } from "./elements.js";
import { label } from "./label.js";
import { STATE } from "./protocol.js";

const { alive } = window;
const SIZED = /^((width|height): [\d.]+px; ?)+$/;

/** @param {Element} element */
const looks = (element) => "" + element.getAttributeNames().map((name) => name + element.getAttribute(name)).sort();

/**
 * Of elements that only their place tells apart, where more are there than are to be, those go that stand before one with
 * the attributes that the next is to have: none of them is taken for that one.
 */
alive.tolerate = (old, fresh) => {
  if (old.nodeName === "TEXTAREA" && !fresh.hasAttribute("style") && SIZED.test(old.getAttribute("style"))) fresh.style.cssText = old.style.cssText;
  const wanted = Map.groupBy(fresh.childNodes, label);
  for (const [name, there] of Map.groupBy(old.childNodes, label))
    for (const coming = /** @type {any[]} */ (wanted.get(name) ?? []); coming[0]?.getAttributeNames && there.length > coming.length; there.shift()) {
      const next = looks(coming[0]);
      const place = there.slice(0, there.length - coming.length + 1).findIndex((each) => looks(each) === next);
      for (const each of there.splice(0, place)) each.querySelector(`[${STATE}]`) ?? remove.call(each);
      coming.shift();
    }
};

// The module `features` has one that looks at more.
alive.keep ??= (old, fresh) => {
  const equal = old.isEqualNode?.(fresh);
  if (equal === false && old.nodeName === fresh.nodeName) alive.tolerate?.(old, fresh);
  return equal;
};
