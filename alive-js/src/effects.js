/** What a method asked of the page beyond its component: `["reset", "draft"]`, `["focus", "#name"]`, `["title", "3 new"]` … */

/** @typedef {import("./component.js").Component} Component */

/** @param {any} control  puts it back to what the server's text says, dirty or not */
const restore = (control) => {
  if ("defaultValue" in control) control.value = control.defaultValue;
  if ("defaultChecked" in control) control.checked = control.defaultChecked;
  for (const option of control.options ?? []) option.selected = option.defaultSelected;
  if (control.matches("select:not([multiple])") && !control.querySelector("[selected]")) control.selectedIndex = 0;
};

/** @type {Map<string, (component: Component, ...args: any) => void>} */
const effects = new Map(
  Object.entries({
    reset: (component, ...names) => {
      for (const control of component.root.querySelectorAll("[name]"))
        if (names.includes(control.getAttribute("name"))) restore(control);
    },
    focus: (component, selector) => {
      const target = component.root.querySelector(selector) ?? document.querySelector(selector);
      target?.focus();
    },
    dispatch: (component, name, detail) => {
      component.root.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    },
    title: (_, text) => {
      document.title = text;
    },
    redirect: (_, url) => {
      const target = new URL(url, location.href);
      if (/^https?:$/.test(target.protocol)) location.assign(target);
    },
  }),
);

/** @param {unknown} _  @param {Component} component  @param {[string, ...any][]} list */
export default (_, component, list) => {
  for (const [name, ...args] of list) {
    const effect = effects.get(name);
    if (effect) effect(component, ...args);
    else console.warn(`alive: no effect "${name}"`);
  }
};
