/** The changes of one table of a batch, written inside the sink's transaction. Layer 5. */
import { groupBy } from '../../internal/group.js';
import { shardsOverlap } from '../../position/keyrange.js';
import type { Cells } from '../../schema/cells.js';
import type { TableVersion } from '../../schema/table.js';
import type { Change } from '../../stream/change.js';
import type { Catalog, Target } from './catalog.js';
import { Compactor, hasAbsent, type KeyOutcome, type Row } from './compact.js';
import type { Database, Driver } from './driver.js';
import { META, META_PREFIX, quoteName, quoteText } from './identifiers.js';
import { append, rowSources, type LoadOptions, type LoadRow, type Source } from './load.js';
import { columnWriter } from './writers.js';

export interface WriteOptions extends LoadOptions {
  readonly identity: 'key' | 'key+shard';
  /** Every shard rows of the table's keyspace may be stored under, those of this batch included. */
  readonly shards: ReadonlySet<string>;
}

const LOG_OPS = new Set(['delete']);

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
    const cells = LOG_OPS.has(change.op) ? change.beforeCells : change.afterCells;
    if (cells) rows.push({ cells, version: change.schema, shard: change.shard, generation: change.generation, change });
  }
  await appendByVersion(database, target, rows, options);
}

async function writeRows(database: Database, target: Target, version: TableVersion, changes: readonly Change[], options: WriteOptions): Promise<void> {
  const compactor = new Compactor(options.identity);
  for (const change of changes) compactor.add(change);
  const full: Row[] = [];
  const partial: Row[] = [];
  const removals: Removal[] = [];
  for (const outcome of compactor.outcomes) {
    for (const row of outcome.rows) (hasAbsent(row.cells) ? partial : full).push(row);
    addRemovals(removals, outcome, options.shards);
  }
  const completed = await completePartial(database, target, version, partial, options);
  await remove(database, target, version, removals, options);
  await appendByVersion(database, target, full, options);
  for (const table of completed) {
    await database.connection.run(`insert into ${target.sql} select * exclude (${originNames(version).join(', ')}) from temp.${table}`);
    await database.connection.run(`drop table temp.${table}`);
  }
}

async function appendByVersion(database: Database, target: Target, rows: readonly LoadRow[], options: WriteOptions): Promise<void> {
  const groups = groupBy(rows, (row) => row.version);
  for (const [version, group] of groups) {
    const sources = rowSources(database.driver, target, version, options);
    await append(database, { catalog: null, schema: target.schema, name: target.name }, sources, group, options.signal);
  }
}

/** A stored row to remove: of this key, under this shard, or under any. */
interface Removal {
  readonly outcome: KeyOutcome;
  readonly stored: string | null;
}

function addRemovals(removals: Removal[], outcome: KeyOutcome, known: ReadonlySet<string>): void {
  if (outcome.everywhere) {
    removals.push({ outcome, stored: null });
    return;
  }
  // Matching on the exact stored shard keeps the join an equality; usually that is the one shard itself.
  const stored = new Set<string>();
  for (const shard of outcome.shards ?? []) for (const one of known) if (shardsOverlap(one, shard)) stored.add(one);
  for (const one of stored) removals.push({ outcome, stored: one });
}

async function remove(database: Database, target: Target, version: TableVersion, removals: readonly Removal[], options: WriteOptions): Promise<void> {
  if (removals.length === 0) return;
  const table = `_vstream_keys_${target.id}`;
  const keys = version.key.map((name) => target.columns.get(name.toLowerCase()) ?? { name, type: 'VARCHAR' });
  const names = keys.map((key) => quoteName(key.name));
  await database.connection.run(
    `create or replace temp table ${table} (${keys.map((key, index) => `${names[index]} ${key.type}`).join(', ')}, stored VARCHAR)`,
  );
  for (const [from, group] of groupBy(removals, (one) => one.outcome.version)) {
    const sources = keySources<Removal>(database.driver, target, from, version.key, options, (removal) => removal.outcome.cells);
    sources.push({ type: database.driver.VARCHAR, value: (removal) => removal.stored });
    await append(database, { catalog: 'temp', schema: null, name: table }, sources, group, options.signal);
  }
  const match = names.map((name) => `t.${name} = k.${name}`).join(' and ');
  await database.connection.run(
    `delete from ${target.sql} as t using temp.${table} as k where ${match} and (k.stored is null or t.${quoteName(META.shard)} = k.stored)`,
  );
  await database.connection.run(`drop table temp.${table}`);
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
