/**
 * What many tables of a plan have in common, written once: thousands of tables are done in the same generation, with the same key.
 * Such a table is its name, the number of its kind and its rows, a third of what its own entry takes. Layer 1.
 */
import type { TableCopy } from './table-copy.js';

/** A table in JSON: its entry, or the number of its kind, with its rows where they are known. */
export type PackedEntry = TableCopy | number | readonly [kind: number, rows: number];
export type PackedPlan = Record<string, Record<string, PackedEntry>>;

/** Fewer than this many tables of a kind have entries of their own: small positions stay readable. */
const SHARED_BY = 8;

/** Entries are never changed, and most outlive many plans. */
const texts = new WeakMap<TableCopy, string>();
const kinds = new WeakMap<TableCopy, string>();

/** The entry without its rows; '' where nothing would be saved: keys of copies under way are their own. */
function kindOf(entry: TableCopy): string {
  let kind = kinds.get(entry);
  if (kind === undefined) {
    const own = Object.values(entry.shards ?? {}).some(({ state }) => state === 'copying');
    kinds.set(entry, (kind = own ? '' : JSON.stringify({ ...entry, rows: undefined })));
  }
  return kind;
}

function textOf(entry: TableCopy): string {
  let text = texts.get(entry);
  if (text === undefined) texts.set(entry, (text = JSON.stringify(entry)));
  return text;
}

export class PlanKinds {
  readonly #counts = new Map<string, number>();
  readonly #numbers = new Map<string, number>();

  /** A table has this entry. A kind keeps its number when its tables have gone on. */
  count(entry: TableCopy): void {
    const kind = kindOf(entry);
    if (kind === '') return;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count === SHARED_BY) this.#numbers.set(kind, this.#numbers.size);
  }

  /** A JSON list of entries; '' when there are none. */
  get text(): string {
    return this.#numbers.size === 0 ? '' : `[${[...this.#numbers.keys()].join(',')}]`;
  }

  /** A `PackedEntry` as JSON. */
  textOf(entry: TableCopy): string {
    const kind = this.#numbers.get(kindOf(entry));
    if (kind === undefined) return textOf(entry);
    return entry.rows === undefined ? `${kind}` : `[${kind},${entry.rows}]`;
  }
}

/** The entry of a table as `PlanKinds` wrote it; undefined when its kind is not among `shared`. */
export function unpacked(packed: PackedEntry, shared: readonly TableCopy[]): TableCopy | undefined {
  if (typeof packed === 'number') return shared[packed];
  if (!isPair(packed)) return packed;
  const kind = shared[packed[0]];
  if (!kind) return undefined;
  // Written out, as copying the whole kind for each of thousands of tables takes three times as long.
  const { state, generation, fingerprint, ...rest } = kind;
  return { state, generation, fingerprint, rows: packed[1], ...rest };
}

const isPair = (packed: TableCopy | readonly [number, number]): packed is readonly [number, number] => Array.isArray(packed);
