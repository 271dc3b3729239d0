/** The changes of one table of a batch, written inside the sink's transaction. Layer 5. */
import type { TableVersion } from '../../schema/table.js';
import type { Change } from '../../stream/change.js';
import type { Catalog, Target } from './catalog.js';
import { Compactor, type KeyOutcome, type Row } from './compact.js';
import { bringBack, putAside } from './displaced.js';
import type { Database } from './driver.js';
import { byVersion, erase, type EraseOptions } from './erase.js';
import { isAbove, readHighWater } from './high-water.js';
import { append, rowSources, type LoadRow } from './load.js';
import { completeRows, type CompletedRows } from './partial.js';

export async function writeChanges(database: Database, catalog: Catalog, changes: readonly Change[], options: EraseOptions): Promise<void> {
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

async function writeLog(database: Database, target: Target, changes: readonly Change[], options: EraseOptions): Promise<void> {
  const rows: LoadRow[] = [];
  for (const change of changes) {
    const cells = change.op === 'delete' ? change.beforeCells : change.afterCells;
    if (!cells) continue;
    rows.push({
      cells,
      version: change.schema,
      shard: change.shard,
      generation: change.generation,
      origin: undefined,
      from: change.shard,
      partial: false,
      change,
    });
  }
  await appendByVersion(database, target, rows, options);
}

async function writeRows(
  database: Database,
  target: Target,
  version: TableVersion,
  changes: readonly Change[],
  options: EraseOptions,
): Promise<void> {
  let compactor = new Compactor();
  for (const change of changes) {
    if (compactor.add(change)) continue;
    await writeOutcomes(database, target, version, compactor, options);
    compactor = new Compactor();
    compactor.add(change);
  }
  await writeOutcomes(database, target, version, compactor, options);
}

async function writeOutcomes(
  database: Database,
  target: Target,
  version: TableVersion,
  compactor: Compactor,
  options: EraseOptions,
): Promise<void> {
  const { connection } = database;
  const full: Row[] = [];
  const partial: Row[] = [];
  /** Versions of this batch that lie under others of it: the lowest ones, those above them, and so on. */
  const under: Row[][] = [];
  const stored: KeyOutcome[] = [];
  let removes = false;
  const mark = await highWater(database, target, version);
  let highest = mark;
  const show = (row: Row): void => void (row.partial ? partial : full).push(row);
  for (const outcome of compactor.outcomes) {
    if (outcome.row) show(outcome.row);
    else removes = true;
    // With identity `key+shard` the versions of all shards are visible.
    for (const [depth, row] of outcome.others?.entries() ?? []) {
      if (options.identity === 'key') (under[depth] ??= []).push(row);
      else show(row);
    }
    if (mark === undefined || !isAbove(outcome.key, mark)) stored.push(outcome);
    else if (highest !== undefined && isAbove(outcome.key, highest)) highest = outcome.key;
  }
  if (target.highWater) target.highWater.mark = highest;
  const completed = await completeRows(database, target, version, partial, 'partial', options);
  const completedUnder: (readonly CompletedRows[])[] = [];
  for (const [depth, rows] of under.entries())
    completedUnder.push(await completeRows(database, target, version, rows, `under_${depth}`, options));
  await erase(database, target, version, stored, options);
  await appendByVersion(database, target, full, options);
  for (const { table, select } of completed) {
    await connection.run(`insert into ${target.sql} select ${select} from ${table}`);
    await connection.run(`drop table ${table}`);
  }
  for (const layer of completedUnder) await putAside(connection, target, version.key, layer);
  for (const { table } of completedUnder.flat()) await connection.run(`drop table ${table}`);
  if (removes) await bringBack(connection, target, version.key);
}

async function highWater(database: Database, target: Target, version: TableVersion): Promise<string | undefined> {
  const of = version.key.join();
  if (target.highWater?.of !== of) target.highWater = { of, mark: await readHighWater(database.connection, target, version) };
  return target.highWater.mark;
}

async function appendByVersion(database: Database, target: Target, rows: readonly LoadRow[], options: EraseOptions): Promise<void> {
  for (const [version, group] of byVersion(rows, (row) => row.version)) {
    const sources = rowSources(database.driver, target, version, options);
    await append(database, { catalog: null, schema: target.schema, name: target.name }, sources, group, options.signal);
  }
}
