/** Random lists with keys as templates write them, changed again and again while a person is at work in them. */
import { families, holdings, losses, normal, strangers } from "../morph/judging.js";
import { randomness } from "../morph/trees.js";
import { components, leave, live, show } from "./bench.js";
import { deltaOf } from "./deltas.js";

const WORDS = ["one", "two &amp; three", "a &lt; b", "👩‍👩‍👧‍👦", "𝒳𐍈", "1 < 2", "&lt;tr ws-key='3'>", "x", "", "é\u0301"];
const FILLING = `<p hidden>${"filling ".repeat(520)}</p>`;
const CHILDREN = ["child0000001", "child0000002"];

/** What may stand in a row, whatever that is called; `inner` is what a cell is. */
const CELLS = [
  (row) => row.word,
  (row) => `<b>${row.word}</b> ${row.number}`,
  (row) => `<input value='${row.number}' name="n">`,
  (row) => `<input type=checkbox ${row.number % 2 ? "checked" : ""}>`,
  (row) => `<textarea>\n<tr ws-key='${row.number}'><li id=${row.key}></textarea>`,
  (row) => `<a href=/x/${row.number} title="<li ws-key='${row.key}'> > </li>">${row.word}</a>`,
  (row) => `<!-- <li ws-key='${row.number}'> --><i>${row.number}</i>`,
  (row) => `<svg viewBox="0 0 1 1"><path d='M${row.number}'/><g id=g${row.key}><circle r="${row.number}"/></g></svg>`,
  (row) => `<script type="text/x"><li ws-key='1'>${row.number}</script><style>li > b { order: ${row.number} }</style>`,
  (row) => `<br><img alt='${row.number}'/><hr>`,
  (row) => `<details><summary>${row.word}</summary><em ws-key=e>${row.number}</em></details>`,
  (row) => `<div ws-ignore><span ws-key=s>${row.number}</span></div>`,
  (row) => `<ul ws-stream=s${row.key}></ul><template><li ws-key=t>${row.number}</li></template>`,
  (row) => `<ol>${row.list.map((each) => `<li ws-key="${each}">${each}${row.number}</li>`).join("\n")}</ol>`,
  (row) => `<table><tr ws-key=1><td>${row.number}<tr ws-key=2><td>unclosed</table>`,
  (row) => `<p ws-key=p>${row.word}<div>closes it</div>`,
  (row) => `<b id=b><p>${row.number}</b>misnested</p>`,
  (row) => `<button>${row.number}</button><select ws-key=c><option ws-key=1>1<option ws-key=2 ${row.number % 2 ? "selected" : ""}>2</select>`,
  (row) => `<TABLE><THEAD><tr><th ID='h'>${row.number}</th></tr></THEAD><tr ws-key=r><td>${row.word}</td></tr></TABLE>`,
  (row) => `<span contenteditable>${row.word}</span><label>${row.number}<input type=radio name=r value=${row.key}></label>`,
  (row) => `<a>${row.number}<a>nested</a></a>`,
];
/** Everyday ones, so that most lists can be read. */
const PLAIN = 14;

/** @type {((rows: string[], state: any, space: string) => string)[]} */
const LISTS = [
  (rows, { number }, space) => `<h3>Count: ${number}</h3><table>${space}${rows.join(space)}</table>`,
  (rows, { number, word }, space) => `<table id=t><thead><tr><th>${word}</th></tr></thead>${space}<tbody class=c${number}>${space}${rows.join(space)}</tbody></table><p>${word}</p>`,
  (rows, { number, word }, space) => `${word}<section id='s${number % 2}'>${word}<ul>${space}${rows.join(`${space}<!-- ${number} -->`)}</ul></section>`,
  (rows, { number, word }, space) => `<h3>${number}</h3><table>${rows.join(word === "w" ? space : word)}</table>`,
  (rows, { word }, space) => `${space}${rows.join(space)}${word}`,
  (rows, { number }, space) => `<section><h4>${number}</h4>${rows.slice(2).join(space)}</section><section class=${number}>${rows.slice(0, 2).join("")}</section>`,
  (rows, { word }, space) => `<pre>\n${space}${rows.join("\n")}${word}</pre>`,
  (rows, { number }) => rows.map((row, place) => (place % 3 ? row : `<p>${place}${number}: <input></p>${row}`)).join(""),
];

/** @param {ReturnType<typeof randomness>} random */
const growing = ({ below, pick, chance }) => {
  const list = below(LISTS.length);
  const cells = Array.from({ length: 1 + below(3) }, () => CELLS[below(chance(0.85) ? PLAIN : CELLS.length)]);
  const space = pick(["", "", "\n  ", " "]);
  const quote = pick(["'", '"']);
  const key = pick(["ws-key", "ws-key", "id"]);
  const children = chance(0.15);
  let fresh = 0;
  const row = () => ({
    key: chance(0.02) ? 1 : ++fresh,
    word: pick(WORDS),
    number: below(50),
    list: Array.from({ length: below(4) }, (_, place) => place),
  });
  const text = (state) => {
    const rows = state.rows.map((each, place) => {
      const child = children && CHILDREN[place] ? `<template data-asok="${CHILDREN[place]}.a"></template>` : "";
      const inside = cells.map((cell) => cell(each));
      const attributes = `${key}=${quote}${key === "id" ? "i" : ""}${each.key}${quote}`;
      return list < 2 || list === 3 ? `<tr ${attributes}>${inside.map((cell) => `<td>${cell}</td>`).join("")}${child && `<td>${child}</td>`}</tr>` : `<li ${attributes}>${inside.join(" ")}${child}</li>`;
    });
    return `<div class="${state.title}">${LISTS[list](rows, state, space)}${FILLING}</div>`;
  };
  const state = { rows: Array.from({ length: below(12) }, row), number: 0, word: "w", title: "" };

  /** The same after a change or two. */
  const changed = (from) => {
    const state = structuredClone(from);
    for (let count = 1 + below(2) * below(3); count--; ) {
      const { rows } = state;
      const place = below(rows.length + 1);
      const one = rows[place];
      pick([
        () => one && (one.number = below(50)),
        () => one && (one.number = below(50)),
        () => one && (one.word = pick(WORDS)),
        () => one && (one.list = one.list.toReversed()),
        () => one && one.list.push(one.list.length),
        () => rows.splice(place, 0, row()),
        () => rows.unshift(row()),
        () => rows.push(row(), row()),
        () => rows.splice(place, 1),
        () => rows.splice(below(rows.length + 1), 0, ...rows.splice(place, 1)),
        () => rows.reverse(),
        () => rows.sort((a, b) => a.number - b.number),
        () => (state.rows = rows.filter((each) => each.number % 3)),
        () => (state.number += 1),
        () => (state.word = pick(WORDS)),
        () => chance(0.2) && (state.title = pick(["a", "b"])),
        () => chance(0.2) && (state.rows = []),
        () => one && chance(0.3) && (one.key = ++fresh),
      ])();
    }
    return state;
  };
  return { state, changed, text };
};

const parse = (text) => {
  const template = document.createElement("template");
  template.innerHTML = text;
  return template.content.firstElementChild;
};

/** What a person, and what somebody else does meanwhile. @param {Element} root  @param {ReturnType<typeof randomness>} random */
const meanwhile = (root, { pick, chance, below }) => {
  const inputs = [...root.querySelectorAll("input:not([data-asok-child] *),textarea")];
  if (inputs[0] && chance(0.5)) {
    const input = pick(inputs);
    if (/checkbox|radio/.test(input.type)) input.checked = !input.checked;
    else input.value += " typed";
  }
  if (inputs[0] && chance(0.4)) pick(inputs).focus();
  for (const each of root.querySelectorAll("details")) if (chance(0.2)) each.open = !each.open;
  for (const each of root.querySelectorAll("[ws-ignore]")) if (chance(0.2)) each.append("drawn");
  for (const each of root.querySelectorAll("[ws-stream]")) if (chance(0.2)) each.innerHTML = "<li ws-key=x>streamed</li>";
  const all = [...root.querySelectorAll("*")].filter((each) => !each.closest("[data-asok-child]"));
  const other = pick(all);
  if (chance(0.1))
    pick([
      () => other.setAttribute("data-foreign", ""),
      () => other.remove(),
      () => other.closest("svg,select,textarea,script,style,hr,br,img") || other.append("foreign"),
      () => other.before("foreign"),
      () => root.setAttribute("aria-busy", "true"),
      () => root.classList.add("foreign"),
      // Laid over, and taken off again.
      () => (other.setAttribute("class", "over"), other.removeAttribute("class")),
    ])();
};

/** @param {Element} root  @param {string} text */
const judged = (component, next, random, children) => {
  const { root } = component;
  const wanted = parse(next);
  const before = families(root);
  const held = holdings(root);
  const focus = document.activeElement;
  show(component, random.chance(0.15) ? next : deltaOf(component.shown, next, random));
  if (component.shown !== next) return `another text: ${component.shown}`;
  if (component.root !== root) return "another root";
  wanted.setAttribute("data-asok-state", component.token);
  const [is, ought] = [normal(root, true), normal(wanted, true)];
  if (is !== ought) return `not exact: is\n${is}\nand ought to be\n${ought}`;
  for (const child of children)
    if (wanted.querySelector(`template[data-asok^="${child.id}"]`) && !root.contains(child.root)) return `child ${child.id} is not in its place`;
  const strange = strangers(root, wanted, before);
  if (strange.length) return `made anew: ${strange}`;
  const lost = losses(root, wanted, held);
  if (lost.length) return `lost: ${lost}`;
  if (focus !== document.activeElement && focus?.isConnected) return `the focus left ${focus.outerHTML}`;
  return null;
};

/** @param {number} seed  @param {number} count */
export const run = (seed, count) => {
  for (let number = seed; number < seed + count; number++) {
    const random = randomness(number);
    const { state: first, changed, text } = growing(random);
    const root = document.body.appendChild(parse("<div></div>"));
    const component = live(root);
    const children = CHILDREN.map((id) => {
      const child = document.createElement("em");
      child.setAttribute("data-asok-state", `${id}.token`);
      child.setAttribute("data-asok-child", id);
      child.innerHTML = "<input value=inside>";
      document.body.append(child);
      components.set(id, { id, root: child, queue: [] });
      return components.get(id);
    });
    try {
      show(component, text(first));
      let state = first;
      for (let step = 1; step <= 8; step++) {
        meanwhile(root, random);
        const old = text(state);
        const page = root.outerHTML;
        const next = random.chance(0.1) ? old : text((state = changed(state)));
        const wrong = judged(component, next, random, children);
        if (wrong) return `ASOK_SEED=${number}, step ${step}: ${wrong}\nold: ${old}\npage: ${page}\nnext: ${next}`.replaceAll("filling ", "");
      }
    } catch (error) {
      return `ASOK_SEED=${number}: ${error.stack}`;
    } finally {
      root.remove();
      for (const child of children) child.root.remove();
      leave(component);
    }
  }
};
