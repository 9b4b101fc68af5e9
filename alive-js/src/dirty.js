/** `ws-dirty[.class]`: shown while a form, or a control, holds what it did not when it came or was last sent. */
import { lay, layer, reveal } from "./overlay.js";
import { read, watch } from "./watching.js";

/** What is known of each form. @type {WeakMap<HTMLFormElement, [string, any][]>} */
const known = new WeakMap();
/** @type {Set<Attr>} */
const dirties = new Set();
read((attribute, kind) => kind === "dirty" && dirties.add(attribute));

/** The page's own entries, which no person changes, do not count. @param {HTMLFormElement} form */
const entries = (form) => [...new FormData(form)].filter(([name]) => !name.startsWith("_asok-"));

/** @param {[string, any][] | undefined} list  @param {string | undefined} name */
const text = (list, name) => JSON.stringify(list?.filter(([each]) => !name || each === name));

/** The form is as it should be. @param {HTMLFormElement} form */
export const clean = (form) => {
  known.set(form, entries(form));
  lay();
};

layer(() => {
  for (const attribute of dirties) {
    const element = /** @type {any} */ (attribute.ownerElement);
    const form = element?.form ?? element?.closest("form");
    if (!element?.isConnected) dirties.delete(attribute);
    else if (form && text(known.get(form), element.name) !== text(entries(form), element.name)) reveal(attribute);
  }
});

watch("form", clean);
for (const type of ["input", "change", "reset", "alive:updated"]) document.addEventListener(type, () => setTimeout(lay));
document.addEventListener("alive:reset", ({ target }) => /** @type {Element} */ (target).querySelectorAll("form").forEach(clean));
