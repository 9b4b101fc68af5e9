/** What elements do though a form has a field that is called so: `matches.call(form, "…")`. */
export const { closest, contains, matches, remove } = Element.prototype;
