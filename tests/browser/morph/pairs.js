/** Random pairs of trees through the morph: an old one, what a person does in it, a new one, and the new one again. */
import { families, holdings, losses, normal, shown, strangers } from "./judging.js";
import { all, growing, html, randomness } from "./trees.js";

for (const [name, mode] of [["x-open", "open"], ["x-closed", "closed"]])
  customElements.define(
    name,
    class extends HTMLElement {
      constructor() {
        super();
        this.attachShadow({ mode }).innerHTML = "<b>shadow</b><slot></slot>";
      }
    },
  );

const parse = (text) => {
  const template = document.createElement("template");
  template.innerHTML = text;
  return template.content.firstElementChild;
};

const live = (root, actions) => {
  for (const element of root.querySelectorAll("[data-person]")) {
    const action = element.dataset.person;
    element.removeAttribute("data-person");
    actions[action]?.(element);
  }
};
/** What controls show in a page that was served like this. @param {Element} wanted */
const served = (wanted) => {
  const page = document.implementation.createHTMLDocument();
  return shown(page.body.appendChild(page.importNode(wanted, true)));
};

const clickable = (element) => element.localName === "input" && /checkbox|radio/.test(element.type);
const ACTIONS = {
  type: (element) => /^(text|search|tel|password|textarea)$/.test(element.type) && (element.value += " typed"),
  retype: (element) => {
    if (!/^(text|search|tel|password|textarea)$/.test(element.type)) return;
    const { value } = element;
    element.value = "typed";
    element.value = value;
  },
  check: (element) => clickable(element) && (element.checked = !element.checked),
  recheck: (element) => clickable(element) && !element.name && ((element.checked = !element.checked), (element.checked = !element.checked)),
  choose: (element) => element.options?.length && (element.options[element.options.length - 1].selected = true),
  toggle: (element) => element.matches("details,dialog") && (element.open = !element.open),
  show: (element) => {
    if (element.popover) element.showPopover();
    else if (element.nodeName === "DIALOG" && !element.open) element.showModal();
  },
  focus: (element) => element.focus?.(),
  draw: (element) => element.hasAttribute("ws-ignore") && element.append("drawn"),
};

/** @typedef {{ old: any, next: any, children: string[] }} Pair */

/**
 * What is wrong with a pair, as text; nothing: all is right.
 * @param {typeof import("../../../alive-js/src/morph.js").morph} morph  @param {Pair} pair
 */
export const judge = (morph, { old, next, children }) => {
  const roots = new Map(
    children.map((id) => {
      const root = document.createElement("em");
      root.setAttribute("data-asok-state", `${id}.token`);
      root.setAttribute("data-asok-child", id);
      root.innerHTML = "<input value=inside>";
      root.firstChild.value = id;
      return [id, root];
    }),
  );
  const elsewhere = document.body.appendChild(document.createElement("div"));
  elsewhere.append(...roots.values());
  const root = document.body.appendChild(document.createElement("div"));
  const become = (tree) => {
    const wanted = parse(html(tree));
    const copy = wanted.cloneNode(true);
    morph(root, wanted, (node) => roots.get(node.getAttribute?.("data-asok")?.split(".")[0]));
    root.dispatchEvent(new Event("alive:updated", { bubbles: true }));
    return copy;
  };
  const lived = all(old).some((each) => each.person);
  try {
    become(old);
    live(root, ACTIONS);
    const before = families(root);
    const held = holdings(root);
    const wanted = become(next);

    const [is, ought] = [normal(root, lived), normal(wanted, lived)];
    if (is !== ought) return `not exact: is\n${is}\nand ought to be\n${ought}`;
    for (const [id, each] of roots)
      if (wanted.querySelector(`template[data-asok^="${id}"]`) && !root.contains(each)) return `child ${id} is not in its place`;
    const strange = strangers(root, wanted, before);
    if (strange.length) return `made anew: ${strange}`;
    if (!lived && shown(root) !== served(wanted)) return `controls show\n${shown(root)}\nand ought to show\n${served(wanted)}`;
    const lost = losses(root, wanted, held);
    if (lost.length) return `lost: ${lost}`;
    for (const [id, each] of roots)
      if (each.dataset.asokState !== `${id}.token` || each.firstChild?.value !== id) return `child ${id} was entered`;

    const observer = new MutationObserver(() => {});
    observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
    become(next);
    const records = observer.takeRecords();
    observer.disconnect();
    if (records.length) return `not idempotent: ${records.map(({ type, target, attributeName }) => `${type} ${attributeName} of ${target.nodeName}`)}`;
    if (normal(root, lived) !== ought) return "not exact after the second time";
  } catch (error) {
    return `thrown: ${error.stack}`;
  } finally {
    root.remove();
    elsewhere.remove();
  }
};

/** @param {number} seed  @param {boolean} core  without what only the features keep  @returns {Pair} */
export const pairOf = (seed, core) => {
  const random = randomness(seed);
  const children = random.chance(0.3) ? ["child0000001", "child0000002"] : [];
  const { tree, changed, lived } = growing(random, { core, keyed: random.chance(0.5), children });
  const old = tree();
  const next = random.chance(0.3) ? tree() : changed(old);
  if (random.chance(0.5)) lived(old);
  // The text of a component has a place for a child only once.
  for (const each of [old, next]) once(each, new Set());
  return { old, next, children };
};

const once = (node, seen) => {
  node.inside &&= node.inside.filter((each) => !each.child || (!seen.has(each.child) && seen.add(each.child)));
  node.inside?.forEach((each) => once(each, seen));
};

/** A smaller pair that is wrong as well. @param {any} morph  @param {Pair} pair */
export const shrunk = (morph, pair) => {
  for (let left = 3000, smaller = true; smaller && left > 0; ) {
    smaller = false;
    for (const candidate of simpler(pair)) {
      if (!left--) break;
      if (!judge(morph, candidate)) continue;
      pair = candidate;
      smaller = true;
      break;
    }
  }
  return pair;
};

function* simpler(pair) {
  for (const side of ["old", "next"]) {
    const count = all(pair[side]).length;
    for (let place = 0; place < count; place++) {
      const node = all(pair[side])[place];
      for (let each = 0; each < (node.inside?.length ?? 0); each++) {
        for (const flat of [false, true]) {
          const copy = structuredClone(pair);
          const { inside } = all(copy[side])[place];
          inside.splice(each, 1, ...(flat ? (inside[each].inside ?? []) : []));
          yield copy;
        }
      }
      for (const name of [...Object.keys(node.attributes ?? {}), ""]) {
        const copy = structuredClone(pair);
        const same = all(copy[side])[place];
        if (name) delete same.attributes[name];
        else if (same.person) delete same.person;
        else continue;
        yield copy;
      }
    }
  }
}

/**
 * Judges so many pairs; the first that is wrong, made small, or nothing.
 * @param {any} morph  @param {number} seed  @param {number} count  @param {boolean} core
 */
export const run = (morph, seed, count, core) => {
  for (let number = seed; number < seed + count; number++) {
    const pair = pairOf(number, core);
    if (!judge(morph, pair)) continue;
    const small = shrunk(morph, pair);
    return { seed: number, wrong: judge(morph, small), old: html(small.old), next: html(small.next) };
  }
};
