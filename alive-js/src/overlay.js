/**
 * What the page shows for a while on top of what the server gave: taken off before each update, and laid on anew after
 * it, so that an update never mistakes it for the page. What the person enters while an answer is on its way stays.
 */
const { alive } = window;

/** @type {(() => void)[]} */
const layers = [];
/** @type {(() => void)[]} */
const undos = [];
/** Controls whose events are not answered yet, and what stands in them. @type {any[][]} */
let entered = [];

/** @param {() => void} show  lays on what is to be seen now, with `cover`, `dress`, `reveal` or `onTakingOff` */
export const layer = (show) => layers.push(show);

/** Another value of an attribute, null for none. @param {Element} element  @param {string} name  @param {string | null} value */
export const cover = (element, name, value) => {
  const before = element.getAttribute(name);
  const put = (/** @type {string | null} */ text) => (text === null ? element.removeAttribute(name) : element.setAttribute(name, text));
  undos.push(() => put(before));
  put(value);
};

/** Other classes. @param {Element} element  @param {string} names  @param {boolean} [on] undefined: the other way round */
export const dress = ({ classList }, names, on) => {
  for (const name of names.match(/\S+/g) ?? []) {
    const before = classList.contains(name);
    undos.push(() => classList.toggle(name, before));
    classList.toggle(name, on);
  }
};

/** Shows what an attribute such as `ws-loading.class` says. @param {Attr} attribute */
export const reveal = ({ name, value, ownerElement }) => {
  const element = /** @type {Element} */ (ownerElement);
  const has = (/** @type {string} */ word) => name.includes("." + word);
  if (has("class")) dress(element, value, true);
  else if (has("attr")) cover(element, value, "");
  else cover(element, "hidden", has("hide") ? "" : null);
};

/** @param {() => void} undo */
export const onTakingOff = (undo) => undos.push(undo);

const takeOff = () => {
  while (undos[0]) undos.pop()?.();
};

export const lay = () => {
  takeOff();
  for (const show of layers) show();
};

const { receive } = alive;

alive.receive = (kind, id, seq, ...rest) => {
  const component = alive.components.get(id);
  if (kind === "update" && component) {
    takeOff();
    entered = component.queue.flatMap((/** @type {any} */ { 2: own, typed }) => (own > seq && typed && !typed.options ? [[typed, typed.value, typed.checked]] : []));
  }
  receive(kind, id, seq, ...rest);
};

document.addEventListener("alive:updated", () => {
  for (const [control, value, checked] of entered.splice(0)) {
    if (control.value !== value) control.value = value;
    if (control.checked !== checked) control.checked = checked;
  }
  lay();
});
