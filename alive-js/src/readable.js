/** What the server reads as one message: with anything else it ends the connection, and all that is under way on it fails. */
import { LONGEST, MOST_LEVELS, MOST_VALUES } from "./protocol.js";

/** @param {string} json  @param {number} [around] bytes that go with it */
export const readable = (json, around = 0) => {
  if (new Blob([json]).size + around > LONGEST) return false;
  let values = 0;
  let level = 0;
  for (const sign of json.replace(/"(\\.|[^"\\])*"/g, "")) {
    if (/[[{,]/.test(sign) && (++values > MOST_VALUES || (sign !== "," && ++level > MOST_LEVELS))) return false;
    if (/[\]}]/.test(sign)) level--;
  }
  return true;
};
