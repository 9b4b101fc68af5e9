/** Elements as text. */

/** A parser leaves out a newline that follows one of these tags. */
const LINED = "pre,listing,textarea";

/** The same element, changed so that a parser makes of its text what it was. @param {any} element  @returns {Element} */
export const lined = (element) => {
  for (const each of [element, ...element.querySelectorAll(LINED)]) if (each.matches(LINED)) each.prepend("\n");
  return element;
};
