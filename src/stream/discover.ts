/** Looks up by SQL what a stream needs to know before its first RPC: shards, tables, tablet type, stop point. Layer 3. */
import { VStreamError } from '../errors.js';
import { must } from '../internal/must.js';
import { someOf, suggest } from '../internal/suggest.js';
import type { Logger } from '../observe/logger.js';
import { sqlType } from '../schema/mysql-type.js';
import type { TableRef } from '../schema/table.js';
import { showExecutedGtids } from '../sql/gtids.js';
import { type Executor, runStatement } from '../sql/statement.js';
import { selectColumns, selectPrimaryKeys, selectTableRows, selectTables } from '../sql/tables.js';
import { type ShardName, showKeyspaces, showShards, showTablets, type Tablet } from '../sql/topology.js';
import type { Transport } from '../transport/transport.js';
import { TabletType } from '../wire/gen/topodata_pb.js';
import type { SourceTable } from './catalog.js';
import type { Position } from '../position/position.js';
import { checkDefinition } from './check-definition.js';
import { type BinlogFacts, keylessCopyWarning, readBinlogFacts, warnOfCascades } from './preflight.js';
import { resumesAt } from './resumable.js';
import { resumedShards } from './resumed-shards.js';
import { entryFor, keyspacesOf, type Selection, type SelectionEntry } from './selection.js';
import { startOf } from './start-key.js';
import { type StopPoint, stopAtPosition } from './stop.js';
import { tableFingerprint } from './fingerprint.js';
import type { ValidatedStream } from './validated.js';

export interface FoundTable extends SourceTable {
  /** Of key, types and collations of the key, rule and column list. */
  readonly fingerprint: string;
}

/** What was found. */
export interface Source extends BinlogFacts {
  readonly shards: readonly ShardName[];
  readonly tables: readonly FoundTable[];
  readonly tabletType: TabletType;
}

export interface DiscoverOptions {
  readonly signal?: AbortSignal | undefined;
  readonly logger: Logger;
  /** Tables never taken by a pattern: the state table in a streamed keyspace. */
  readonly exclude?: readonly TableRef[] | undefined;
  /** Its shards are the stream's, also after a reshard: the server follows from them. */
  readonly stored?: Position | undefined;
}

/**
 * @throws VStreamError `KEYSPACE_NOT_FOUND`, `SHARD_NOT_FOUND`, `TABLE_NOT_FOUND`, `COLUMN_NOT_FOUND` before any streaming: the
 *   server itself would stay silent about most of these (measured.md section 4).
 */
export async function discover(transport: Transport, stream: ValidatedStream, options: DiscoverOptions): Promise<Source> {
  const { signal, logger } = options;
  const keyspaces = keyspacesOf(stream.selection);
  const serving = await runStatement(transport, showShards(), { signal });
  const shards: ShardName[] = [];
  for (const keyspace of keyspaces) {
    const found = serving.filter((one) => one.keyspace === keyspace);
    if (found.length === 0) throw await missingKeyspace(transport, keyspace, signal);
    const wanted = stream.source.shards;
    for (const name of wanted ?? []) {
      if (!found.some((one) => one.shard === name)) throw missingShard(keyspace, name, found);
    }
    shards.push(...found.filter((one) => !wanted || wanted.includes(one.shard)));
  }
  const resumed = resume(shards, stream, options);
  const tables: FoundTable[] = [];
  for (const keyspace of keyspaces) tables.push(...(await findTables(transport, stream, keyspace, options)));
  const tabletType = await chooseTabletType(transport, stream, shards, logger, signal);
  await warnOfCascades(transport, tables, logger, signal);
  return {
    shards: resumed,
    tables,
    tabletType,
    ...(await readBinlogFacts(transport, shards, tabletType, signal)),
  };
}

function resume(found: readonly ShardName[], stream: ValidatedStream, { stored, logger }: DiscoverOptions): readonly ShardName[] {
  const known = stored ?? (stream.from.kind === 'position' ? stream.from.position : undefined);
  if (!known) return found;
  const { shards, left } = resumedShards(known.shards, { shards: found, named: stream.source.shards !== undefined });
  for (const keyspace of left)
    logger.warn({ keyspace }, `keyspace ${keyspace} is selected no longer: its rows stay at the destination, and its place is given up`);
  return shards;
}

/**
 * Names of the tables of a keyspace that a pattern may take, sorted.
 * @throws VStreamError `TABLE_NOT_FOUND` for an entry of the selection that names none of them
 */
export async function listTables(
  transport: Executor,
  selection: Selection,
  keyspace: string,
  options: Pick<DiscoverOptions, 'signal' | 'exclude'>,
): Promise<readonly string[]> {
  const { signal, exclude = [] } = options;
  const names = (await runStatement(transport, selectTables(keyspace), { signal })).filter(
    (table) => !table.startsWith('_vt_') && !exclude.some((one) => one.keyspace === keyspace && one.table === table),
  );
  const takesSome = (entry: SelectionEntry): boolean =>
    entry.pattern ? names.some((table) => entryFor([entry], { keyspace, table })) : names.includes(entry.name);
  const missing = selection.filter((entry) => entry.keyspace === keyspace && !takesSome(entry));
  if (missing.length > 0) throw missingTables(keyspace, missing, names);
  return names;
}

/** One more table for a stream that runs. @throws VStreamError `TABLE_NOT_FOUND`, also for one of `exclude` */
export async function discoverTable(
  transport: Transport,
  stream: ValidatedStream,
  { keyspace, table }: TableRef,
  options: { readonly signal: AbortSignal; readonly exclude: readonly TableRef[] },
): Promise<FoundTable> {
  const selection = [{ keyspace, name: table, pattern: false, written: table, definition: {} }];
  const [found] = await findTables(transport, { ...stream, selection }, keyspace, { ...options, logger: stream.logger });
  return must(found, 'the table that was found');
}

async function findTables(
  transport: Transport,
  stream: ValidatedStream,
  keyspace: string,
  options: DiscoverOptions,
): Promise<FoundTable[]> {
  const { signal } = options;
  const names = await listTables(transport, stream.selection, keyspace, options);
  const columns = byTable(await runStatement(transport, selectColumns(keyspace), { signal }));
  const keys = byTable(await runStatement(transport, selectPrimaryKeys(keyspace), { signal }));
  const found: FoundTable[] = [];
  for (const table of names) {
    const entry = entryFor(stream.selection, { keyspace, table });
    if (!entry) continue;
    const { definition } = entry;
    checkDefinition({ keyspace, table }, definition, columns.get(table) ?? [], keys.get(table) ?? []);
    const own = columns.get(table) ?? [];
    const key = (keys.get(table) ?? []).flatMap(({ column }) => own.find((one) => one.name === column) ?? []);
    const warning =
      key.length > 0 || definition.copy === false
        ? undefined
        : keylessCopyWarning(
            { keyspace, table },
            (columns.get(table) ?? []).map((one) => one.type),
          );
    if (warning) options.logger.warn({ keyspace, table }, warning);
    found.push({
      keyspace,
      table,
      definition,
      resumable: key.length > 0 && key.every(({ type }) => resumesAt(sqlType(type))),
      start: startOf(table, key),
      found: new Map(own.map(({ name, type, charset }) => [name.toLowerCase(), { type, charset, certain: false }])),
      columns: definition.columns,
      where: definition.where,
      fingerprint: tableFingerprint(keys.get(table) ?? [], columns.get(table) ?? [], definition),
    });
  }
  return found;
}

function byTable<T extends { readonly table: string }>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(row.table);
    if (group) group.push(row);
    else groups.set(row.table, [row]);
  }
  return groups;
}

async function chooseTabletType(
  transport: Transport,
  stream: ValidatedStream,
  shards: readonly ShardName[],
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<TabletType> {
  const asked = stream.source.tabletType;
  const tablets = await runStatement(transport, showTablets(), { signal });
  const chosen = asked ?? (everyShardServes(tablets, shards, 'replica') ? 'replica' : 'primary');
  if (!asked) logger.info({ tabletType: chosen }, `streaming from ${chosen} tablets`);
  if (asked && !everyShardServes(tablets, shards, asked))
    logger.warn({ tabletType: asked }, `not every shard has a serving ${asked} tablet`);
  return { primary: TabletType.PRIMARY, replica: TabletType.REPLICA, rdonly: TabletType.RDONLY }[chosen];
}

function everyShardServes(tablets: readonly Tablet[], shards: readonly ShardName[], type: string): boolean {
  return shards.every((shard) =>
    tablets.some((one) => one.keyspace === shard.keyspace && one.shard === shard.shard && one.type === type && one.serving),
  );
}

/** Turns `until` into something to compare with; `now` asks the servers. */
export async function resolveStop(transport: Transport, stream: ValidatedStream, signal?: AbortSignal): Promise<StopPoint> {
  const { until } = stream;
  switch (until.kind) {
    case 'never':
    case 'copied':
      return { kind: until.kind };
    case 'duration':
      return { kind: 'after', ms: until.ms };
    case 'position':
      return stopAtPosition(until.position.shards);
    case 'now': {
      const shards = [];
      for (const keyspace of keyspacesOf(stream.selection)) {
        for (const { shard, executed } of await runStatement(transport, showExecutedGtids(keyspace), { signal })) {
          if (!stream.source.shards || stream.source.shards.includes(shard)) shards.push({ keyspace, shard, gtid: `MySQL56/${executed}` });
        }
      }
      return stopAtPosition(shards);
    }
  }
}

/** InnoDB's estimates of rows per table, summed over shards, for progress and ETA. A shard that does not answer is left out. */
export async function estimateRows(
  transport: Transport,
  source: Source,
  report: (table: TableRef, rows: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const sums = new Map<string, number>();
  for (const { keyspace, shard } of source.shards) {
    const rows = await runStatement(transport, selectTableRows(keyspace, shard), { signal }).catch(() => []);
    for (const one of rows) sums.set(`${keyspace}.${one.table}`, (sums.get(`${keyspace}.${one.table}`) ?? 0) + Number(one.rows ?? 0n));
  }
  for (const table of source.tables) {
    const rows = sums.get(`${table.keyspace}.${table.table}`);
    if (rows !== undefined) report(table, rows);
  }
}

/** Why a keyspace has no serving shards: `NO_TABLET`, or `KEYSPACE_NOT_FOUND` with the names there are. */
export async function missingKeyspace(transport: Transport, keyspace: string, signal: AbortSignal | undefined): Promise<VStreamError> {
  const names = await runStatement(transport, showKeyspaces(), { signal });
  if (names.includes(keyspace)) {
    return new VStreamError('NO_TABLET', `keyspace ${keyspace} has no serving shard at ${transport.address}`, {
      keyspace,
      next: 'Check its tablets with `show vitess_tablets`.',
    });
  }
  const near = suggest(keyspace, names);
  return new VStreamError('KEYSPACE_NOT_FOUND', `VTGate at ${transport.address} has no keyspace ${JSON.stringify(keyspace)}`, {
    keyspace,
    next: near ? `Did you mean ${JSON.stringify(near)}? It has ${names.join(', ')}.` : `It has ${names.join(', ')}.`,
  });
}

function missingShard(keyspace: string, shard: string, found: readonly ShardName[]): VStreamError {
  return new VStreamError('SHARD_NOT_FOUND', `keyspace ${keyspace} has no shard ${JSON.stringify(shard)}`, {
    keyspace,
    shard,
    category: 'config',
    next: `Its shards are ${found.map((one) => one.shard).join(', ')}.`,
  });
}

/** All of them at once: who mends one name at a time starts as often. */
function missingTables(keyspace: string, missing: Selection, names: readonly string[]): VStreamError {
  const what = missing.map(({ name, pattern }) => `${pattern ? 'no table that matches' : 'no table'} ${JSON.stringify(name)}`);
  const near = missing.flatMap(({ name, pattern }) => (pattern ? [] : (suggest(name, names) ?? [])));
  const known = names.length === 0 ? 'It has no tables.' : `It has ${someOf(names)}.`;
  const table = missing.find(({ pattern }) => !pattern)?.name;
  return new VStreamError('TABLE_NOT_FOUND', `keyspace ${keyspace} has ${what.join(', ')}`, {
    keyspace,
    ...(table === undefined ? {} : { table }),
    next: near.length > 0 ? `Did you mean ${near.map((one) => JSON.stringify(one)).join(' and ')}? ${known}` : known,
  });
}
