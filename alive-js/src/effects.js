/** What a method asked of the page beyond its component: `["reset", "draft"]`, `["focus", "#name"]`, `["title", "3 new"]` … */

/** @typedef {import("./component.js").Component} Component */

/** @param {any} control  puts it back to what the server's text says, dirty or not */
const restore = (control) => {
  if ("defaultValue" in control) control.value = control.defaultValue;
  if ("defaultChecked" in control) control.checked = control.defaultChecked;
  for (const option of control.options ?? []) option.selected = option.defaultSelected;
  if (control.matches("select:not([multiple])") && !control.querySelector("[selected]")) control.selectedIndex = 0;
};

/**
 * What the person has typed after the event left is theirs.
 * @param {any} control  @param {any} [sent] the event's data
 */
const typedSince = (control, sent) => {
  const said = control.form && sent?.form ? new Map(sent.form).get(control.name) : sent?.value;
  return typeof said === "string" && control.value !== said;
};

/** @type {Map<string, (component: Component, sent: any, ...args: any) => void>} */
const effects = new Map(
  Object.entries({
    reset: (component, sent, ...names) => {
      for (const control of component.root.querySelectorAll("[name]"))
        if (names.includes(control.getAttribute("name")) && !typedSince(control, sent)) restore(control);
    },
    focus: (component, _, selector) => {
      const target = component.root.querySelector(selector) ?? document.querySelector(selector);
      target?.focus();
    },
    dispatch: (component, _, name, detail) => {
      component.root.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    },
    title: (_, __, text) => {
      document.title = text;
    },
    redirect: (_, __, url) => {
      const target = new URL(url, location.href);
      if (/^https?:$/.test(target.protocol)) location.assign(target);
    },
    reload: () => location.reload(),
  }),
);

/**
 * @param {unknown} _  @param {Component} component  @param {[string, ...any][]} list
 * @param {import("./component.js").Event} [event] the one that asked for them
 */
export default (_, component, list, event) => {
  const sent = event?.[4];
  for (const [name, ...args] of list) {
    const effect = effects.get(name);
    if (effect) effect(component, sent, ...args);
    else console.warn(`alive: no effect "${name}"`);
  }
};
