import assert from "node:assert/strict";
import test from "node:test";
import { at, frozen, keep } from "../src/tree.js";

test("values are put in one after the other, and undefined takes away", () => {
  keep([["shop", frozen({ list: ["a"], gone: 1 })]]);
  keep([
    ["shop/list/1", "b"],
    ["shop/list/2", "c"],
    ["shop/gone", undefined],
    ["shop/new", frozen({ x: 1 })],
    ["shop/new/y", 2],
  ]);
  assert.deepEqual(at("shop"), { list: ["a", "b", "c"], new: { x: 1, y: 2 } });
});

test("what was handed out stays as it is, and nobody can change it", () => {
  keep([["shop", frozen({ list: ["a"], other: {} })]]);
  const { list, other } = at("shop");
  keep([
    ["shop/list/1", "b"],
    ["shop/list/2", "c"],
  ]);
  assert.deepEqual(list, ["a"]);
  assert.equal(at("shop").other, other);
  assert.ok([at("shop"), at("shop/list")].every(Object.isFrozen));
});

test("of many values in one object the object is copied once", (context) => {
  keep([["shop", frozen({})]]);
  const freeze = context.mock.method(Object, "freeze");
  keep(Array.from({ length: 1000 }, (_, number) => [`shop/${number}`, number]));
  assert.equal(freeze.mock.callCount(), 2);
  assert.equal(at("shop/999"), 999);
});
