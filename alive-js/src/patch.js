/**
 * The next text: a delta is read from left to right, with a cursor in the old text.
 *
 * A string is new; a number > 0 copies so many units, < 0 skips them; `[place]` moves the cursor. The rest is copied.
 * Units are UTF-16 code units, because that is what JavaScript counts.
 *
 * @param {string} text
 * @param {any[]} delta texts, numbers, and lists of one number
 */
export const apply = (text, delta) => {
  let cursor = 0;
  let next = "";
  for (const step of delta) {
    // Only a text has `trim`, and only a list has a length then.
    if (step.trim) next += step;
    else if (step.length) cursor = step[0];
    else if (step > 0) next += text.slice(cursor, (cursor += step));
    else cursor -= step;
  }
  return next + text.slice(cursor);
};
