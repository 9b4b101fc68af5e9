/** The one socket of the page: opened, tested, and opened again when it is lost. */
import { REFUSED, SESSION_ENDED, UNREADABLE } from "./protocol.js";

const TICK = 5000;
const IDLE = 25_000;
const FIRST_DELAY = 250;
const LONGEST_DELAY = 15_000;

/** @type {WebSocket} */
export let socket;

let attempt = 0;
let pause = 0;

export const isOpen = () => socket?.readyState === 1;

/** @param {unknown[]} message */
export const send = (message) => socket.send(JSON.stringify(message));

/** The server asks for quiet: the next connection is made after so many milliseconds. @param {number} ms */
export const rest = (ms) => (pause = ms);

/** @param {EventTarget} target  @param {string} name  @param {unknown} [detail] */
export const emit = (target, name, detail) =>
  target.dispatchEvent(new CustomEvent("alive:" + name, { bubbles: true, detail }));

/** Shows the state on `<html data-alive>`. @param {"connecting" | "live" | "offline"} status */
export const show = (status) => {
  const page = document.documentElement.dataset;
  const before = page.alive;
  page.alive = status;
  if (status === "live" && before !== status) emit(document, "connected");
  if (status !== "live" && before === "live") emit(document, "disconnected");
};

/**
 * @typedef {object} Page what the connection asks and tells
 * @property {string} url
 * @property {() => void} opened
 * @property {(message: [string, ...any]) => void} received
 * @property {() => unknown} waits does anything wait for an answer?
 * @property {() => void} ended the session is no more
 * @property {() => void} unreadable what was sent cannot be sent again
 */

/** @param {Page} page */
export const connect = (page) => {
  let heard = Date.now();
  let tested = false;
  const current = (socket = new WebSocket(page.url));
  const ticking = setInterval(() => {
    // A lost network tells nobody: a socket that does not answer a ping until the next tick is dead.
    if (tested) lost(0);
    else if (Date.now() - heard >= (page.waits() ? TICK : IDLE)) {
      tested = true;
      isOpen() && send(["ping"]);
    }
  }, TICK);

  /** @param {number} code */
  const lost = (code) => {
    clearInterval(ticking);
    current.onclose = current.onmessage = null;
    current.close();
    show(code !== REFUSED && document.documentElement.dataset.alive === "live" ? "connecting" : "offline");
    if (UNREADABLE.includes(code)) page.unreadable();
    if (code === SESSION_ENDED) page.ended();
    else if (code !== REFUSED) {
      const delay = Math.min(FIRST_DELAY * 2 ** attempt++, LONGEST_DELAY);
      setTimeout(connect, pause + Math.random() * delay, page);
      pause = 0;
    }
  };

  socket.onopen = page.opened;
  socket.onclose = ({ code }) => lost(code);
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    heard = Date.now();
    tested = false;
    // A server that takes a join and then falls over is not well yet.
    if (message[0] !== "joined") attempt = 0;
    page.received(message);
  };
};
