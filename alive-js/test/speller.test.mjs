import assert from "node:assert/strict";
import test from "node:test";
import { problem } from "../src/speller.js";

const missing = (written, meant) => `there is no ws-${written}; did you mean ws-${meant}?`;

for (const [written, meant] of [
  ["clik", "click"],
  ["modle", "model"],
  ["onclick", "click"],
  ["sumbit", "submit"],
  ["key-down", "keydown"],
  ["dbclick", "dblclick"],
  ["pol", "poll"],
  ["disable-wiht", "disable-with"],
])
  test(`ws-${written} is a slip`, () => {
    assert.equal(problem(`ws-${written}.once`), missing(written, meant));
  });

for (const name of [
  ...["my-event", "saved", "changed", "sl-change", "upload", "cancelled", "online", "keydown.f2.ctrl", "click.debounce.300"],
  ...["model.lazy.trim", "shown.bs.modal", "loading.class.delay.400", "ignore", "key", ""],
])
  test(`ws-${name} is none`, () => {
    assert.equal(problem(`ws-${name}`), undefined);
  });

test("a modifier that the attribute has not is named", () => {
  assert.equal(problem("ws-click.once.prevnt"), "ws-click has no modifier prevnt");
  assert.equal(problem("ws-poll.once"), "ws-poll has no modifier once");
  assert.equal(problem("ws-click.enter"), "ws-click has no modifier enter");
});
