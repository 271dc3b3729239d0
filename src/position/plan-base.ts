/** The tables of a plan that copies share, with what is asked of them for every message: found out once, then kept. Layer 1. */
import { PlanText } from './plan-text.js';
import { copyOn, isFinished, type TableCopy } from './table-copy.js';

/** How a table that is not finished stands. */
export type Stage = 'copying' | 'begun' | 'untouched';

export class PlanBase {
  readonly tables: ReadonlyMap<string, TableCopy>;
  #stages: Readonly<Record<Stage, readonly string[]>> | undefined;
  #order: ReadonlyMap<string, number> | undefined;
  /** By keyspace and shard. */
  readonly #unfinishedOn = new Map<string, Map<string, number>>();
  #text: PlanText | undefined;

  constructor(tables: ReadonlyMap<string, TableCopy>) {
    this.tables = tables;
  }

  /** Names of tables in that stage, in order. */
  inStage(stage: Stage): readonly string[] {
    if (!this.#stages) {
      const stages: Record<Stage, string[]> = { copying: [], begun: [], untouched: [] };
      for (const [key, entry] of this.tables) if (!isFinished(entry)) stages[stageOf(entry)].push(key);
      this.#stages = stages;
    }
    return this.#stages[stage];
  }

  /** Where the table stands in the plan; one that is not in it comes last. */
  orderOf(key: string): number {
    this.#order ??= new Map([...this.tables.keys()].map((one, index) => [one, index]));
    return this.#order.get(key) ?? this.tables.size;
  }

  /** How many tables of the keyspace are not done on the shard. */
  unfinishedOn(keyspace: string, shard: string): number {
    let counts = this.#unfinishedOn.get(keyspace);
    if (!counts) this.#unfinishedOn.set(keyspace, (counts = new Map<string, number>()));
    let count = counts.get(shard);
    if (count === undefined) {
      count = 0;
      for (const [key, entry] of this.tables) if (isOf(key, keyspace)) count += unfinishedOn(entry, shard);
      counts.set(shard, count);
    }
    return count;
  }

  text(): PlanText {
    this.#text ??= PlanText.of([...this.tables].map(([key, entry]) => ({ key, entry, ...namesOf(key) })));
    return this.#text;
  }

  /**
   * The tables of which one has another entry, none or its first. What was found out goes along, corrected by that table: each of
   * thousands of tables is changed in its turn, and looking through all of them each time would cost more than small copies.
   */
  with(key: string, entry: TableCopy | undefined): PlanBase {
    const before = this.tables.get(key);
    const tables = new Map(this.tables);
    if (entry) tables.set(key, entry);
    else tables.delete(key);
    const next = new PlanBase(tables);
    const { keyspace } = namesOf(key);
    for (const [name, counts] of this.#unfinishedOn) {
      const own = new Map(counts);
      if (name === keyspace) {
        for (const [shard, count] of counts) own.set(shard, count + unfinishedOn(entry, shard) - unfinishedOn(before, shard));
      }
      next.#unfinishedOn.set(name, own);
    }
    next.#text = this.#text?.changed({ key, entry, ...namesOf(key) });
    if (before && entry) next.#order = this.#order;
    if (this.#stages) next.#stages = this.#moved(key, openStage(before), openStage(entry), next);
    return next;
  }

  #moved(
    key: string,
    from: Stage | undefined,
    to: Stage | undefined,
    next: PlanBase,
  ): Readonly<Record<Stage, readonly string[]>> | undefined {
    const stages = this.#stages;
    if (!stages || from === to) return stages;
    const at = next.orderOf(key);
    const without = from ? { ...stages, [from]: stages[from].filter((one) => one !== key) } : stages;
    if (!to) return without;
    const place = without[to].findIndex((one) => next.orderOf(one) > at);
    return { ...without, [to]: without[to].toSpliced(place < 0 ? without[to].length : place, 0, key) };
  }
}

export function namesOf(key: string): { keyspace: string; table: string } {
  const [keyspace, table] = key.split('\u0000') as [string, string];
  return { keyspace, table };
}

export const isOf = (key: string, keyspace: string): boolean =>
  key.length > keyspace.length && key[keyspace.length] === '\u0000' && key.startsWith(keyspace);

const openStage = (entry: TableCopy | undefined): Stage | undefined => (entry && !isFinished(entry) ? stageOf(entry) : undefined);

/** 1 where the table is not done on the shard, else 0. */
export const unfinishedOn = (entry: TableCopy | undefined, shard: string): number =>
  Number(entry !== undefined && copyOn(entry, shard).state !== 'done');

export function stageOf(entry: TableCopy): Stage {
  const shards = Object.values(entry.shards ?? {});
  if (shards.some((one) => one.state === 'copying')) return 'copying';
  return shards.length > 0 ? 'begun' : 'untouched';
}
