import assert from "node:assert/strict";
import test from "node:test";
import { walk } from "../src/outline.js";

/** An element as a parser would have made it. @param {string} tag  @param {any[]} children  @param {string} [key] */
const element = (tag, children = [], key = "") => {
  const made = { localName: tag, nodeName: tag.toUpperCase(), nodeValue: null, id: "", nextElementSibling: null };
  children.forEach((child, place) => (child.nextElementSibling = children[place + 1] ?? null));
  return Object.assign(made, { firstElementChild: children[0] ?? null, getAttribute: (name) => (name === "ws-key" && key) || null });
};
const outline = (text, next) => {
  const top = { name: "", element: null, next, inside: [], last: 0 };
  return walk(text, top) < 0 ? null : top.inside[0];
};
const list = () => element("ul", [element("li", [], "a"), element("li", [], "b")]);

test("every stretch of a list is known", () => {
  const block = outline("<ul> <li ws-key=a>1</li>, <li ws-key='b'>2</li></ul>", list());
  assert.deepEqual([block.head, block.size, block.tail, block.key], [4, 52, 5, ""]);
  assert.deepEqual(block.inside.map(({ gap, head, size, tail }) => [gap, head, size, tail]), [[1, 13, 19, 5], [2, 15, 21, 5]]);
  assert.deepEqual(block.inside.map(({ key }) => key), ["LInulla", "LInullb"]);
});

test("tags in comments, attributes and text areas are none", () => {
  const text = "<ul><li ws-key=a><!-- <li> --><i title='<li ws-key=x>'></i></li><li ws-key=b><textarea><li></textarea></li></ul>";
  const rows = [element("li", [element("i")], "a"), element("li", [element("textarea")], "b")];
  assert.equal(outline(text, element("ul", rows)).inside.length, 2);
});

test("the body that HTML adds to a table is known", () => {
  const body = element("tbody", [element("tr", [element("td")], "1")]);
  const block = outline("<table><tr ws-key=1><td>1</td></tr></table>", element("table", [body]));
  assert.deepEqual([block.inside[0].head, block.inside[0].size, block.inside[0].tail], [0, 28, 0]);
});

for (const [what, text] of Object.entries({
  "a tag that is not closed": "<ul><li ws-key=a>1<li ws-key=b>2</ul>",
  "tags that cross": "<ul><li ws-key=a>1</ul></li><li ws-key=b>2</li>",
  "another tag than in the page": "<ul><li ws-key=a>1</li><p ws-key=b>2</p></ul>",
  "one too few": "<ul><li ws-key=a>1</li></ul>",
  "one too many": "<ul><li ws-key=a>1</li><li ws-key=b>2</li><li>3</li></ul>",
  "a quote where none may be": `<ul><li ws-key=a">1</li><li ws-key=b>2</li></ul>`,
  "a comment that ends in an odd way": "<ul><li ws-key=a><!--> --></li><li ws-key=b>2</li></ul>",
  "what is no tag": "<ul><!doctype html><li ws-key=a>1</li><li ws-key=b>2</li></ul>",
}))
  test(`${what}: there is no outline`, () => assert.equal(outline(text, list()), null));

test("words between rows are put somewhere else, so there is no outline", () => {
  const body = element("tbody", [element("tr", [], "1")]);
  assert.equal(outline("<table>words<tr ws-key=1></tr></table>", element("table", [body])), null);
});
