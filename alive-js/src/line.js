/**
 * A line without a WebSocket that looks like one: what is sent goes by POST, what is heard comes as server-sent events.
 *
 * 1. It is opened by a POST whose answer does not end: its first event names the line, each other one is a frame.
 * 2. Frames go one POST at a time; what waits meanwhile goes together in the next, in order.
 * 3. Where a proxy keeps answers back until they end, it asks again and again for what there is: such answers end.
 */
import { LONGEST, LOST, PATIENCE, SILENT, TOO_BIG } from "./protocol.js";

/** So many frames go together. */
const MOST = 50;
/** A line on which nothing is sent for a minute is taken for dead. */
const IDLE = 25_000;
/** Browsers carry 64 KiB at once for pages that have gone; so many characters are never more, beside what others send. */
const SMALL = 8192;
const STREAM = "text/event-stream";

/** @typedef {WebSocket & { post: true }} Line */

/** Whether answers have been kept back on this page. */
let polls = false;

/** @param {string} text */
const size = (text) => new TextEncoder().encode(text).length;

/** @param {string} url  @returns {Line} */
export default function Line(url) {
  const line = /** @type {any} */ (new EventTarget());
  /** @type {string[]} frames that have not gone */
  const waiting = [];
  /** What the server calls it, once it is open. */
  let name = "";
  /** So many POSTs with frames have gone, and so many frames have come. */
  let gone = 0;
  let come = 0;
  let posting = false;
  /** When one last went. */
  let posted = Date.now();
  let over = false;
  let ending = new AbortController();
  /** Frames may go on their way though the page has gone. */
  const cutting = new AbortController();

  /** @param {string} purpose  @param {string} [body] */
  const post = (purpose, body) =>
    fetch(url, {
      method: "POST",
      signal: (body ? cutting : ending).signal,
      keepalive: /** @type {any} */ (body?.length) < SMALL,
      headers: { "Content-Type": "application/json", "Asok-Line": purpose, ...(!body && { Accept: STREAM }) },
      body: body ?? "[]",
    });

  /** @param {number} [code] */
  const end = (code) => {
    if (over) return;
    over = true;
    ending.abort();
    if (code) cutting.abort();
    line.onclose?.({ code });
  };

  const pump = async () => {
    if (posting || over || !waiting[0]) return;
    posting = true;
    posted = Date.now();
    let count = 0;
    for (let bytes = 1; count < MOST && waiting[count] && (bytes += size(waiting[count]) + 1) <= LONGEST; ) count++;
    try {
      const { ok, status } = await post(`${name} ${++gone}`, `[${waiting.splice(0, count || 1)}]`);
      if (!ok) end(status === 413 ? TOO_BIG : LOST);
    } catch {
      end(LOST);
    }
    posting = false;
    pump();
  };

  /** @param {string} type  @param {string} data */
  const take = (type, data) => {
    if (type === "close") end(+data);
    else if (type) {
      name = data;
      line.dispatchEvent(new Event("open"));
    } else {
      come++;
      line.dispatchEvent(new MessageEvent("message", { data }));
    }
  };

  /** Takes what comes until the answer ends. @param {string} purpose */
  const hear = async (purpose) => {
    const { body, headers } = await post(purpose);
    // What a proxy says of its own, as a page to log in at, may be a 200 as well, and comes each time at once.
    if (!body || !headers.get("content-type")?.match(STREAM)) return end(LOST);
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done || over) return;
      // The server is never silent for so long; timers are slow in a tab that nobody sees.
      if (name && Math.abs(Date.now() - posted) > IDLE) line.send('["ping"]');
      const events = (text + value).split("\n\n");
      text = /** @type {string} */ (events.pop());
      for (const event of events) {
        const [, type, data] = /^(?:event: (\w+)\n)?data: (.*)$/s.exec(event) ?? [];
        if (data && !over) take(type, data);
      }
    }
  };

  const open = async () => {
    const own = ending;
    const purpose = polls ? "poll" : "open";
    const timer = setTimeout(() => {
      if (name || over) return;
      if ((polls = !polls)) {
        ending.abort();
        ending = new AbortController();
        open();
      } else end(LOST);
    }, PATIENCE);
    try {
      do await hear(name ? `${name} ${come}` : purpose);
      while (purpose === "poll" && name && !over);
    } catch {
      // The line has been cut.
    }
    clearTimeout(timer);
    if (own === ending) end(LOST);
  };

  line.addEventListener("open", () => line.onopen?.());
  line.addEventListener("message", (/** @type {MessageEvent} */ event) => line.onmessage?.(event));
  open();
  return Object.assign(line, {
    post: true,
    url,
    send: (/** @type {string} */ frame) => {
      waiting.push(frame);
      // Not at once: a join and its event go together.
      queueMicrotask(pump);
    },
    close: (/** @type {number} */ code) => {
      // Where the first bytes came and no more, the others may have been kept back.
      polls ||= code === SILENT;
      // The page goes: what waits behind another post has no later.
      if (!code) {
        posting = false;
        pump();
      }
      end(code);
    },
  });
}
