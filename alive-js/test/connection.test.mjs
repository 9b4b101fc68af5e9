import assert from "node:assert/strict";
import test from "node:test";
import { open, settled } from "./world.mjs";

const ONE = "counter00001";
const PLUS = { "ws-click": "increment" };

/** The delays until the next sockets, when each is lost again. */
const delays = async (page, count, lose) => {
  const found = [];
  for (let time = 0; time < count; time++) {
    lose(page.socket);
    await settled();
    const before = page.sockets.length;
    const since = page.clock.now;
    while (page.sockets.length === before) {
      assert.ok(page.clock.now - since < 60_000, `no attempt within a minute; ${page.warnings}`);
      await page.clock.pass(25);
    }
    found.push(page.clock.now - since);
  }
  return found;
};

test("a page without components opens no socket", () => {
  const page = open({ instances: [] });
  assert.equal(page.sockets.length, 0);
  assert.equal(page.status(), undefined);
});

test("the page shows the state of the connection and tells its turns", async () => {
  const page = open();
  assert.equal(page.status(), undefined);
  const socket = await page.connect();
  assert.equal(page.status(), "live");
  socket.end(1006);
  assert.equal(page.status(), "offline");
  await page.clock.pass(250);
  assert.equal(page.status(), "offline");
  page.socket.end(1006);
  await page.clock.pass(500);
  await page.connect();
  assert.deepEqual(page.events, ["connected", "disconnected", "connected"]);
});

test("attempts are spread over a time that doubles up to 15 seconds", async () => {
  const page = open({ random: 1 });
  assert.deepEqual(
    await delays(page, 8, (socket) => socket.end(1006)),
    [250, 500, 1000, 2000, 4000, 8000, 15000, 15000],
  );
  assert.equal((await delays(open({ random: 0 }), 1, (socket) => socket.end(1006)))[0], 25);
});

test("a server that takes joins and falls over is not called more and more often", async () => {
  const page = open({ random: 1 });
  const lose = (socket) => (socket.open(), socket.hear("joined", "csrf"), socket.end(1006));
  assert.deepEqual(await delays(page, 3, lose), [250, 500, 1000]);
});

test("after an answer the first attempt is an early one again, also when the server restarts", async () => {
  const page = open({ random: 1 });
  await delays(page, 4, (socket) => socket.end(1006));
  const socket = await page.connect();
  await socket.hear("update", ONE, 0, []);
  assert.deepEqual(await delays(page, 1, (lost) => lost.end(1012)), [1000]);
});

test("after 4403 there is no other attempt", async () => {
  const page = open();
  const socket = await page.connect();
  socket.end(4403);
  await page.clock.pass(600_000);
  assert.equal(page.sockets.length, 1);
  assert.equal(page.status(), "offline");
});

test("what the server could not read is given up, and the page is told", async () => {
  const page = open();
  const socket = await page.connect();
  page.press(PLUS);
  socket.end(1009);
  await page.clock.pass(0);
  page.press({ "ws-click": "later" });
  assert.deepEqual(page.events.at(-1), ["error", { code: "too_big", text: "" }]);
  await page.clock.pass(5000);
  const messages = (await page.connect()).take();
  assert.deepEqual(messages.at(-1).slice(0, 4), ["event", ONE, 2, "later"]);
  assert.equal(messages.filter(([kind]) => kind === "event").length, 1);
});

test("a quiet connection is tested after 25 seconds, and lost without an answer", async () => {
  const page = open();
  const socket = await page.connect();
  socket.take();
  await page.clock.pass(20_000);
  assert.deepEqual(socket.take(), []);
  await page.clock.pass(5000);
  assert.deepEqual(socket.take(), [["ping"]]);
  await socket.hear("pong");
  await page.clock.pass(20_000);
  assert.deepEqual(socket.take(), []);
  await page.clock.pass(5000);
  assert.deepEqual(socket.take(), [["ping"]]);
  assert.equal(page.status(), "live");
  await page.clock.pass(5000);
  assert.notEqual(page.status(), "live");
  await page.clock.pass(250);
  assert.equal(page.sockets.length, 2);
});

test("while an event waits it takes five seconds at most", async () => {
  const page = open({ random: 0 });
  const socket = await page.connect();
  await page.clock.pass(10_400);
  page.press(PLUS);
  socket.take();
  await page.clock.pass(2500);
  assert.deepEqual(socket.take(), [["ping"]]);
  await page.clock.pass(2500);
  assert.equal(page.sockets.length, 2);
});

test("a dead connection is given up though the clock was set back", async () => {
  const page = open({ random: 0 });
  await page.connect();
  page.press(PLUS);
  page.clock.now -= 3_600_000;
  for (const timer of page.clock.timers.values()) timer.at -= 3_600_000;
  await page.clock.pass(5000);
  assert.equal(page.sockets.length, 2);
});

test("whoever has left the page is signed off", async () => {
  const page = open({ instances: [ONE, "counter00002"] });
  const socket = await page.connect();
  await page.clock.pass(5000);
  socket.take();
  page.roots[1].isConnected = false;
  page.press(PLUS);
  await socket.hear("update", ONE, 1, []);
  page.document.dispatchEvent(new Event("alive:updated"));
  assert.deepEqual(socket.take().at(-1), ["leave", "counter00002"]);
});

test("a browser that was cut because it read slowly takes its time", async () => {
  const page = open({ random: 1 });
  const socket = await page.connect();
  await socket.hear("update", ONE, 0, []);
  assert.deepEqual(await delays(page, 1, (lost) => lost.end(1013)), [4000]);
});

test("the network's return is not waited out", async () => {
  const page = open({ random: 1 });
  const socket = await page.connect();
  socket.end(1012);
  await page.clock.pass(0);
  assert.equal(page.sockets.length, 1);
  page.network.dispatchEvent(new Event("online"));
  assert.equal(page.sockets.length, 2);
  await page.clock.pass(5000);
  assert.equal(page.sockets.length, 2);
});

test("a connection that is only slow is given more time each time", async () => {
  const page = open({ random: 0 });
  const times = [];
  for (let time = 0; time < 3; time++) {
    const socket = await page.connect();
    const since = page.clock.now;
    page.press(PLUS);
    while (page.socket === socket) await page.clock.pass(500);
    times.push((page.clock.now - since) / 1000);
  }
  assert.ok(times[0] <= 5 && times[1] > times[0] && times[2] > times[1], `${times}`);
});
