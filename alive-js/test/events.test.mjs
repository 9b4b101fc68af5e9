import assert from "node:assert/strict";
import test from "node:test";
import { open } from "./world.mjs";

/** The calls and what goes along, of one gesture after another. */
const callsOf = (socket) => socket.take().filter(([kind]) => kind === "event").map(([, , , call, data]) => [call, data]);
const ready = async () => {
  const page = open();
  const socket = await page.connect();
  return { page, calls: () => callsOf(socket).map(([call]) => call), sent: () => callsOf(socket) };
};

test("an attribute hears its own event only, and none with a modifier", async () => {
  const { page, calls } = await ready();
  page.press({ "ws-click": "yes", "ws-clicked": "no", "ws-change": "no", "ws-click.once": "no", class: "ws-click" });
  assert.deepEqual(calls(), ["yes"]);
});

test("what lies around hears it too, after what lies inside", async () => {
  const { page, calls } = await ready();
  const around = page.press({ "ws-click": "outer" });
  page.press({ "ws-click": "inner" }, "click", {}, around);
  assert.deepEqual(calls(), ["outer", "inner", "outer"]);
});

test("a click outside of components is the page's own", async () => {
  const { page, calls } = await ready();
  page.press({ "ws-click": "nothing" }, "click", {}, null);
  assert.deepEqual(calls(), []);
});

test("a submit always is prevented, a click is not", async () => {
  const { page } = await ready();
  const prevented = (name, type) => {
    let is = false;
    page.press({ [name]: "call" }, type, { preventDefault: () => (is = true) });
    return is;
  };
  assert.equal(prevented("ws-click", "click"), false);
  assert.equal(prevented("ws-submit", "submit"), true);
});

test("a button or an image with a call of its own does not send its form", async () => {
  const { page } = await ready();
  for (const [type, expected] of [["submit", true], ["image", true], ["button", false], ["reset", false]]) {
    let is = false;
    const element = page.press({});
    Object.assign(element, { type, attributes: [{ name: "ws-click", value: "call" }] });
    page.press(element, "click", { preventDefault: () => (is = true) });
    assert.equal(is, expected, type);
  }
});

test("nothing is heard where a page has the features: they hear it, and ask before", async () => {
  const page = open({ features: true });
  const socket = await page.connect();
  page.press({ "ws-click": "no" });
  assert.deepEqual(callsOf(socket), []);
});

test("a composition is one input, told at its end", async () => {
  const { page, calls } = await ready();
  page.press({ "ws-input": "typed" }, "input", { isComposing: true });
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
