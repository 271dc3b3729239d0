/** The tables of a plan that copies share, with what is asked of them for every message: found out once, then kept. Layer 1. */
import { PlanText } from './plan-text.js';
import { copyOn, isFinished, type TableCopy } from './table-copy.js';

/** How a table that is not finished stands. */
export type Stage = 'copying' | 'begun' | 'untouched';

export class PlanBase {
  readonly tables: ReadonlyMap<string, TableCopy>;
  #stages: Readonly<Record<Stage, readonly string[]>> | undefined;
  #order: ReadonlyMap<string, number> | undefined;
  readonly #unfinishedOn = new Map<string, number>();
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
    const name = `${keyspace}/${shard}`;
    let count = this.#unfinishedOn.get(name);
    if (count === undefined) {
      count = 0;
      for (const [key, entry] of this.tables) if (isOf(key, keyspace) && copyOn(entry, shard).state !== 'done') count++;
      this.#unfinishedOn.set(name, count);
    }
    return count;
  }

  text(): PlanText {
    this.#text ??= new PlanText([...this.tables].map(([key, entry]) => ({ key, entry, ...namesOf(key) })));
    return this.#text;
  }
}

export function namesOf(key: string): { keyspace: string; table: string } {
  const [keyspace, table] = key.split('\u0000') as [string, string];
  return { keyspace, table };
}

export const isOf = (key: string, keyspace: string): boolean =>
  key.length > keyspace.length && key[keyspace.length] === '\u0000' && key.startsWith(keyspace);

export function stageOf(entry: TableCopy): Stage {
  const shards = Object.values(entry.shards ?? {});
  if (shards.some((one) => one.state === 'copying')) return 'copying';
  return shards.length > 0 ? 'begun' : 'untouched';
}
