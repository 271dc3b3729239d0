/** Which tables a stream takes, and how each is treated: pure matching of names and patterns. Layer 3. */
import type { TableOptions } from '../schema/define.js';
import type { TableRef } from '../schema/table.js';

/** One entry of `tables`: a name, or a pattern in which `*` stands for any characters. */
export interface SelectionEntry {
  readonly keyspace: string;
  /** Table name or pattern, without the keyspace. */
  readonly name: string;
  /** true: `name` holds a `*`. */
  readonly pattern: boolean;
  /** As the user wrote it: the key of `batch.of()` and of messages. */
  readonly written: string;
  readonly definition: TableOptions;
}

/** In the order written. Never empty. */
export type Selection = readonly SelectionEntry[];

/** `orders`, `billing.orders`, `orders_*`, `billing.*`; undefined when it is none of these. */
export function parseTableName(written: string): { keyspace: string | undefined; name: string; pattern: boolean } | undefined {
  const match = /^(?:([^\s.*/`'"]+)\.)?([^\s./`'"]+)$/.exec(written);
  const name = match?.[2];
  if (name === undefined) return undefined;
  return { keyspace: match?.[1], name, pattern: name.includes('*') };
}

/** The regular expression of a pattern, anchored: `orders_*` becomes `^orders_.*$`. Valid for VTGate (RE2) and JavaScript. */
export function patternSource(name: string): string {
  return `^${name.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll(/\*+/g, '.*')}$`;
}

function matchesEntry(entry: SelectionEntry, { keyspace, table }: TableRef): boolean {
  if (entry.keyspace !== keyspace) return false;
  return entry.pattern ? new RegExp(patternSource(entry.name)).test(table) : entry.name === table;
}

/** The entry that decides about a table: its own name before any pattern, then the first pattern. Undefined: not selected. */
export function entryFor(selection: Selection, ref: TableRef): SelectionEntry | undefined {
  return (
    selection.find((entry) => !entry.pattern && matchesEntry(entry, ref)) ??
    selection.find((entry) => entry.pattern && matchesEntry(entry, ref))
  );
}

/** Keyspaces of a selection, each once, in the order first named. */
export function keyspacesOf(selection: Selection): readonly string[] {
  return [...new Set(selection.map((entry) => entry.keyspace))];
}
