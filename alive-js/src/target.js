/** What set an event off, for methods that ask. */

/** Longer ones are left out; `asok/targets.py` takes no others. */
const WORD = 64;
const NAME = 256;
const VALUE = 1024;
const ENTRIES = 32;

/** A form's members may be its controls. @param {any} text  @param {number} limit  @returns {string | undefined} */
const fitting = (text, limit) => (typeof text === "string" && text.length <= limit ? text.toWellFormed() : undefined);

/** Alive's own attributes are no news to the server. @param {any} element */
const datasetOf = (element) => {
  const entries = Object.entries(element.dataset ?? {}).filter(
    ([key, text]) => !/^asok/.test(key) && fitting(key, WORD) && fitting(text, NAME) !== undefined,
  );
  return entries[0] && Object.fromEntries(entries.slice(0, ENTRIES).map(([key, text]) => [key, fitting(text, NAME)]));
};

/** A secret stays one when it is shown as text. @param {any} element */
const isSecret = (element) => element.type === "password" || /password/.test(element.autocomplete);

/** Members that are undefined do not go. @param {any} element */
const describe = (element) => ({
  tag: fitting(element.localName, WORD),
  id: fitting(element.getAttribute?.("id"), NAME),
  name: fitting(element.getAttribute?.("name"), NAME),
  value: isSecret(element) || (element.localName === "button" && !element.value) ? undefined : fitting(element.value, VALUE),
  checked: /^(checkbox|radio)$/.test(element.type) ? element.checked : undefined,
  dataset: datasetOf(element),
});

/** @param {any} event */
const keysOf = (event) => ["ctrl", "alt", "shift", "meta"].filter((key) => event[key + "Key"]).join("+") || undefined;

/** @param {number | undefined} place */
const rounded = (place) => (place === undefined ? place : Math.round(place));

/** Only where a class of the app looks at it. */
const wanted = document.querySelector("script[data-target]");

/** @param {any} element  @param {any} event */
export const origin = (element, event) =>
  wanted
    ? {
        type: event.type.replace("compositionend", "input"),
        target: describe(event.target),
        current: element === event.target ? undefined : describe(element),
        keys: keysOf(event),
        x: rounded(event.clientX),
        y: rounded(event.clientY),
        page_x: rounded(event.pageX),
        page_y: rounded(event.pageY),
      }
    : undefined;
