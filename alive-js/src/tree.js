/** All that a page knows of stores, as one tree that nobody can change: a store's path lies at `store/path`, a namespace at `~/name`. */

/** @typedef {any} Value what JSON has; frozen, where it is handed out */

/** The store that all namespaces of the session lie in: what others call "~name" lies there at `name`. */
export const STATE = "~";

/** Whole characters, but no name that means something to JavaScript's objects or to Python's. @param {any} name  @returns {string} */
export const checkedName = (name) => {
  if (typeof name !== "string") throw new TypeError(`expected text, not ${typeof name}`);
  if (/^(__.*__|prototype|constructor)$|\//s.test(name) || !name.isWellFormed()) throw new Error(`"${name}" cannot be a name`);
  return name;
};

/** @param {string} key  @param {any} value */
export const checked = (key, value) => {
  checkedName(key);
  const type = typeof value;
  // Beyond 2^53, JavaScript and Python do not mean the same number.
  if (type === "number" ? Number.isSafeInteger(value) || value % 1 : /boolean|object/.test(type) || value?.isWellFormed?.()) return value;
  throw new TypeError(`${value}: expected JSON, integers within 2^53`);
};

/** A copy that nobody can change. @param {Value} value  @param {(key: string, value: any) => any} [check]  @returns {Value} */
export const frozen = (value, check) => JSON.parse(JSON.stringify(value, check), (_, each) => Object.freeze(each));

/** @param {string} store  @param {string} path */
export const placeOf = (store, path) =>
  [...store.replace(/^~(.)/, "~/$1").split("/"), ...(path && path.split("/"))].map(checkedName).join("/");

/** @param {string} namespace  @param {string} key */
export const stateAt = (namespace, key) => [STATE, namespace, key].map(checkedName).join("/");

/** All that is known here. @type {Value} */
let tree = {};

/** What stands there; undefined: nothing. @param {string} place  @param {Value} from  @returns {Value} */
export const at = (place, from = tree) =>
  place.split("/").reduce((inner, part) => (Object.hasOwn(inner ?? 0, part) ? inner[part] : undefined), from);

/** Puts values there, in this order; undefined takes away. @param {[place: any, value: Value][]} news */
export const keep = (news) => {
  // Of thousands of values in one object, each would copy it again.
  const own = new Set();
  const put = (/** @type {Value} */ tree, /** @type {string[]} */ [part, ...way], /** @type {Value} */ value) => {
    const next = own.has(tree) ? tree : Array.isArray(tree) ? [...tree] : { ...tree };
    own.add(next);
    next[part] = way.length ? put(next[part], way, value) : value;
    if (next[part] === undefined) delete next[part];
    return next;
  };
  for (const [place, value] of news) tree = put(tree, place.split("/"), value);
  own.forEach(Object.freeze);
};

/** @param {Value} one  @param {Value} other */
export const same = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);
