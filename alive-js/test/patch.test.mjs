import assert from "node:assert/strict";
import test from "node:test";
import { apply } from "../src/patch.js";

test("an empty delta changes nothing", () => {
  assert.equal(apply("as it was", []), "as it was");
});

test("a string is put in, and the rest is copied", () => {
  assert.equal(apply("bc", ["a"]), "abc");
});

test("a positive number copies, a negative one skips", () => {
  assert.equal(apply("count: 9!", [7, "10", -1]), "count: 10!");
});

test("a list of one moves the cursor, so that runs change places", () => {
  assert.equal(apply("<b>1</b><b>2</b>", [[8], 8, [0], 8, [16]]), "<b>2</b><b>1</b>");
});

test("a list that looks like a number of things is still a place", () => {
  assert.equal(apply("abc", [[1]]), "bc");
});

test("units are UTF-16: a character beyond the first plane counts two", () => {
  assert.equal(apply("a😀b", [3, "!", -1]), "a😀!");
});

test("strings that look like numbers are text", () => {
  assert.equal(apply("", ["1", "-2"]), "1-2");
});
