import assert from "node:assert/strict";
import test from "node:test";
import { open, settled, token } from "./world.mjs";

const ONE = "counter00001";
const TWO = "counter00002";
const PLUS = { "ws-click": "increment" };
const eventsOf = (messages) => messages.filter(([kind]) => kind === "event").map(([, , seq, call]) => [seq, call]);

test("a connection begins with a join that names no component", async () => {
  const page = open();
  const socket = await page.connect();
  const [[kind, protocol, csrf, tab, instances]] = socket.take();
  assert.deepEqual([kind, protocol, csrf, instances], ["join", 1, "first", []]);
  assert.match(tab, /^[0-9.e-]{3,32}$/);
  assert.equal(socket.url, "/live");
});

test("the first event of a component joins it, with the newest CSRF token, and goes along at once", async () => {
  const page = open();
  const socket = await page.connect();
  socket.take();
  page.press(PLUS);
  const [join, event] = socket.take();
  assert.deepEqual([join[0], join[2], join[4]], ["join", "next", [[token(ONE), 0, 0]]]);
  assert.deepEqual(event, ["event", ONE, 1, "increment", {}]);
});

test("the call goes to the server as it is written", async () => {
  const page = open();
  const socket = await page.connect();
  page.press({ "ws-click": "add(1, 'two', true)" });
  assert.equal(socket.take().at(-1)[3], "add(1, 'two', true)");
});

test("events before the socket is open are kept, and sent after the join", async () => {
  const page = open();
  page.press(PLUS);
  page.press(PLUS);
  const socket = await page.connect();
  const [join, ...events] = socket.take();
  assert.deepEqual(join[4], [[token(ONE), 0, 0]]);
  assert.deepEqual(eventsOf(events), [[1, "increment"], [2, "increment"]]);
});

test("each component counts its own events", async () => {
  const page = open({ instances: [ONE, TWO] });
  const socket = await page.connect();
  page.press(PLUS);
  page.press(PLUS, "click", {}, page.roots[1]);
  page.press(PLUS);
  assert.deepEqual(
    socket.take().filter(([kind]) => kind === "event").map(([, instance, seq]) => [instance, seq]),
    [[ONE, 1], [TWO, 1], [ONE, 2]],
  );
});

test("at most 32 events are under way; the others follow as answers come", async () => {
  const page = open();
  const socket = await page.connect();
  for (let time = 0; time < 40; time++) page.press(PLUS);
  assert.equal(eventsOf(socket.take()).length, 32);
  await socket.hear("update", ONE, 3, []);
  assert.deepEqual(eventsOf(socket.take()).map(([seq]) => seq), [33, 34, 35]);
});

test("a step settles nothing", async () => {
  const page = open();
  let socket = await page.connect();
  page.press(PLUS);
  await socket.hear("update", ONE, 0, []);
  socket.end(1006);
  await page.clock.pass(250);
  socket = await page.connect();
  assert.deepEqual(eventsOf(socket.take()), [[1, "increment"]]);
});

test("after a lost connection exactly what is not settled goes again, in order and under the same number", async () => {
  const page = open();
  let socket = await page.connect();
  for (const call of ["a", "b", "c", "d"]) page.press({ "ws-click": call });
  await socket.hear("update", ONE, 2, [], token(ONE, "k.later.mac"));
  socket.end(1006);
  page.press({ "ws-click": "offline" });
  await page.clock.pass(250);
  socket = await page.connect();
  const [join, ...events] = socket.take();
  assert.deepEqual(join[4], [[token(ONE, "k.later.mac"), 2, 1]]);
  assert.deepEqual(eventsOf(events), [[3, "c"], [4, "d"], [5, "offline"]]);
});

/** Of each event that is not settled, whether it may have begun before. */
const retries = () => [...window.alive.components.values()].flatMap(({ queue }) => queue.map(([, , seq, , data]) => [seq, data.retry]));
const never = () => new Promise(() => {});

test("what went to a server that does not know the session has not begun; what was under way before may have", async () => {
  const page = open({ fetch: never });
  const socket = await page.connect();
  page.press({ "ws-click": "a" });
  socket.end(1006);
  page.press({ "ws-click": "b" });
  await page.clock.pass(250);
  page.socket.open();
  page.socket.end(4401);
  await settled();
  assert.deepEqual(retries(), [[1, 1], [2, undefined]]);
});

test("what went to a server that had taken the join may have begun, though its session has ended", async () => {
  for (const late of [false, true]) {
    const page = open({ fetch: never });
    if (late) page.socket.open(); // before the module is there that listens
    const socket = late ? page.socket : await page.connect();
    if (late) await socket.hear("joined", "next");
    page.press({ "ws-click": "a" });
    socket.end(4401);
    await settled();
    assert.deepEqual(retries(), [[1, 1]]);
  }
});

test("a component without an event does not join again either", async () => {
  const page = open({ instances: [ONE, TWO] });
  let socket = await page.connect();
  page.press(PLUS);
  socket.end(1012);
  await page.clock.pass(1000);
  socket = await page.connect();
  assert.deepEqual(socket.take()[0][4], [[token(ONE), 0, 0]]);
});

test("many components join again in messages of some 8 KiB", async () => {
  const instances = Array.from({ length: 45 }, (_, index) => `instance${1000 + index}`);
  const page = open({ instances, tail: "x".repeat(397) });
  for (const root of page.roots) page.press(PLUS, "click", {}, root);
  const socket = await page.connect();
  const sent = socket.take();
  const joins = sent.filter(([kind]) => kind === "join");
  assert.deepEqual(joins.map((join) => join[4].length), [19, 20, 6]);
  assert.deepEqual(sent.slice(0, 3), joins); // before any of them sends what others may have to hear
});

test("a token may come as what it keeps and a tail", async () => {
  const page = open();
  const socket = await page.connect();
  page.press(PLUS);
  await socket.hear("update", ONE, 1, [], [15, "new"]);
  assert.equal(page.roots[0].getAttribute("data-asok-state"), "counter00001.k.new");
  assert.deepEqual(page.events.at(-1), "updated");
});

test("slow_down sends from that event on once more, after its time, and holds what comes meanwhile", async () => {
  const page = open();
  const socket = await page.connect();
  for (const call of ["a", "b", "c"]) page.press({ "ws-click": call });
  await socket.hear("update", ONE, 1, []);
  socket.take();
  await socket.hear("slow_down", ONE, 2, 1000);
  await socket.hear("slow_down", ONE, 2, 1000);
  page.press({ "ws-click": "d" });
  await page.clock.pass(1000);
  assert.deepEqual(eventsOf(socket.take()), []);
  await page.clock.pass(1000);
  assert.deepEqual(eventsOf(socket.take()), [[2, "b"], [3, "c"], [4, "d"]]);
  await page.clock.pass(5000);
  assert.deepEqual(eventsOf(socket.take()), []);
});

test("busy is answered as slow_down is", async () => {
  const page = open();
  const socket = await page.connect();
  page.press(PLUS);
  await socket.hear("busy", ONE, 1, 500);
  socket.take();
  await page.clock.pass(1000);
  assert.deepEqual(eventsOf(socket.take()), [[1, "increment"]]);
});

test("slow_down for the whole connection puts the next one off", async () => {
  const page = open();
  const socket = await page.connect();
  await socket.hear("slow_down", "", 0, 4000);
  socket.end(4429);
  await page.clock.pass(5000);
  assert.equal(page.sockets.length, 1);
  await page.clock.pass(2000);
  assert.equal(page.sockets.length, 2);
});

test("need_token joins and sends again, once for all events that ask", async () => {
  const page = open();
  const socket = await page.connect();
  page.press(PLUS);
  page.press(PLUS);
  socket.take();
  await socket.hear("need_token", ONE);
  await socket.hear("need_token", ONE);
  const [join, ...events] = socket.take();
  assert.deepEqual([join[0], join[4]], ["join", [[token(ONE), 0, 0]]]);
  assert.deepEqual(eventsOf(events), [[1, "increment"], [2, "increment"]]);
  await socket.hear("joined", "next");
  await socket.hear("need_token", ONE);
  assert.equal(socket.take()[0][0], "join");
});

test("a refused event is settled, and the page is told", async () => {
  const page = open();
  const socket = await page.connect();
  page.press(PLUS);
  await socket.hear("refused", ONE, 1, "bad_args", "");
  assert.deepEqual(page.events.at(-1), ["error", { code: "bad_args", text: "" }]);
  socket.end(1006);
  await page.clock.pass(250);
  assert.deepEqual(eventsOf((await page.connect()).take()), []);
});

test("an update for a component that is gone does nothing", async () => {
  const page = open();
  const socket = await page.connect();
  await socket.hear("update", "gone00000000", 1, [3, "x"]);
  assert.deepEqual(page.warnings, []);
});

test("what was said while the module for it could not be had is heard once it is there", async () => {
  const page = open({ missing: 2 });
  const socket = await page.connect();
  await socket.hear("update", "counter00001", 0, [], [], [["title", "one"]]);
  await socket.hear("update", "counter00001", 0, [], [], [["title", "two"]]);
  assert.equal(document.title, undefined);
  await page.clock.pass(10_000);
  assert.equal(document.title, "two");
  assert.deepEqual(page.warnings, []);
});

test("a message that nobody knows is one warning", async () => {
  const page = open();
  const socket = await page.connect();
  await socket.hear("from_the_future", 1);
  assert.equal(page.warnings.length, 1);
  assert.match(page.warnings[0], /from_the_future/);
  await settled();
});
