/**
 * A plan as JSON text, written for every batch of a sink that stores positions: thousands of tables of which one changed. Layer 1.
 * Says the same as `JSON.stringify(plan.toJson())`, with what many tables share apart.
 */
import { PlanKinds } from './plan-kinds.js';
import type { TableCopy } from './table-copy.js';

export interface NamedEntry {
  readonly key: string;
  readonly keyspace: string;
  readonly table: string;
  readonly entry: TableCopy | undefined;
}

/** The tables of a keyspace. */
class Group {
  readonly keys: readonly string[];
  /** `"orders":{…}` each. */
  readonly pieces: readonly string[];
  #whole: string | undefined;

  constructor(keys: readonly string[], pieces: readonly string[]) {
    this.keys = keys;
    this.pieces = pieces;
  }

  get whole(): string {
    return (this.#whole ??= this.pieces.join(','));
  }

  /** Without the piece, or with it in the place of the key's, or behind the others. */
  changed(key: string, piece: string | undefined): Group {
    const at = this.keys.indexOf(key);
    if (piece === undefined) return at < 0 ? this : new Group(this.keys.toSpliced(at, 1), this.pieces.toSpliced(at, 1));
    return at < 0 ? new Group([...this.keys, key], [...this.pieces, piece]) : new Group(this.keys, this.pieces.with(at, piece));
  }
}

export class PlanText {
  /** Grows with the texts made of one another: a number, once given, means the same in all of them. */
  readonly #kinds: PlanKinds;
  readonly #groups: ReadonlyMap<string, Group>;
  #around: { readonly key: string; readonly head: string; readonly tail: string } | undefined;

  private constructor(kinds: PlanKinds, groups: ReadonlyMap<string, Group>) {
    this.#kinds = kinds;
    this.#groups = groups;
  }

  /** In the plan's order. */
  static of(tables: readonly NamedEntry[]): PlanText {
    const kinds = new PlanKinds();
    for (const { entry } of tables) if (entry) kinds.count(entry);
    const groups = new Map<string, { keys: string[]; pieces: string[] }>();
    for (const { key, keyspace, table, entry } of tables) {
      if (!entry) continue;
      let group = groups.get(keyspace);
      if (!group) groups.set(keyspace, (group = { keys: [], pieces: [] }));
      group.keys.push(key);
      group.pieces.push(pieceOf(kinds, table, entry));
    }
    return new PlanText(kinds, new Map([...groups].map(([keyspace, { keys, pieces }]) => [keyspace, new Group(keys, pieces)])));
  }

  /** The text of the tables of which one has another entry. */
  changed({ key, keyspace, table, entry }: NamedEntry): PlanText {
    // Every stream of a process begins with the same empty plan: what one shares must not stand in the positions of the others.
    const kinds = this.#groups.size === 0 ? new PlanKinds() : this.#kinds;
    if (entry) kinds.count(entry);
    const group = (this.#groups.get(keyspace) ?? new Group([], [])).changed(key, entry && pieceOf(kinds, table, entry));
    return new PlanText(kinds, new Map([...this.#groups, [keyspace, group]]));
  }

  /** Entries that the text speaks of by number, as a JSON list; '' when it speaks of none. */
  get kinds(): string {
    return this.#kinds.text;
  }

  /** The text with `over` in place of the table of that key, or behind the others. */
  with(over: NamedEntry | undefined): string {
    const parts: string[] = [];
    for (const [keyspace, group] of this.#groups) {
      const text = over?.keyspace === keyspace ? this.#replaced(group, over) : group.whole;
      if (text !== '') parts.push(`${JSON.stringify(keyspace)}:{${text}}`);
    }
    if (over?.entry && !this.#groups.has(over.keyspace))
      parts.push(`${JSON.stringify(over.keyspace)}:{${pieceOf(this.#kinds, over.table, over.entry)}}`);
    return `{${parts.join(',')}}`;
  }

  #replaced({ keys, pieces, whole }: Group, { key, table, entry }: NamedEntry): string {
    if (this.#around?.key !== key) {
      const at = keys.indexOf(key);
      this.#around =
        at < 0 ? { key, head: whole, tail: '' } : { key, head: pieces.slice(0, at).join(','), tail: pieces.slice(at + 1).join(',') };
    }
    const { head, tail } = this.#around;
    return [head, entry ? pieceOf(this.#kinds, table, entry) : '', tail].filter((one) => one !== '').join(',');
  }
}

function pieceOf(kinds: PlanKinds, table: string, entry: TableCopy): string {
  return `${JSON.stringify(table)}:${kinds.textOf(entry)}`;
}
