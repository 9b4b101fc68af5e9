/** What of a component's text goes on in the next one: what a delta copies, or, where all of it has come, what both begin and end with. */

/** @typedef {[from: number, to: number, shift: number]} Copy a stretch of the old text; in the new one it stands so much farther on */

/**
 * The next text, and what of it is copied. If anything is, the last copy goes to the old text's end.
 * @param {string} old  @param {string | any[]} delta as `apply` takes it, or all of the next text
 * @returns {[text: string, copies: Copy[]]}
 */
export const copiesOf = (old, delta) => {
  /** @type {Copy[]} */
  const copies = [];
  let text = "";
  let cursor = 0;
  for (const step of [...(typeof delta === "string" ? replacing(old, delta) : delta), old.length]) {
    if (typeof step === "string") text += step;
    else if (typeof step === "object") [cursor] = step;
    else {
      const from = cursor;
      cursor = Math.min(from + Math.abs(step), old.length);
      if (step > 0 && cursor > from) {
        copies.push([from, cursor, text.length - from]);
        text += old.slice(from, cursor);
      }
    }
  }
  if (copies[0] && /** @type {Copy} */ (copies.at(-1))[1] < old.length) copies.push(ending(old, text, copies[0][1]));
  return [text, copies];
};

/** A delta that keeps what both begin with. @param {string} old  @param {string} text */
const replacing = (old, text) => {
  let same = 0;
  while (same < old.length && old[same] === text[same]) same++;
  return [same, text.slice(same), -old.length];
};

/** What both end with: a server may write it anew all the same. @param {string} old  @param {string} text  @param {number} from  @returns {Copy} */
const ending = (old, text, from) => {
  const shift = text.length - old.length;
  let start = old.length;
  while (start > from && start + shift > from && old[start - 1] === text[start - 1 + shift]) start--;
  return [start, old.length, shift];
};
