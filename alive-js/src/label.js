import { KEY, STATE } from "./protocol.js";

/**
 * What a node is told apart by: its key, its id or its name; boxes of one name, by their values. No new node has a token,
 * so that the root of a child is never taken for something else.
 * @param {any} node
 */
export const label = (node) => {
  const of = (/** @type {string} */ name) => node.getAttribute?.(name);
  const named = () => of("name") + (/checkbox|radio/.test(of("type")) && "=" + of("value"));
  return node.nodeName + node.nodeValue + (of(STATE) || of(KEY) || of("id") || named());
};
