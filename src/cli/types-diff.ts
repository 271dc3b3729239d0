/** What changed between two files that `vstream types` wrote, table by table. Pure. */

export interface TableDifference {
  /** `keyspace.table`; empty for what stands above the first table. */
  readonly table: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Lines of the old file that are gone, in order; only for `changed`. */
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** In the order of the new file, then what it no longer has. Empty for equal texts only. */
export function differences(before: string, now: string): readonly TableDifference[] {
  const old = blocksOf(before);
  const live = blocksOf(now);
  const found: TableDifference[] = [];
  for (const [table, lines] of live) {
    const was = old.get(table);
    if (!was) found.push({ table, kind: 'added', removed: [], added: [] });
    else if (was.join('\n') !== lines.join('\n'))
      found.push({ table, kind: 'changed', removed: without(was, lines), added: without(lines, was) });
  }
  for (const table of old.keys()) if (!live.has(table)) found.push({ table, kind: 'removed', removed: [], added: [] });
  // The record of all tables follows from them: it is told where nothing else is.
  const tables = found.filter(({ table }) => table !== RECORD);
  return tables.length > 0 ? tables : found;
}

/** The block at the end of the file, by the name it has there. */
const RECORD = 'tables';

/** At most this many lines of a table are shown. */
const MOST_LINES = 20;

export function describeDifferences(found: readonly TableDifference[]): string {
  const lines = found.flatMap(({ table, kind, removed, added }) => {
    const name = table === '' ? 'the head of the file' : table;
    if (kind === 'added') return [`  ${name} is new`];
    if (kind === 'removed') return [`  ${name} is gone`];
    const changes = [...removed.map((line) => `    - ${line}`), ...added.map((line) => `    + ${line}`)];
    if (changes.length === 0) return [`  ${name} has its columns in another order, or other white space`];
    const rest = changes.length - MOST_LINES;
    return [`  ${name} is different`, ...changes.slice(0, MOST_LINES), ...(rest > 0 ? [`    … and ${rest} more lines`] : [])];
  });
  return `${lines.join('\n')}\n`;
}

/** Lines by table. A table begins with the comment that names it. */
function blocksOf(text: string): Map<string, string[]> {
  const blocks = new Map<string, string[]>();
  let lines: string[] = [];
  blocks.set('', lines);
  for (const line of text.trimEnd().split('\n')) {
    const table = /^\/\*\* A row of `(.*)`\. \*\/$/.exec(line)?.[1];
    if (table !== undefined) blocks.set(table, (lines = []));
    else if (line.startsWith('/** Every table of this file')) blocks.set(RECORD, (lines = []));
    else lines.push(line);
  }
  // The blank line between two tables belongs to neither.
  for (const block of blocks.values()) while (block.at(-1) === '') block.pop();
  return blocks;
}

/** Lines of `these` that `others` lack, counting repeats; trimmed. */
function without(these: readonly string[], others: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1);
  return these
    .filter((line) => {
      const left = counts.get(line) ?? 0;
      if (left > 0) counts.set(line, left - 1);
      return left === 0;
    })
    .map((line) => line.trim());
}
