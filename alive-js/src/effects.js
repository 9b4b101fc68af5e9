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

/** What screen readers listen to: one region for each tone, made before something is said in it. @type {Map<string, HTMLElement>} */
const regions = new Map();

/** @param {string} role */
const region = (role) => {
  const made = document.createElement("div");
  made.role = role;
  made.style.cssText = "position:fixed;height:1px;width:1px;overflow:hidden;clip-path:inset(50%)";
  regions.set(role, made);
  document.body.append(made);
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

/**
 * What the person has typed after the event left is theirs; of a text that was only added to, what was sent goes.
 * @param {any} control  @param {any} sent the event's data  @param {boolean} bound whether what was typed is on its way
 */
const clear = (control, sent, bound) => {
  const said = control.form && sent?.form ? new Map(sent.form).get(control.name) : sent?.value;
  if (!bound && (typeof said !== "string" || control.value === said)) restore(control);
  // Of an e-mail address or a number nobody knows where the caret is.
  else if (said?.length && !composing && control.selectionEnd != null && control.value.startsWith(said)) {
    control.setRangeText(control.defaultValue, 0, said.length);
    if (bound) control.dispatchEvent(new Event("input", { bubbles: true }));
  }
};

/** @type {Map<string, (component: Component, sent: any, ...args: any) => void>} */
const effects = new Map(
  Object.entries({
    reset: (component, sent, ...names) => {
      for (const control of component.root.querySelectorAll("*"))
        if (control.getAttributeNames().some((each) => /^(name|ws-model.*)$/.test(each) && names.includes(control.getAttribute(each))))
          clear(
            control,
            sent,
            component.queue.some((/** @type {any} */ { typed }) => typed === control),
          );
      component.root.dispatchEvent(new Event("alive:reset", { bubbles: true }));
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
      const role = assertive ? "alert" : "status";
      const place = regions.get(role) ?? region(role);
      const said = document.createElement("p");
      said.textContent = text;
      // A region that has just come is not listened to yet.
      setTimeout(() => place.append(said), 100);
      setTimeout(() => said.remove(), 9000);
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
  const sent = event?.[4];
  for (const [name, ...args] of list) {
    try {
      /** @type {any} */ (effects.get(name))(component, sent, ...args);
    } catch (error) {
      // The others go on.
      console.warn(`alive: ${name}: ${error}`);
    }
  }
};
