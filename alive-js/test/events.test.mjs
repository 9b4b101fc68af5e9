import assert from "node:assert/strict";
import test from "node:test";
import { open } from "./world.mjs";

/** The calls and what goes along, of one gesture after another. */
const callsOf = (socket) => socket.take().filter(([kind]) => kind === "event").map(([, , , call, data]) => [call, data]);
const ready = async () => {
  const page = open({ listens: true });
  const socket = await page.connect();
  return { page, calls: () => callsOf(socket).map(([call]) => call), sent: () => callsOf(socket) };
};

test("an attribute hears its own event only", async () => {
  const { page, calls } = await ready();
  page.press({ "ws-click": "yes", "ws-clicked": "no", "ws-change": "no", class: "ws-click" });
  assert.deepEqual(calls(), ["yes"]);
});

test("what lies around hears it too, unless it is stopped", async () => {
  const { page, calls } = await ready();
  const around = page.press({ "ws-click": "outer" });
  assert.deepEqual(calls(), ["outer"]);
  page.press({ "ws-click": "inner" }, "click", {}, around);
  assert.deepEqual(calls(), ["inner", "outer"]);
  page.press({ "ws-click.stop": "inner" }, "click", {}, around);
  assert.deepEqual(calls(), ["inner"]);
});

test("a click outside of components is the page's own", async () => {
  const { page, calls } = await ready();
  page.press({ "ws-click.prevent": "nothing" }, "click", {}, null);
  assert.deepEqual(calls(), []);
});

for (const [name, heard, others] of [
  ["ws-keydown.enter", ["Enter"], ["a", "Escape", undefined]],
  ["ws-keydown.up", ["ArrowUp"], ["PageUp"]],
  ["ws-keydown.arrowup", ["ArrowUp"], ["up"]],
  ["ws-keydown.space", [" "], ["s"]],
  ["ws-keydown.a.b", ["A", "b"], ["c"]],
  ["ws-keydown.s.prevent", ["s"], ["p", "prevent "]],
  ["ws-keydown", ["x", "Enter"], []],
  ["ws-keydown.debounce.1", ["x", "1"], []],
])
  test(`${name} hears ${heard} and not ${others}`, async () => {
    const { page, calls } = await ready();
    for (const key of others) page.press({ [name]: "call" }, "keydown", { key });
    await page.clock.pass(10);
    assert.deepEqual(calls(), []);
    for (const key of heard) page.press({ [name]: "call" }, "keydown", { key });
    await page.clock.pass(10);
    assert.equal(calls().length, heard.length);
  });

test("the key goes along", async () => {
  const { page, sent } = await ready();
  page.press({ "ws-keyup": "typed" }, "keyup", { key: "Enter" });
  assert.deepEqual(sent(), [["typed", { key: "Enter" }]]);
});

test("only .prevent prevents, and a submit always does", async () => {
  const { page } = await ready();
  const prevented = (name, type, extra) => {
    let is = false;
    page.press({ [name]: "call" }, type, { preventDefault: () => (is = true), ...extra });
    return is;
  };
  assert.equal(prevented("ws-click", "click"), false);
  assert.equal(prevented("ws-click.prevent", "click"), true);
  assert.equal(prevented("ws-keydown.enter.prevent", "keydown", { key: "x" }), false);
  assert.equal(prevented("ws-submit", "submit"), true);
});

test(".once calls once, .throttle not again within its time", async () => {
  const { page, calls } = await ready();
  const once = page.press({ "ws-click.once": "once" });
  const rare = page.press({ "ws-click.throttle.1000": "rare" });
  assert.deepEqual(calls(), ["once", "rare"]);
  await page.clock.pass(999);
  for (const element of [once, rare]) page.press(element);
  assert.deepEqual(calls(), []);
  await page.clock.pass(1);
  for (const element of [once, rare]) page.press(element);
  assert.deepEqual(calls(), ["rare"]);
});

test(".debounce waits for a pause, 300 ms if it says nothing", async () => {
  const { page, calls } = await ready();
  const field = page.press({ "ws-input.debounce": "search" }, "input");
  await page.clock.pass(299);
  page.press(field, "input");
  await page.clock.pass(299);
  assert.deepEqual(calls(), []);
  await page.clock.pass(1);
  assert.deepEqual(calls(), ["search"]);
  await page.clock.pass(1000);
  assert.deepEqual(calls(), []);
});

test("a call that waits goes before any other event", async () => {
  const { page, sent } = await ready();
  const field = page.press({ "ws-input.debounce.500": "search" }, "input");
  field.value = "what is there now";
  page.press({ "ws-click": "go" });
  await page.clock.pass(1000);
  assert.deepEqual(sent(), [["search", { value: "what is there now" }], ["go", {}]]);
});

test("a composition is one input, told at its end, and its keys are nobody's", async () => {
  const { page, calls } = await ready();
  page.press({ "ws-input": "typed", "ws-keydown.enter": "send" }, "input", { isComposing: true });
  page.press({ "ws-keydown.enter": "send" }, "keydown", { isComposing: true, key: "Enter" });
  assert.deepEqual(calls(), []);
  page.press({ "ws-input": "typed" }, "compositionend");
  assert.deepEqual(calls(), ["typed"]);
});

test("the control's value goes along, as what it is", async () => {
  const { page, sent } = await ready();
  const control = (type, members) => {
    const element = page.press({});
    page.press(Object.assign(element, { attributes: [{ name: `ws-${type}`, value: "call" }], ...members }), type);
    return sent()[0][1];
  };
  assert.deepEqual(control("input", { value: "" }), { value: "" });
  assert.deepEqual(control("change", { type: "checkbox", value: "on", checked: false }), { value: false });
  assert.deepEqual(control("change", { type: "radio", value: "b", checked: true }), { value: true });
  assert.deepEqual(
    control("change", { type: "select-multiple", value: "a", selectedOptions: [{ value: "a" }, { value: "c" }] }),
    { value: ["a", "c"] },
  );
  assert.deepEqual(control("click", { type: "submit", value: "" }), {});
  assert.deepEqual(control("click", { type: "submit", value: "3" }), { value: "3" });
  // An <li> has a value, too: a number.
  assert.deepEqual(control("click", { value: 0 }), {});
});
