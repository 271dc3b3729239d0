/** "Did you mean": the known name closest to what was written. Layer 0. */

/** The one of `known` that `written` most likely stands for, or undefined when none is near. */
export function suggest(written: string, known: readonly string[]): string | undefined {
  const wanted = fold(written);
  const same = known.find((name) => fold(name) === wanted);
  if (same !== undefined) return same;
  let best: string | undefined;
  // One slip in a short word, two in a longer one, three in a very long one: more is another word.
  let limit = wanted.length <= 4 ? 1 : wanted.length <= 9 ? 2 : 3;
  for (const name of known) {
    const distance = editDistance(wanted, fold(name), limit);
    if (distance <= limit && (best === undefined || distance < limit)) {
      best = name;
      limit = distance;
    }
  }
  return best;
}

/** Names for a message: all of a few, the first of many. */
export function someOf(names: readonly string[]): string {
  return `${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}`;
}

/** Spelling that does not matter to a reader: case, dashes and underscores (`tablet_type`, `tablet-type`, `tabletType`). */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours; gives up with `limit + 1`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(replace, at(last, j) + 1, at(row, j - 1) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Infinity;
