/** `ws-dirty[.class]`: shown while a form, or a control, holds what it did not when it came or was last sent. */
import { closest } from "./elements.js";
import { lay, layer, reveal } from "./overlay.js";
import { read, watch } from "./watching.js";

/** What each form held then. @type {WeakMap<HTMLFormElement, FormDataEntryValue[][]>} */
const known = new WeakMap();
/** @type {Set<Attr>} */
const dirties = new Set();
read((attribute, kind) => kind === "dirty" && dirties.add(attribute));

/** All of a form, or one field of it; the page's own entries do not count. @param {any[][] | undefined} list  @param {string} name */
const text = (list, name) => JSON.stringify(list?.filter(([each]) => (name ? each === name : !/^_asok-/.test(each))).sort());

/** The form is as it should be. @param {HTMLFormElement} form */
export const clean = (form) => {
  // In an <svg> it is no form.
  if (!(form instanceof HTMLFormElement)) return;
  known.set(form, [...new FormData(form)]);
  lay();
};

layer(() => {
  for (const attribute of dirties) {
    const element = /** @type {any} */ (attribute.ownerElement);
    const form = element?.form ?? (element && closest.call(element, "form"));
    // A form has no name here, whatever its fields are called.
    const name = element?.form && element.name;
    if (!element?.isConnected) dirties.delete(attribute);
    else if (form && text(known.get(form), name) !== text([...new FormData(form)], name)) reveal(attribute);
  }
});

watch("form", clean);
for (const type of ["input", "change", "reset"]) document.addEventListener(type, () => setTimeout(lay));
// What was put back is known; what stands beside it, or in another form, has still not been sent.
document.addEventListener("alive:reset", (event) => {
  for (const { form, name } of /** @type {CustomEvent} */ (event).detail)
    if (form)
      known.set(
        form,
        [known.get(form) ?? [], [...new FormData(form)]].flatMap((list, now) => list.filter(([each]) => (each === name) === !!now)),
      );
  lay();
});
