/**
 * Shared state in the page: texts that follow a store, clicks that write, `alive.store(name)` and `alive.appState`.
 *
 * 1. Writes are numbered and wait in a queue until the server has settled them. After a reconnection they go again, in
 *    order and under their numbers, so each is done once. What is not settled when the page is closed is lost.
 * 2. What the server tells of the paths that are followed is put into one tree: a store's path lies at `store/path`,
 *    the namespace "~name" at `~/name`. After a reconnection the paths are followed again, with their versions.
 * 3. `appState` shows that tree under the writes that are not settled. After whatever happens to either, the difference
 *    is told; so one's own change that comes back is no news.
 */
import { closest } from "./elements.js";
import { DO, REACT, WINDOW } from "./protocol.js";
import { readable } from "./readable.js";
import { fail } from "./refused.js";
import { STATE, at, checked, checkedName, frozen, keep, placeOf, same, stateAt } from "./tree.js";

/**
 * @typedef {import("./tree.js").Value} Value
 * @typedef {"js" | "py" | ""} Origin of a change; "" is no change but the present value
 * @typedef {{ store: string, path: string, version: number, removed: boolean, origin: Origin }} Change path: as subscribed to
 * @typedef {{ namespace: string, key: string, value: Value, removed: boolean }} Detail
 *
 * @typedef {object} QueuedWrite
 * @property {number} n
 * @property {string} text the message
 * @property {string} [place] where `appState` shows it already
 * @property {Value} [value] undefined when it removes
 * @typedef {QueuedWrite & PromiseWithResolvers<number>} Write
 *
 * @typedef {object} FollowedPath
 * @property {string} store
 * @property {string} path
 * @property {string} place
 * @property {boolean} [come] whether the server has answered
 * @property {Value} [value] undefined: there is none
 * @property {number} version
 * @property {Set<(origin: Origin) => void>} users who need it, and are told
 * @typedef {FollowedPath & PromiseWithResolvers<void>} Followed
 *
 * @typedef {typeof store} OpenStore
 * @typedef {typeof appState} AppState
 */

const { alive } = window;
/**
 * With a promise that nobody has to wait for: an error is told by the event `alive:error`, too.
 * @template {object} Members  @param {Members} members
 */
const promising = (members) => {
  const made = Object.assign(members, /** @type {PromiseWithResolvers<any>} */ (Promise.withResolvers()));
  made.promise.catch(() => {});
  return made;
};

// --- to the server

/** What is not settled, the oldest first. @type {Write[]} */
const writes = [];
let count = 0;
/** So many of them went over this connection. */
let sent = 0;

/** A page without components makes no connection before something here wants one. */
let connects = alive.components.size > 0;

/** @param {unknown[]} [message] */
const send = (message) => {
  if (message) alive.socket?.send(JSON.stringify(message));
  while (alive.socket && sent < Math.min(WINDOW, writes.length)) alive.socket.send(writes[sent++].text);
  if (!connects) alive.connect();
  connects = true;
};

/** @param {string} list the message from the verb on  @param {string} [place]  @param {Value} [value] */
const write = (list, place, value) => {
  const text = `["write",${count + 1},` + list.slice(1);
  // It would end every connection that it is sent over.
  if (!readable(text)) throw new TypeError("more than one message: expected at most 65536 bytes, 10000 values, 32 levels");
  const queued = promising({ n: ++count, text, place, value });
  writes.push(queued);
  send();
  return queued.promise;
};

/** Takes the oldest write out of the queue. @param {number} n  @param {any} [version] of the store that has it */
const settle = (n, version) => {
  if (writes[0]?.n !== n) return;
  const settled = /** @type {Write} */ (writes.shift());
  const [root, namespace] = settled.place?.split("/") ?? [];
  sent--;
  // Unless this change, and perhaps a later one, has been told already.
  if (namespace && version > (known.get(`${root}/${namespace}`) ?? known.get(root) ?? 0)) keep([[settled.place, settled.value]]);
  show("py");
  send();
  return settled;
};

/** @param {string} code  @param {string} [text] */
const failure = (code, text) => {
  fail(document, code, text);
  return Object.assign(new Error(text || code), { code });
};

// --- what is followed

/** By place. @type {Map<string, Followed>} */
const followed = new Map();

/** All namespaces together come anew each time: some have versions of their own. @param {Followed} one */
const ask = ({ store, path, version }) => send(["follow", store, path, store === STATE ? 0 : version]);

/** @param {string} store  @param {string} path  @param {(origin: Origin) => void} user  @returns {Followed} */
const follow = (store, path, user) => {
  const place = placeOf(store, path);
  let one = followed.get(place);
  if (!one) {
    one = promising({ store, path, place, version: 0, users: new Set() });
    followed.set(place, one);
    ask(one);
  }
  one.users.add(user);
  return one;
};

/** @param {Followed} one  @param {(origin: Origin) => void} user */
const leave = ({ store, path, place, users }, user) => {
  if (users.delete(user) && !users.size && followed.delete(place)) send(["unfollow", store, path]);
};

/** The newest version that was told, by the place of the store. @type {Map<string, number>} */
const known = new Map();

/** @param {string} store  @param {number} version  @param {[path: string, value?: any][]} changes  @param {Origin} origin */
const changed = (store, version, changes, origin) => {
  const news = changes.flatMap(([path, ...given]) => {
    const place = placeOf(store, path);
    // Namespaces that are stores of their own are told by themselves.
    const others = place === STATE ? [...known.keys()].filter((each) => /^~./.test(each)) : [];
    return [[place, given.length ? frozen(given[0]) : undefined], ...others.map((each) => [each, at(each)])];
  });
  keep(/** @type {any} */ (news));
  known.set(placeOf(store, ""), version);
  for (const one of followed.values()) {
    const value = at(one.place);
    if (one.come ? same(one.value, value) : !news.some(([place]) => (one.place + "/").startsWith(place + "/"))) continue;
    Object.assign(one, { come: true, value }, store === one.store && { version });
    for (const user of [...one.users]) user(origin);
    one.resolve();
  }
};

/** @param {string} name of a store; `~name` is a namespace */
const store = (name) => {
  placeOf(name, "");
  /** @param {string} verb  @returns {(path: string, value: any, grant?: string) => Promise<number>} */
  const writer = (verb) => (path, value, grant = "") => {
    placeOf(name, path);
    return write(JSON.stringify([verb, name, path, frozen(value, checked), grant]));
  };
  return {
    /** The value that stands there now; null: none. @param {string} path  @returns {Promise<any>} */
    get: (path = "") => {
      const user = () => {};
      const one = follow(name, path, user);
      return one.promise.then(() => one.value ?? null).finally(() => leave(one, user));
    },
    /** Puts it there. The promise brings the store's new version, or an Error with a `code`; so with the other verbs. */
    set: writer("set"),
    /** Adds to a number, merges into an object, replaces anything else. */
    update: writer("update"),
    /** Adds an item to the end of a list. */
    append: writer("append"),
    /** Takes it away. @param {string} path  @param {string} [grant] */
    remove: (path, grant) => writer("delete")(path, null, grant),
    /**
     * Calls with the present value, and with the new one after each change at one of the paths, above or below it.
     * @param {string | string[]} paths  @param {(value: any, change: Change) => void} listener
     * @returns {() => void} ends it
     */
    subscribe: (paths, listener) => {
      const ends = [paths].flat().map((path) => {
        /** @param {Origin} origin */
        const hear = (origin) => {
          const { value, version } = one;
          try {
            listener(value ?? null, { store: name, path, version, removed: value === undefined, origin });
          } catch (error) {
            console.error(error);
          }
        };
        const one = follow(name, path, hear);
        if (one.come) queueMicrotask(() => one.users.has(hear) && hear(""));
        return () => leave(one, hear);
      });
      return () => ends.forEach((end) => end());
    },
  };
};

// --- the state of the session

/** What is shown, by place: `~/name/key`. @type {Map<string, Value>} */
let shown = new Map();
/** @type {Set<[event: string, namespaces: string[], fromJavascript: boolean, fromPython: boolean]>} */
const registrations = new Set();

/** Makes what is shown right again, and tells what is new. @param {Origin} origin */
const show = (origin) => {
  const wanted = new Map();
  for (const [namespace, keys] of Object.entries(at(STATE) ?? {}))
    for (const [key, value] of Object.entries(keys)) wanted.set(`${STATE}/${namespace}/${key}`, value);
  for (const { place, value } of writes)
    if (place) value === undefined ? wanted.delete(place) : wanted.set(place, value);
  const news = [...new Map([...shown, ...wanted]).keys()].filter((place) => !same(shown.get(place), wanted.get(place)));
  shown = wanted;
  for (const place of news) {
    const [, namespace, key] = place.split("/");
    const detail = Object.freeze({ namespace, key, value: wanted.get(place) ?? null, removed: !wanted.has(place) });
    for (const [event, namespaces, fromJavascript, fromPython] of registrations)
      if (namespaces.includes(namespace) && (origin === "js" ? fromJavascript : fromPython))
        for (const target of [document, window]) target.dispatchEvent(new CustomEvent(event, { detail }));
  }
};

/** All namespaces are followed from the first use on. */
const state = () => follow(STATE, "", show);

/** @param {string} namespace  @param {string} key  @param {Value} [value] undefined takes it away */
const assign = (namespace, key, value) => {
  const place = stateAt(namespace, key);
  const gone = value === undefined;
  // Before the session's state has come, nobody knows whether there is something to take away.
  if (state().come && gone && !shown.has(place)) return;
  write(JSON.stringify([gone ? "delete" : "set", STATE + namespace, key, value ?? null, ""]), place, value);
  // To set what is set already is told, too.
  if (!gone) shown.delete(place);
  show("js");
};

const appState = {
  /** Settles when the session's state has come. @returns {Promise<void>} */
  get ready() {
    return state().promise;
  },
  /** Sets it here at once, and then everywhere. @param {string} namespace  @param {string} key  @param {any} value */
  setState: (namespace, key, value) => assign(namespace, key, frozen(value, checked)),
  /** @param {string} namespace  @param {string} key */
  removeState: (namespace, key) => assign(namespace, key),
  /** What is known here; null: nothing. @param {string} namespace  @param {string} key  @returns {any} */
  getState: (namespace, key) => (state(), shown.get(stateAt(namespace, key)) ?? null),
  /**
   * From now on, changes in the namespaces are dispatched as CustomEvents of that name, on the document and on the window.
   * @param {string} eventName  @param {string | string[]} namespaces
   * @param {boolean} fromJavascript whether to tell of changes that a page has made  @param {boolean} fromPython
   * @returns {() => void} ends it
   */
  registerForStateUpdates: (eventName, namespaces, fromJavascript, fromPython) => {
    state();
    /** @type {[string, string[], boolean, boolean]} */
    const registration = [eventName, [namespaces].flat().map(checkedName), fromJavascript, fromPython];
    registrations.add(registration);
    return () => void registrations.delete(registration);
  },
};

// --- regions and clicks

/** The newest text of each region. @type {Map<string | null, string>} */
const texts = new Map();
/** The regions that this connection knows of, as text. */
let told = "[]";

/** After the page has changed: its regions show the newest texts, and the server hears which there are. */
const look = () => {
  const keys = new Set();
  for (const region of document.querySelectorAll(`[${REACT}]`)) {
    const key = region.getAttribute(REACT);
    const { textContent } = region;
    const text = texts.get(key) ?? textContent;
    // What a component brings may have been rendered before the text was sent.
    if (text !== textContent) region.textContent = text;
    keys.add(key);
  }
  // One that comes back is told anew, and may have been rendered with a newer text meanwhile.
  for (const key of texts.keys()) keys.has(key) || texts.delete(key);
  const list = [...keys].sort();
  if (told !== (told = JSON.stringify(list))) send(["react", list]);
};

/** @param {any} event */
const click = (event) => {
  const element = event.target.closest && closest.call(event.target, `[${DO}]`);
  if (!element) return;
  if (/submit|image/.test(element.type)) event.preventDefault();
  // It goes as it is written there, because that is what was signed.
  write(element.getAttribute(DO));
};

// --- from the server

/** @type {{ [kind: string]: (...args: any) => void }} */
const messages = {
  changed,
  text: (/** @type {string} */ key, /** @type {string} */ text) => {
    texts.set(key, text);
    for (const region of document.querySelectorAll(`[${REACT}="${CSS.escape(key)}"]`)) region.textContent = text;
  },
  written: (/** @type {number} */ n, /** @type {number} */ version) => settle(n, version)?.resolve(version),
  refused: (/** @type {number} */ n, /** @type {string} */ code, /** @type {string} */ text) =>
    settle(n)?.reject(failure(code, text)),
  unfollowed: (/** @type {string} */ store, /** @type {string} */ path, /** @type {string} */ code, /** @type {string} */ text) => {
    const place = placeOf(store, path);
    const one = followed.get(place);
    followed.delete(place);
    one?.users.clear();
    one?.reject(failure(code, text));
  },
};

/** @param {unknown} _  @param {string} kind  @param {any[]} args */
export default (_, kind, ...args) => messages[kind]?.(...args);

/** A new connection, which has joined and knows nothing else. */
const open = () => {
  sent = 0;
  send();
  followed.forEach(ask);
  told = "[]";
  texts.clear();
  look();
};

/** The connection has ended for a reason: what went over it may have had its effect, or be it, and all may be another's. */
const giveUp = () => {
  known.clear();
  for (const one of followed.values()) one.version = 0;
  while (sent) messages.refused(writes[0].n, "failed");
};

Object.assign(alive, { store, appState, giveUp });
document.addEventListener("alive:connected", open);
document.addEventListener("alive:updated", look);
document.addEventListener("click", click);
if (alive.socket) open();
else look();
