/** Deltas between two texts as a server might write them: right, and cut wherever it pleases. */

/**
 * @param {string} old  @param {string} next  @param {{ below: (n: number) => number, chance: (share: number) => boolean }} random
 * @returns {(string | number | number[])[]}
 */
export const deltaOf = (old, next, { below, chance }) => {
  const pieces = chance(0.4) ? around(old, next) : matched(old, next, 8 + below(60), chance(0.5));
  const delta = [];
  let cursor = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") piece && delta.push(piece);
    else if (piece[0] < piece[1]) {
      const [from, to] = piece;
      if (from !== cursor) delta.push(from > cursor && chance(0.7) ? cursor - from : [from]);
      const cut = from + below(to - from);
      // In two is as good as in one.
      if (chance(0.2) && cut > from) delta.push(cut - from, to - cut);
      else delta.push(to - from);
      cursor = to;
    }
  }
  if (cursor !== old.length) delta.push(cursor - old.length);
  return delta;
};

/** What both begin and end with. */
const around = (old, next) => {
  let head = 0;
  while (head < Math.min(old.length, next.length) && old[head] === next[head]) head++;
  let tail = 0;
  while (tail < Math.min(old.length, next.length) - head && old.at(-1 - tail) === next.at(-1 - tail)) tail++;
  return [[0, head], next.slice(head, next.length - tail), [old.length - tail, old.length]];
};

/** Whatever of the new text stands somewhere in the old one, from left to right or from the best place. */
const matched = (old, next, least, eager) => {
  const pieces = [];
  let text = "";
  for (let at = 0; at < next.length; ) {
    let best = [0, 0];
    const probe = next.slice(at, at + least);
    for (let from = probe.length < least ? -1 : old.indexOf(probe); from >= 0; from = old.indexOf(probe, from + 1)) {
      let to = from;
      while (to < old.length && old[to] === next[at + to - from]) to++;
      if (to - from > best[1] - best[0]) best = [from, to];
      if (eager) break;
    }
    if (best[1]) {
      pieces.push(text, best);
      text = "";
      at += best[1] - best[0];
    } else text += next[at++];
  }
  return [...pieces, text];
};
