/** What elements do though a form has a field that is called so: `matches.call(form, "…")`. */
export const { closest, matches } = Element.prototype;
