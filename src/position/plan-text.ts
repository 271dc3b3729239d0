/**
 * A plan as JSON text, written for every batch of a sink that stores positions: thousands of tables of which one changed. Layer 1.
 * The same text as `JSON.stringify(plan.toJson())`, but for tables named like numbers, which an object would put first.
 */
import type { TableCopy } from './table-copy.js';

interface Group {
  readonly keys: readonly string[];
  /** `"orders":{…}` each. */
  readonly pieces: readonly string[];
  readonly whole: string;
}

/** Entries are never changed, and most outlive many plans. */
const texts = new WeakMap<TableCopy, string>();

function pieceOf(table: string, entry: TableCopy): string {
  let text = texts.get(entry);
  if (text === undefined) texts.set(entry, (text = JSON.stringify(entry)));
  return `${JSON.stringify(table)}:${text}`;
}

export interface NamedEntry {
  readonly key: string;
  readonly keyspace: string;
  readonly table: string;
  readonly entry: TableCopy | undefined;
}

export class PlanText {
  readonly #groups = new Map<string, Group>();
  #around: { readonly key: string; readonly head: string; readonly tail: string } | undefined;

  /** In the plan's order. */
  constructor(tables: Iterable<NamedEntry>) {
    const groups = new Map<string, { keys: string[]; pieces: string[] }>();
    for (const { key, keyspace, table, entry } of tables) {
      if (!entry) continue;
      let group = groups.get(keyspace);
      if (!group) groups.set(keyspace, (group = { keys: [], pieces: [] }));
      group.keys.push(key);
      group.pieces.push(pieceOf(table, entry));
    }
    for (const [keyspace, { keys, pieces }] of groups) this.#groups.set(keyspace, { keys, pieces, whole: pieces.join(',') });
  }

  /** The text with `over` in place of the table of that key, or behind the others. */
  with(over: NamedEntry | undefined): string {
    const parts: string[] = [];
    for (const [keyspace, group] of this.#groups) {
      const text = over?.keyspace === keyspace ? this.#replaced(group, over) : group.whole;
      if (text !== '') parts.push(`${JSON.stringify(keyspace)}:{${text}}`);
    }
    if (over?.entry && !this.#groups.has(over.keyspace))
      parts.push(`${JSON.stringify(over.keyspace)}:{${pieceOf(over.table, over.entry)}}`);
    return `{${parts.join(',')}}`;
  }

  #replaced({ keys, pieces, whole }: Group, { key, table, entry }: NamedEntry): string {
    if (this.#around?.key !== key) {
      const at = keys.indexOf(key);
      this.#around =
        at < 0 ? { key, head: whole, tail: '' } : { key, head: pieces.slice(0, at).join(','), tail: pieces.slice(at + 1).join(',') };
    }
    const { head, tail } = this.#around;
    return [head, entry ? pieceOf(table, entry) : '', tail].filter((one) => one !== '').join(',');
  }
}
