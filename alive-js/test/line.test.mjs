import assert from "node:assert/strict";
import test from "node:test";
import { open, settled, token } from "./world.mjs";

const ONE = "counter00001";
const PLUS = { "ws-click": "increment" };

/** Streams pass what they hold in turns of their own. */
const soon = async () => {
  for (let turn = 0; turn < 20; turn++) await settled();
};

/** A server that answers POSTs: what came is in `posts`, what it says goes by `say`. */
const server = ({ status = 204, held = false } = {}) => {
  const posts = [];
  const opened = [];
  const encoder = new TextEncoder();
  let controller;
  let under = 0;
  const self = {
    posts,
    opened,
    status,
    most: 0,
    release: [],
    fetch: async (url, { headers, body, signal }) => {
      const purpose = headers["Asok-Line"];
      assert.deepEqual([url, headers["Content-Type"]], ["/live", "application/json"]);
      if (!purpose.startsWith("NAME")) {
        opened.push(purpose);
        if (self.down) throw new TypeError("no network");
        const stream = new ReadableStream({ start: (made) => (controller = made) });
        signal.addEventListener("abort", () => controller.error(signal.reason));
        if (!self.silent) self.say("NAME", "line");
        if (purpose === "poll") controller.close();
        return new Response(stream, { headers: { "content-type": "text/event-stream" } });
      }
      const answer = (text) => new Response(text, { headers: { "content-type": "text/event-stream" } });
      if (headers.Accept) return new Promise((resolve) => (self.fetched = (text) => resolve(answer(text))));
      if (body.includes('["ping"]')) self.say('["pong"]');
      self.most = Math.max(self.most, ++under);
      posts.push([purpose, JSON.parse(body)]);
      if (held) await new Promise((resolve) => self.release.push(resolve));
      under--;
      return new Response(null, { status: self.status });
    },
    say: (data, type) => controller.enqueue(encoder.encode(`${type ? `event: ${type}\n` : ""}data: ${data}\n\n`)),
    bytes: (bytes) => controller.enqueue(bytes),
    end: () => controller.close(),
  };
  return self;
};

/** A page on a line, because WebSockets are refused. */
const onLine = async (options) => {
  const far = server(options);
  const page = open({ fetch: far.fetch });
  for (let time = 0; time < 2; time++) {
    page.socket.end(1006);
    await page.clock.pass(250);
  }
  await soon();
  return { far, page };
};

test("when two WebSockets have failed it goes without, at once", async () => {
  const { far, page } = await onLine();
  assert.deepEqual([far.opened, page.status(), page.sockets.length], [["open"], "live", 2]);
  page.press(PLUS);
  await soon();
  assert.deepEqual(far.posts.flatMap(([, frames]) => frames.map(([kind]) => kind)), ["join", "join", "event"]);
  far.say(`["update","${ONE}",1,[],"${token(ONE, "k.later.mac")}"]`);
  await soon();
  assert.equal(page.roots[0].getAttribute("data-asok-state"), token(ONE, "k.later.mac"));
});

test("one that hangs for three seconds is enough", async () => {
  const far = server();
  const page = open({ fetch: far.fetch });
  await page.clock.pass(2900);
  assert.deepEqual(far.opened, []);
  await page.clock.pass(100);
  await soon();
  assert.deepEqual([far.opened, page.status(), page.sockets.length], [["open"], "live", 1]);
});

test("a server that is down is asked for a WebSocket first when it is back", async () => {
  const far = server();
  far.down = true;
  const page = open({ fetch: far.fetch });
  for (let time = 0; time < 5; time++) {
    page.socket.end(1006);
    await soon();
    const before = page.sockets.length;
    while (page.sockets.length === before) await page.clock.pass(50);
  }
  assert.deepEqual(far.opened, ["open", "open"]);
  await page.connect();
  assert.equal(page.status(), "live");
});

test("the server hears of a page whose timers stand still", async () => {
  const { far, page } = await onLine();
  const before = far.posts.length;
  for (const seconds of [15, 15, 15, 15]) {
    page.clock.now += seconds * 1000;
    far.bytes(new TextEncoder().encode(":\n\n"));
    await soon();
  }
  assert.deepEqual(far.posts.slice(before).map(([, frames]) => frames), [[["ping"]], [["ping"]]]);
});

test("one POST is under way, and what waits goes together in order, fifty at most and 64 KiB", async () => {
  const { far, page } = await onLine({ held: true });
  for (let time = 0; time < 32; time++) page.press({ "ws-click": `add(${time}, '${"é".repeat(4000)}')` });
  const sizes = [];
  while (far.release.length) {
    far.release.shift()();
    await soon();
    sizes.push(Buffer.byteLength(JSON.stringify(far.posts.at(-1)[1])));
  }
  const calls = far.posts.flatMap(([, frames]) => frames).filter(([kind]) => kind === "event");
  assert.deepEqual(calls.map(([, , seq]) => seq), Array.from({ length: 32 }, (_, index) => index + 1));
  assert.ok(Math.max(...sizes) <= 65536 && far.posts.length < 10, `${sizes}`);
  assert.deepEqual(far.posts.map(([name]) => name), far.posts.map((_, index) => `NAME ${index + 1}`));
  assert.equal(far.most, 1);
});

test("frames come whole, however the bytes are cut, and a character in two pieces is one", async () => {
  const { far, page } = await onLine();
  page.press(PLUS);
  await soon();
  const bytes = new TextEncoder().encode(`:\n\ndata: ["refused","${ONE}",1,"denied","é \u2028 ü"]\n\n`);
  const { error } = console;
  console.error = () => {};
  for (const byte of bytes) far.bytes(Uint8Array.of(byte));
  await soon();
  console.error = error;
  assert.deepEqual(page.events.at(-1), ["error", { code: "denied", text: "é \u2028 ü" }]);
});

for (const [status, words] of [[404, "there is no such line any more"], [503, "the server is busy"]])
  test(`a POST answered ${status}, ${words}, is a lost connection: what was under way says so and goes again`, async () => {
    const { far, page } = await onLine();
    far.status = status;
    page.press(PLUS);
    await soon();
    assert.equal(page.status(), "offline");
    far.status = 204;
    await page.clock.pass(500);
    await soon();
    assert.deepEqual([far.opened, page.status(), page.sockets.length], [["open", "open"], "live", 2]);
    assert.deepEqual(far.posts.at(-1)[1].at(-1), ["event", ONE, 1, "increment", { retry: 1 }]);
  });

test("a body that is too big for the server is given up, and the page is told", async () => {
  const { far, page } = await onLine();
  far.status = 413;
  page.press(PLUS);
  await soon();
  assert.deepEqual(page.events.at(-1), ["error", { code: "too_big", text: "" }]);
});

test("close codes are passed on", async () => {
  const { far, page } = await onLine();
  far.say("4403", "close");
  await soon();
  await page.clock.pass(600_000);
  assert.deepEqual([page.status(), far.opened.length, page.sockets.length], ["offline", 1, 2]);
});

test("a line that ends without a word is lost", async () => {
  const { far, page } = await onLine();
  far.end();
  await soon();
  assert.equal(page.status(), "offline");
});

test("an answer that is kept back for three seconds is fetched instead", async () => {
  const far = server();
  far.silent = true;
  const page = open({ fetch: far.fetch });
  await page.clock.pass(3000);
  await page.clock.pass(2900);
  assert.deepEqual(far.opened, ["open"]);
  far.silent = false;
  await page.clock.pass(100);
  await soon();
  assert.deepEqual([far.opened, page.status()], [["open", "poll"], "live"]);
  far.fetched(`data: ["joined","next"]\n\ndata: ["pong"]\n\n`);
  await soon();
  far.fetched(":\n\n");
  await soon();
  assert.equal(page.status(), "live");
});

test("a WebSocket is tried again after 15 seconds, then half a minute, and up to five", async () => {
  const { page } = await onLine();
  const waits = [];
  for (let time = 0; time < 6; time++) {
    const since = page.clock.now;
    const before = page.sockets.length;
    while (page.sockets.length === before) await page.clock.pass(500);
    waits.push(Math.round((page.clock.now - since) / 1000));
    page.socket.end(1006);
  }
  assert.deepEqual(waits, [15, 30, 60, 120, 240, 300]);
});

test("it takes over when nothing is under way, and the page is live all the time", async () => {
  const { far, page } = await onLine();
  page.press(PLUS);
  await soon();
  page.network.dispatchEvent(new Event("online"));
  assert.equal(page.sockets.length, 3);
  page.socket.open();
  await page.clock.pass(200);
  assert.deepEqual(page.socket.take(), []);
  far.say(`["update","${ONE}",1,[],"${token(ONE, "k.later.mac")}"]`);
  await soon();
  await page.clock.pass(100);
  const [join] = page.socket.take();
  assert.deepEqual(join[4], [[token(ONE, "k.later.mac"), 1, 1]]);
  const posts = far.posts.length;
  page.press(PLUS);
  await page.clock.pass(0);
  assert.deepEqual([page.socket.take().at(-1).slice(0, 3), far.posts.length], [["event", ONE, 2], posts]);
  assert.deepEqual([page.status(), page.events.includes("disconnected")], ["live", false]);
});

test("a page that is to do without never asks for a WebSocket", async () => {
  const far = server();
  const page = open({ fetch: far.fetch, post: "" });
  await page.clock.pass(0);
  await soon();
  assert.deepEqual([page.status(), far.opened], ["live", ["open"]]);
  far.end();
  await soon();
  page.network.dispatchEvent(new Event("online"));
  await page.clock.pass(600_000);
  assert.equal(page.sockets.length, 0);
});

test("a line that is closed before it is open tells nothing of what was under way before", async () => {
  const far = server();
  far.silent = true;
  const page = open({ fetch: far.fetch });
  const socket = await page.connect();
  page.press(PLUS);
  socket.end(1006);
  for (let time = 0; !far.opened[0] && time < 9; time++) {
    await page.clock.pass(1000);
    if (!far.opened[0]) page.socket.end(1006);
    await soon();
  }
  far.fetch = () => new Promise(() => {});
  globalThis.fetch = far.fetch;
  far.say("4401", "close");
  await soon();
  const [{ queue }] = window.alive.components.values();
  assert.deepEqual([...queue].map(([, , seq, , data]) => [seq, data.retry]), [[1, 1]]);
});
