/** Stored versions that the outcomes of a batch make void, removed; versions they displace, put aside. Layer 5. */
import { groupBy } from '../../internal/group.js';
import { shardsOverlap } from '../../position/keyrange.js';
import type { Cells } from '../../schema/cells.js';
import type { TableVersion } from '../../schema/table.js';
import type { Target } from './catalog.js';
import type { KeyOutcome } from './compact.js';
import { dropDisplaced, putAside } from './displaced.js';
import type { Database, Driver } from './driver.js';
import { META, META_PREFIX, quoteName, quoteText } from './identifiers.js';
import { append, type LoadOptions, type Source } from './load.js';
import { columnWriter } from './writers.js';

export interface EraseOptions extends LoadOptions {
  readonly identity: 'key' | 'key+shard';
  /** Every shard rows of the table's keyspace may be stored under, those of this batch included. */
  readonly shards: ReadonlySet<string>;
}

/** Columns beside those of the key; no column of a source table can have these names. */
const OWN = `${META_PREFIX}own`;
const UPSERT = `${META_PREFIX}upsert`;

export async function erase(
  database: Database,
  target: Target,
  { key }: TableVersion,
  outcomes: readonly KeyOutcome[],
  options: EraseOptions,
): Promise<void> {
  if (outcomes.length === 0) return;
  const { connection, driver } = database;
  const several = options.shards.size > 1;
  const keys = key.map((name) => target.columns.get(name.toLowerCase()) ?? { name, type: 'VARCHAR' });
  const table = `_vstream_keys_${target.id}`;
  const columns = [
    ...keys.map(({ name, type }) => `${quoteName(name)} ${type}`),
    ...(several ? [`${OWN} INTEGER`, `${UPSERT} BOOLEAN`] : []),
  ];
  await connection.run(`create or replace temp table ${table} (${columns.join(', ')})`);
  const own = new OwnShards(options.shards);
  const more: Source<KeyOutcome>[] = [
    { name: OWN, type: driver.INTEGER, value: (one) => own.number(one.shards) },
    { name: UPSERT, type: driver.BOOLEAN, value: (one) => one.row !== undefined },
  ];
  for (const [from, group] of byVersion(outcomes, (one) => one.version)) {
    const sources = keySources<KeyOutcome>(driver, target, from, key, options, (one) => one.cells);
    await append(
      database,
      { catalog: 'temp', schema: null, name: table },
      several ? [...sources, ...more] : sources,
      group,
      options.signal,
    );
  }
  const match = keys.map(({ name }) => `t.${quoteName(name)} = k.${quoteName(name)}`).join(' and ');
  const mine = several ? ` and contains(${own.sql}[k.${OWN}], concat(',', t.${META.shard}, ','))` : '';
  if (several && options.identity === 'key') {
    await dropDisplaced(connection, target, `${match}${mine}`, `temp.${table} as k`);
    const foreign = `_vstream_foreign_${target.id}`;
    // Key and shard name a version; DuckDB's `rowid` would be the source's own column where it has one of that name.
    const one = [...keys.map(({ name }) => quoteName(name)), META.shard].map((name) => `t.${name}`).join(', ');
    const found = await connection.runAndReadAll(
      `create or replace temp table ${foreign} as
       select ${one} from ${target.sql} as t, temp.${table} as k where ${match} and k.${UPSERT} and not (true${mine})`,
    );
    if (Number(found.getRows()[0]?.[0]) > 0) {
      const those = `(${one}) in (from temp.${foreign})`;
      await putAside(connection, target, key, [{ table: `${target.sql} as t where ${those}`, select: '*' }]);
      await connection.run(`delete from ${target.sql} as t where ${those}`);
    }
    await connection.run(`drop table temp.${foreign}`);
  }
  // Of keys that are written again nothing else is left by now, so that the shards need not be read.
  const written = options.identity === 'key' && outcomes.every((one) => one.row);
  await connection.run(`delete from ${target.sql} as t using temp.${table} as k where ${match}${written ? '' : mine}`);
  await connection.run(`drop table temp.${table}`);
}

/** For lists of shards, the known shards that overlap one of them: few different ones in a batch, so keys carry their number only. */
class OwnShards {
  readonly #known: ReadonlySet<string>;
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  constructor(known: ReadonlySet<string>) {
    this.#known = known;
  }

  /** From 1, as DuckDB counts. */
  number(shards: readonly string[]): number {
    const name = shards.length === 1 ? (shards[0] as string) : shards.join();
    let number = this.#numbers.get(name);
    if (number === undefined) {
      const own = [...this.#known].filter((one) => shards.some((shard) => shardsOverlap(one, shard)));
      number = this.#texts.push(`,${own.join()},`);
      this.#numbers.set(name, number);
    }
    return number;
  }

  /** All of them so far, each as `,-80,80-,`: names of shards hold no comma. */
  get sql(): string {
    return `[${this.#texts.map(quoteText).join(', ')}]`;
  }
}

/** Nearly always one version: then without copying. */
export function byVersion<T>(items: readonly T[], version: (item: T) => TableVersion): Iterable<readonly [TableVersion, readonly T[]]> {
  const [first] = items;
  if (first === undefined) return [];
  const only = version(first);
  return items.every((item) => version(item) === only) ? [[only, items]] : groupBy(items, version);
}

/** The key columns of an image, in the types the table has. */
export function keySources<R>(
  driver: Driver,
  target: Target,
  from: TableVersion,
  key: readonly string[],
  options: LoadOptions,
  cells: (row: R) => Cells,
): Source<R>[] {
  return key.map((name) => {
    const index = from.columns.findIndex((one) => one.name.toLowerCase() === name.toLowerCase());
    const column = from.columns[index];
    if (!column) return { name, type: driver.VARCHAR, value: () => null };
    const type = target.columns.get(name.toLowerCase())?.type ?? 'VARCHAR';
    const writer = columnWriter(driver, column, type, { zeroDates: options.zeroDates, key: true });
    return { name, type: writer.type, value: (row) => writer.value(cells(row), index) };
  });
}
