/** What the server says beyond a plain update, and what happens when the network or the server fails. */
import ask from "./ask.js";
import effects from "./effects.js";
import { have } from "./fetching.js";
import loading from "./loading.js";
import need_token from "./need_token.js";
import offline from "./offline.js";
import pong from "./pong.js";
import refused from "./refused.js";
import reload from "./reload.js";
import reset from "./reset.js";
import slow_down from "./slow_down.js";
import update from "./update.js";
import "./long.js";
import "./waiting.js";
import "./removal.js";
import "./strangers.js";

/** @typedef {import("./page.js").Alive} Alive */

/** In development a file has changed. @param {Alive} alive  @param {string} what */
const refresh = async (alive, what) => (await have("refresh.js")).default(alive, what);

/** @param {Alive} alive  @param {any[]} args */
const store = async (alive, ...args) => (await have("store.js")).default(alive, .../** @type {[any]} */ (args));

/** Also a script of its own, in pages with scoped styles. @param {Alive} alive  @param {any[]} args */
const statics = async (alive, ...args) => (await have("statics.js")).default(alive, .../** @type {[any]} */ (args));

const busy = slow_down;
/** @type {[string, (alive: Alive, ...args: any) => unknown][]} */
const takers = Object.entries({
  ask,
  busy,
  effects,
  loading,
  need_token,
  offline,
  pong,
  refresh,
  refused,
  reload,
  reset,
  slow_down,
  statics,
  store,
  update,
});
const messages = new Map(takers);

/** @param {string} kind  @param {Alive} alive  @param {any[]} args */
export default async (kind, alive, ...args) => {
  try {
    const take = messages.get(kind);
    if (!take) throw `alive: nothing takes "${kind}"`;
    return await take(alive, ...args);
  } catch (error) {
    console.warn(error);
  }
};
