/** The changes of one table of a batch, written inside the sink's transaction. Layer 5. */
import { groupBy } from '../../internal/group.js';
import { shardsOverlap } from '../../position/keyrange.js';
import type { Cells } from '../../schema/cells.js';
import type { TableVersion } from '../../schema/table.js';
import type { Change } from '../../stream/change.js';
import type { Catalog, Target } from './catalog.js';
import { Compactor, type KeyOutcome, type Row } from './compact.js';
import type { Database, Driver } from './driver.js';
import { isAbove, readHighWater } from './high-water.js';
import { META, META_PREFIX, quoteName, quoteText } from './identifiers.js';
import { append, rowSources, type LoadOptions, type LoadRow, type Source } from './load.js';
import { columnWriter } from './writers.js';

export interface WriteOptions extends LoadOptions {
  readonly identity: 'key' | 'key+shard';
  /** Every shard rows of the table's keyspace may be stored under, those of this batch included. */
  readonly shards: ReadonlySet<string>;
}

export async function writeChanges(database: Database, catalog: Catalog, changes: readonly Change[], options: WriteOptions): Promise<void> {
  let target: Target | undefined;
  const versions = new Set<TableVersion>();
  for (const change of changes) versions.add(change.schema);
  for (const version of versions) target = await catalog.fit(version);
  if (!target) return;
  // A table whose key changes while shards roll the DDL out has changes of both kinds: in order, one kind after the other.
  for (const run of runsByKey(changes, catalog)) {
    const version = (run[0] as Change).schema;
    if (catalog.isLog(version)) await writeLog(database, target, run, options);
    else await writeRows(database, target, version, run, options);
  }
}

function runsByKey(changes: readonly Change[], catalog: Catalog): Change[][] {
  const runs: Change[][] = [];
  let last: string | undefined;
  let version: TableVersion | undefined;
  for (const change of changes) {
    if (change.schema !== version) {
      version = change.schema;
      const kind = catalog.isLog(version) ? '' : version.key.join('\u0000');
      if (kind !== last) runs.push([]);
      last = kind;
    }
    (runs.at(-1) as Change[]).push(change);
  }
  return runs;
}

async function writeLog(database: Database, target: Target, changes: readonly Change[], options: WriteOptions): Promise<void> {
  const rows: LoadRow[] = [];
  for (const change of changes) {
    const cells = change.op === 'delete' ? change.beforeCells : change.afterCells;
    if (!cells) continue;
    rows.push({ cells, version: change.schema, shard: change.shard, generation: change.generation, origin: undefined, partial: false, change });
  }
  await appendByVersion(database, target, rows, options);
}

async function writeRows(database: Database, target: Target, version: TableVersion, changes: readonly Change[], options: WriteOptions): Promise<void> {
  let compactor = new Compactor(options.identity);
  for (const change of changes) {
    if (compactor.add(change)) continue;
    await writeOutcomes(database, target, version, compactor, options);
    compactor = new Compactor(options.identity);
    compactor.add(change);
  }
  await writeOutcomes(database, target, version, compactor, options);
}

async function writeOutcomes(database: Database, target: Target, version: TableVersion, compactor: Compactor, options: WriteOptions): Promise<void> {
  const full: Row[] = [];
  const partial: Row[] = [];
  const everywhere: KeyOutcome[] = [];
  const removals: Removal[] = [];
  const sort = (row: Row): void => void (row.partial ? partial : full).push(row);
  const mark = await highWater(database, target, version);
  let highest = mark;
  for (const outcome of compactor.outcomes) {
    if (outcome.row) sort(outcome.row);
    if (outcome.others) for (const row of outcome.others) sort(row);
    if (mark !== undefined && isAbove(outcome.key, mark)) {
      if (highest !== undefined && isAbove(outcome.key, highest)) highest = outcome.key;
      continue;
    }
    if (outcome.everywhere) everywhere.push(outcome);
    else addRemovals(removals, outcome, options.shards);
  }
  if (target.highWater) target.highWater.mark = highest;
  const completed = await completePartial(database, target, version, partial, options);
  await remove(database, target, version, everywhere, removals, options);
  await appendByVersion(database, target, full, options);
  for (const table of completed) {
    await database.connection.run(`insert into ${target.sql} select * exclude (${originNames(version).join(', ')}) from temp.${table}`);
    await database.connection.run(`drop table temp.${table}`);
  }
}

async function highWater(database: Database, target: Target, version: TableVersion): Promise<string | undefined> {
  const of = version.key.join();
  if (target.highWater?.of !== of) target.highWater = { of, mark: await readHighWater(database.connection, target, version) };
  return target.highWater.mark;
}

async function appendByVersion(database: Database, target: Target, rows: readonly LoadRow[], options: WriteOptions): Promise<void> {
  for (const [version, group] of byVersion(rows, (row) => row.version)) {
    const sources = rowSources(database.driver, target, version, options);
    await append(database, { catalog: null, schema: target.schema, name: target.name }, sources, group, options.signal);
  }
}

/** A stored row to remove: of this key, under this shard. */
interface Removal {
  readonly outcome: KeyOutcome;
  readonly stored: string;
}

function addRemovals(removals: Removal[], outcome: KeyOutcome, known: ReadonlySet<string>): void {
  // Matching on the exact stored shard keeps the join an equality; usually that is the one shard itself.
  const stored = new Set<string>();
  for (const shard of outcome.shards ?? []) for (const one of known) if (shardsOverlap(one, shard)) stored.add(one);
  for (const one of stored) removals.push({ outcome, stored: one });
}

async function remove(
  database: Database,
  target: Target,
  version: TableVersion,
  everywhere: readonly KeyOutcome[],
  removals: readonly Removal[],
  options: WriteOptions,
): Promise<void> {
  const { connection, driver } = database;
  const keys = version.key.map((name) => target.columns.get(name.toLowerCase()) ?? { name, type: 'VARCHAR' });
  const columns = keys.map((key) => `${quoteName(key.name)} ${key.type}`);
  const match = keys.map((key) => `t.${quoteName(key.name)} = k.${quoteName(key.name)}`);
  const table = `_vstream_keys_${target.id}`;
  const at = { catalog: 'temp', schema: null, name: table } as const;
  const run = async (more: readonly string[], load: () => Promise<void>): Promise<void> => {
    await connection.run(`create or replace temp table ${table} (${[...columns, ...more.map((name) => `${name} VARCHAR`)].join(', ')})`);
    await load();
    const shard = more.map((name) => `t.${quoteName(META.shard)} = k.${name}`);
    await connection.run(`delete from ${target.sql} as t using temp.${table} as k where ${[...match, ...shard].join(' and ')}`);
    await connection.run(`drop table temp.${table}`);
  };
  if (everywhere.length > 0) {
    await run([], async () => {
      for (const [from, group] of byVersion(everywhere, (one) => one.version)) {
        await append(database, at, keySources<KeyOutcome>(driver, target, from, version.key, options, (one) => one.cells), group, options.signal);
      }
    });
  }
  if (removals.length > 0) {
    await run(['stored'], async () => {
      for (const [from, group] of byVersion(removals, (one) => one.outcome.version)) {
        const sources = keySources<Removal>(driver, target, from, version.key, options, (one) => one.outcome.cells);
        await append(database, at, [...sources, { type: driver.VARCHAR, value: (one) => one.stored }], group, options.signal);
      }
    });
  }
}

/** Nearly always one version: then without copying. */
function byVersion<T>(items: readonly T[], version: (item: T) => TableVersion): Iterable<readonly [TableVersion, readonly T[]]> {
  const [first] = items;
  if (first === undefined) return [];
  const only = version(first);
  return items.every((item) => version(item) === only) ? [[only, items]] : groupBy(items, version);
}

/** The key columns of an image, in the types the table has. */
function keySources<R>(
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
    if (!column) return { type: driver.VARCHAR, value: () => null };
    const type = target.columns.get(name.toLowerCase())?.type ?? 'VARCHAR';
    const writer = columnWriter(driver, column, type, { zeroDates: options.zeroDates, key: true });
    return { type: writer.type, value: (row) => writer.value(cells(row), index) };
  });
}

const originNames = (version: TableVersion): string[] => version.key.map((_, index) => quoteName(`${META_PREFIX}origin_${index}`));

/**
 * Rows with absent columns take these from the stored row, before it is removed. Returns the temporary tables that hold them.
 * A row that is not stored gets NULL there: it is one the copy has not reached, and the copy brings it whole.
 */
async function completePartial(
  database: Database,
  target: Target,
  version: TableVersion,
  rows: readonly Row[],
  options: WriteOptions,
): Promise<string[]> {
  const { driver, connection } = database;
  const byKey = options.identity === 'key';
  const groups = groupBy(rows, (row) => `${row.version.fingerprint} ${absentColumns(row).join()} ${byKey ? '' : row.shard} ${row.origin?.version.fingerprint ?? ''}`);
  const origins = originNames(version);
  const tables: string[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    if (!first) continue;
    const table = `_vstream_partial_${target.id}_${tables.length}`;
    const keys = version.key.map((name, index) => `t.${quoteName(name)} as ${origins[index]}`);
    await connection.run(`create or replace temp table ${table} as select t.*, ${keys.join(', ')} from ${target.sql} as t limit 0`);
    const from = first.origin?.version ?? first.version;
    const sources = [
      ...rowSources(driver, target, first.version, options),
      ...keySources<LoadRow>(driver, target, from, version.key, options, (row) => row.origin?.cells ?? row.cells),
    ];
    await append(database, { catalog: 'temp', schema: null, name: table }, sources, group, options.signal);
    const absent = absentColumns(first).map((index) => quoteName(first.version.columns[index]?.name ?? ''));
    const match = version.key.map((name, index) => `p.${origins[index]} = t.${quoteName(name)}`);
    if (!byKey) {
      const stored = [...options.shards].filter((one) => shardsOverlap(one, first.shard)).map(quoteText);
      match.push(`t.${quoteName(META.shard)} in (${stored.join(', ')})`);
    }
    await connection.run(
      `update temp.${table} as p set ${absent.map((name) => `${name} = t.${name}`).join(', ')} from ${target.sql} as t where ${match.join(' and ')}`,
    );
    tables.push(table);
  }
  return tables;
}

function absentColumns(row: Row): number[] {
  return Array.from({ length: row.cells.count }, (_, index) => index).filter((index) => row.cells.isAbsent(index));
}
