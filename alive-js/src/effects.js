/** What a method asked of the page beyond its component: `["reset", "draft"]`, `["focus", "#name"]`, `["title", "3 new"]` … */

import { fail } from "./refused.js";
import stream from "./stream.js";

/** @typedef {import("./component.js").Component} Component */

/** @param {Component} component  @param {string} selector  @returns {any} */
const find = ({ root }, selector) => {
  const found = root.querySelector(selector) ?? document.querySelector(selector);
  if (!found) throw `no element matches ${selector}`;
  return found;
};

/** What screen readers listen to, by what it stands in: one region for each tone. @type {WeakMap<Element, Record<string, HTMLElement>>} */
const regions = new WeakMap();

/** Made before something is said in it; an update takes it out of a dialog again. @param {Element} around  @param {string} role */
const region = (around, role) => {
  const known = regions.get(around) ?? {};
  const made = (known[role] ??= document.createElement("div"));
  regions.set(around, known);
  made.role = role;
  made.style.cssText = "position:fixed;height:1px;width:1px;overflow:hidden;clip-path:inset(50%)";
  if (made.parentNode !== around) around.append(made);
  return made;
};

/** @param {any} control  puts it back to what the server's text says, dirty or not */
const restore = (control) => {
  if ("defaultValue" in control) control.value = control.defaultValue;
  if ("defaultChecked" in control) control.checked = control.defaultChecked;
  for (const option of control.options ?? []) option.selected = option.defaultSelected;
  if (control.matches("select:not([multiple])") && !control.querySelector("[selected]")) control.selectedIndex = 0;
};

let composing = false;
for (const type of ["compositionstart", "compositionend"])
  addEventListener(type, () => (composing = type === "compositionstart"), true);

/** @param {any} each a form, or a control of one */
const formOf = (each) => (each instanceof HTMLFormElement ? each : each?.form);

/**
 * What the person has typed after the event left is theirs; of a text that was only added to, what was sent goes. Of a
 * control that did not go with the event, such as one of that name in another form, nothing was sent.
 * @param {any} control  @param {any} event  @param {boolean} bound whether what was typed is on its way
 * @returns {boolean | void} whether it is as the server gave it
 */
const clear = (control, event, bound) => {
  const { 4: sent, typed, hinted, control: button } = event ?? {};
  const form = formOf(hinted) ?? formOf(typed) ?? formOf(button);
  const fields = control.form && sent?.form && new Map(sent.form);
  if (form && form !== control.form && fields?.has(control.name)) return;
  const said = fields ? fields.get(control.name) : !typed || typed === control ? sent?.value : undefined;
  if (!bound && (typeof said !== "string" || control.value === said)) {
    restore(control);
    return true;
  }
  // Of an e-mail address or a number nobody knows where the caret is.
  if (said?.length && !composing && control.selectionEnd != null && control.value.startsWith(said)) {
    control.setRangeText(control.defaultValue, 0, said.length);
    if (bound) control.dispatchEvent(new Event("input", { bubbles: true }));
  }
};

/** @type {Map<string, (component: Component, event: any, ...args: any) => void>} */
const effects = new Map(
  Object.entries({
    reset: (component, event, ...names) => {
      const detail = [...component.root.querySelectorAll("*")].filter(
        (control) =>
          control.getAttributeNames().some((each) => /^(name|ws-model.*)$/.test(each) && names.includes(control.getAttribute(each))) &&
          window.alive.around(control) === component &&
          clear(
            control,
            event,
            component.queue.some((/** @type {any} */ { typed }) => typed === control),
          ),
      );
      component.root.dispatchEvent(new CustomEvent("alive:reset", { bubbles: true, detail }));
    },
    focus: (component, _, selector) => find(component, selector).focus(),
    blur: (component, _, selector) => find(component, selector).blur(),
    click: (component, _, selector) => find(component, selector).click(),
    select: (component, _, selector) => {
      const target = find(component, selector);
      target.focus();
      if (target.select) target.select();
      else getSelection()?.selectAllChildren(target);
    },
    scroll_into_view: (component, _, selector) => find(component, selector).scrollIntoView({ block: "nearest" }),
    announce: (_, __, text, assertive) => {
      // While a modal dialog is open nothing else is heard, and it may be about to close.
      for (const around of [document.body, ...document.querySelectorAll("dialog:modal")]) {
        const place = region(around, assertive ? "alert" : "status");
        const said = document.createElement("p");
        said.textContent = text;
        // A region that has just come is not listened to yet.
        setTimeout(() => place.append(said), 100);
        setTimeout(() => said.remove(), 9000);
      }
    },
    copy: (component, _, text) => {
      (async () => navigator.clipboard.writeText(text))().catch((error) => fail(component.root, "copy", `${error}`));
    },
    download: (_, __, href, download) => Object.assign(document.createElement("a"), { href, download }).click(),
    dispatch: (component, _, name, detail) => {
      component.root.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    },
    stream: (component, _, ...change) => stream(component, .../** @type {[any, any, any]} */ (change)),
    title: (_, __, text) => {
      document.title = text;
    },
    redirect: (_, __, url) => {
      const target = new URL(url, location.href);
      if (/^https?:$/.test(target.protocol)) location.assign(target);
    },
    reload: () => location.reload(),
    result: ({ id }, _, seq, value) => {
      for (const call of window.alive.calls ?? []) if (call[1] === id && call[2] === seq) call.answers(value);
    },
  }),
);

/**
 * @param {unknown} _  @param {Component} component  @param {[string, ...any][]} list
 * @param {import("./component.js").Event} [event] the one that asked for them
 */
export default (_, component, list, event) => {
  for (const [name, ...args] of list) {
    try {
      /** @type {any} */ (effects.get(name))(component, event, ...args);
    } catch (error) {
      // The others go on.
      console.warn(`alive: ${name}: ${error}`);
    }
  }
};
