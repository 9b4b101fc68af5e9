/** A page of nothing but what the queue and the connection touch, with a clock and sockets in the test's hand. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { build } from "esbuild";

const source = (file) => fileURLToPath(new URL(`../src/${file}`, import.meta.url));

/** A file with all that it imports. @param {string} file  @param {"iife" | "esm"} format */
const bundle = async (file, format) => {
  const options = { bundle: true, write: false, format, tsconfigRaw: "{}", external: ["./store.js", "./refresh.js", "./statics.js", "./keyed.js"] };
  return (await build({ entryPoints: [source(file)], ...options })).outputFiles[0].text;
};

// A script in a context of its own cannot import; the page does it for it.
const script = (await bundle("alive.js", "iife")).replace(/\bimport\(/g, "importModule(");
const folder = mkdtempSync(join(tmpdir(), "alive-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const messages = join(folder, "messages.mjs");
writeFileSync(messages, await bundle("messages.js", "esm"));
const STATE = "data-asok-state";
let turn = 0;

/** Modules that are on their way. */
const imports = new Set();

/** Lets what was promised happen. */
export const settled = async () => {
  do {
    await Promise.allSettled(imports);
    await new Promise((resolve) => setImmediate(resolve));
  } while (imports.size);
};

class Clock {
  now = 1_000_000;
  timers = new Map();
  set = (call, delay = 0, ...args) => this.timers.set(++turn, { at: this.now + delay, call, args }) && turn;
  repeat = (call, every) => this.timers.set(++turn, { at: this.now + every, call, args: [], every }) && turn;
  clear = (id) => this.timers.delete(id);

  async pass(ms) {
    await settled();
    const end = this.now + ms;
    for (;;) {
      const [id, timer] = [...this.timers].sort((a, b) => a[1].at - b[1].at)[0] ?? [];
      if (!timer || timer.at > end) break;
      this.now = timer.at;
      if (timer.every) timer.at += timer.every;
      else this.timers.delete(id);
      timer.call(...timer.args);
      await settled();
    }
    this.now = end;
    await settled();
  }
}

class Element extends EventTarget {
  attributes = [];
  isConnected = true;
  classList = new Set();

  constructor(attributes, parent) {
    super();
    this.parent = parent;
    this.dataset = { live: attributes["data-live"] };
    this.classList.remove = this.classList.delete;
    this.classList.toggle = (name, on) => (on ? this.classList.add(name) : this.classList.delete(name));
    for (const [name, value] of Object.entries(attributes)) this.attributes.push({ name, value });
  }
  getAttribute = (name) => this.attributes.find((each) => each.name === name)?.value ?? null;
  removeAttribute = (name) => (this.attributes = this.attributes.filter((each) => each.name !== name));
  setAttribute(name, value) {
    this.removeAttribute(name);
    this.attributes.push({ name, value });
  }
  closest() {
    return this.getAttribute(STATE) ? this : (this.parent?.closest() ?? null);
  }
  path = () => [this, ...(this.parent?.path() ?? [])];
}

class Socket extends EventTarget {
  sent = [];
  readyState = 0;
  /** The browser opens it. */
  open() {
    this.readyState = 1;
    this.onopen();
    this.dispatchEvent(new Event("open"));
  }
  send = (text) => this.sent.push(text);
  close(code) {
    this.readyState = 3;
    this.closed = { code };
  }
  /** The network or the server ends it. */
  end(code) {
    this.readyState = 3;
    return this.onclose?.({ code });
  }
  hear(...message) {
    const event = new Event("message");
    event.data = JSON.stringify(message);
    this.onmessage?.(event);
    this.dispatchEvent(event);
    return settled();
  }
  /** What was sent since the last time. */
  take = () => this.sent.splice(0).map((text) => JSON.parse(text));
}

export const token = (instance, tail = "k.payload.mac") => `${instance}.${tail}`;

/** Node has it from 21 on, the browsers that the core wants all have. */
Map.groupBy ??= (items, key) => {
  const groups = new Map();
  for (const item of items) {
    const name = key(item);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return groups;
};

/** A page with a component for each instance; `random` is what Math.random gives; one with `features` leaves the events to them; `fetch` is its network, else there is none; so many times `messages.js` is `missing`. */
export const open = ({ instances = ["counter00001"], tail, random = 0.5, features, post, fetch, missing = 0 } = {}) => {
  const clock = new Clock();
  const sockets = [];
  const warnings = [];
  const events = [];
  const roots = instances.map((instance) => new Element({ [STATE]: token(instance, tail) }));
  const tag = { src: "https://host/live/hash/alive.js", dataset: { live: "/live", csrf: "first", features, post } };
  const document = new EventTarget();
  Object.assign(document, {
    documentElement: { dataset: {} },
    head: { querySelectorAll: () => [] },
    querySelectorAll: (selector) => (selector.startsWith("[data-asok-state") ? roots : []),
    querySelector: (selector) => ({ "script[data-live]": tag, "script[data-live][data-post]": post === undefined ? null : tag })[selector] ?? null,
    createElement: () => ({ style: {}, animate() {}, remove() {}, append() {} }),
    body: { append() {} },
  });
  for (const target of [document, ...roots])
    for (const name of ["connected", "disconnected", "updated", "error"])
      target.addEventListener(`alive:${name}`, ({ detail }) => events.push(detail ? [name, detail] : name));
  const world = {
    document,
    window: { CSSScopeRule: class {} },
    Event,
    Map,
    URL,
    console: { warn: (error) => warnings.push(String(error)) },
    Math: Object.assign(Object.create(Math), { random: () => random, min: Math.min }),
    Date: { now: () => clock.now },
    FormData: class {
      *[Symbol.iterator]() {}
    },
    WebSocket: function (url) {
      sockets.push(Object.assign(new Socket(), { url }));
      return sockets.at(-1);
    },
    setTimeout: clock.set,
    clearTimeout: clock.clear,
    setInterval: clock.repeat,
    clearInterval: clock.clear,
  };
  // Modules are imported by Node and see its globals. A query makes them new for each page.
  Object.assign(globalThis, { document, Element, window: world.window, matchMedia: () => ({ matches: true }), CloseEvent: class extends Event { code = 0 }, WebSocket: world.WebSocket, location: { href: "https://host/" } });
  for (const name of ["setTimeout", "clearTimeout", "setInterval", "clearInterval"]) globalThis[name] = world[name];
  console.warn = world.console.warn;
  globalThis.fetch = fetch ?? (() => Promise.reject(new TypeError("no network")));
  const network = new EventTarget();
  globalThis.addEventListener = network.addEventListener.bind(network);
  globalThis.removeEventListener = network.removeEventListener.bind(network);
  Object.defineProperty(globalThis, "sessionStorage", { value: { getItem: () => null, setItem() {} }, configurable: true });
  globalThis.MutationObserver ??= class { observe() {} };
  globalThis.Date.now = world.Date.now;
  globalThis.Math.random = world.Math.random;
  const page = ++turn;
  world.importModule = async (specifier) => {
    const file = String(specifier).split("/").at(-1);
    assert.match(file, /^messages\.js\?*$/);
    // Under a name that has failed it never comes, as in browsers that remember that.
    if (file.length - "messages.js".length < missing) throw new TypeError("Failed to fetch");
    const module = import(`${messages}?${page}`);
    imports.add(module);
    return module.finally(() => imports.delete(module));
  };
  const context = vm.createContext(world);
  vm.runInContext(script, context);

  const press = (attributes, type = "click", extra = {}, root = roots[0]) => {
    const element = attributes instanceof Element ? attributes : new Element(attributes, root);
    const event = new Event(type, { cancelable: true, bubbles: true });
    Object.defineProperty(event, "target", { value: element });
    Object.defineProperty(event, "timeStamp", { value: clock.now });
    Object.assign(event, { composedPath: () => [...element.path(), document], ...extra });
    document.dispatchEvent(event);
    return element;
  };
  return {
    clock,
    document,
    events,
    network,
    press,
    roots,
    sockets,
    warnings,
    status: () => document.documentElement.dataset.alive,
    get socket() {
      return sockets.at(-1);
    },
    /** Opens the newest socket and lets its join be answered. */
    async connect() {
      await settled();
      this.socket.open();
      await this.socket.hear("joined", "next");
      return this.socket;
    },
  };
};
