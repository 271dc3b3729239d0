/** Builds the VStream request for a position: pure. Layer 3. */
import { create, fromBinary } from '@bufbuild/protobuf';
import { VStreamError } from '../errors.js';
import type { TableCopy } from '../position/plan.js';
import type { Position, ShardPosition } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import { type ShardGtid, ShardGtidSchema, TableLastPKSchema } from '../wire/gen/binlogdata_pb.js';
import { type VStreamRequest, VStreamRequestSchema } from '../wire/gen/vtgate_pb.js';
import type { TabletType } from '../wire/gen/topodata_pb.js';
import { patternSource } from './selection.js';
import type { ValidatedFlags } from './validated.js';

/** A table to stream: its rule is `select <columns> from <table> [where …]`. */
export interface StreamedTable extends TableRef {
  readonly columns?: readonly string[] | undefined;
  readonly where?: string | undefined;
}

export interface RequestInput {
  readonly position: Position;
  /** The table being copied; undefined when everything is done. */
  readonly copying: TableRef | undefined;
  readonly tables: readonly StreamedTable[];
  readonly tabletType: TabletType;
  readonly cells: readonly string[];
  readonly flags: ValidatedFlags;
  readonly callerId?: string | undefined;
  /** Let VTGate pass a large transaction on before its end (v24); 0 keeps it whole. Never in a copy. */
  readonly chunkBytes?: number | undefined;
}

/**
 * Tables whose changes this request delivers: those of which a sink holds rows of any shard, and the one being copied. A table left out
 * while its shards move on would lose its changes for good.
 */
function activeTables({ position, copying, tables }: Pick<RequestInput, 'position' | 'copying' | 'tables'>): readonly StreamedTable[] {
  return tables.filter((one) => (copying !== undefined && isSame(copying, one)) || isBegun(position.plan.table(one.keyspace, one.table)));
}

const isSame = (a: TableRef, b: TableRef): boolean => a.keyspace === b.keyspace && a.table === b.table;

function isBegun(entry: TableCopy | undefined): boolean {
  return (
    entry === undefined ||
    entry.state === 'done' ||
    entry.range !== undefined ||
    Object.values(entry.shards ?? {}).some((one) => one.state !== 'pending')
  );
}

/** Rules go by the bare name of a table and hold in every keyspace of the stream (B.9). */
function rulesOf(tables: readonly StreamedTable[], copying: TableRef | undefined): { match: string; filter: string }[] {
  const rules = new Map<string, { match: string; filter: string; keyspace: string }>();
  for (const one of tables) {
    const rule = { match: one.table, filter: ruleFor(one), keyspace: one.keyspace };
    const other = rules.get(one.table);
    if (other && other.filter !== rule.filter) {
      throw new VStreamError(
        'FILTER_REFUSED',
        `${other.keyspace}.${one.table} and ${one.keyspace}.${one.table} have one name but different columns or filters`,
        {
          keyspace: one.keyspace,
          table: one.table,
          next: 'Give both tables the same `columns` and `where`, or stream the keyspaces one by one.',
        },
      );
    }
    if (!other || one.keyspace === copying?.keyspace) rules.set(one.table, rule);
  }
  const waiting = standingStill(tables, copying);
  return [...rules.values()].flatMap(({ match, filter, keyspace }) => {
    if (waiting.has(keyspace)) return [];
    return copying === undefined || keyspace === copying.keyspace
      ? [{ match, filter }]
      : [{ match: `/${patternSource(match)}`, filter: '' }];
  });
}

/**
 * Keyspaces that have no part in a request: their shards wait where they are until the copies of the other one are done.
 *
 * A copy fails when its keyspace has no table of an exact rule's name (measured.md section 2, G70), so rules of other keyspaces are regular
 * expressions, which need not match. These select whole rows only: a keyspace whose tables have `columns` or `where` cannot go along.
 */
function standingStill(tables: readonly StreamedTable[], copying: TableRef | undefined): ReadonlySet<string> {
  const others = copying ? tables.filter((one) => one.keyspace !== copying.keyspace && (one.columns || one.where !== undefined)) : [];
  return new Set(others.map((one) => one.keyspace));
}

export function buildRequest(input: RequestInput): VStreamRequest {
  const { copying, tabletType, cells, flags, callerId, chunkBytes } = input;
  return create(VStreamRequestSchema, {
    ...(callerId === undefined ? {} : { callerId: { principal: callerId } }),
    tabletType,
    vgtid: { shardGtids: shardEntries(input) },
    filter: { rules: rulesOf(activeTables(input), copying) },
    flags: {
      heartbeatInterval: flags.heartbeatSeconds,
      minimizeSkew: flags.minimizeSkew,
      streamKeyspaceHeartbeats: flags.streamKeyspaceHeartbeats,
      cells: cells.join(','),
      cellPreference: flags.cellPreference,
      tabletOrder: flags.tabletOrder,
      maxStreamAgeSeconds: flags.maxStreamAgeSeconds,
      tablesToCopy: copying ? [copying.table] : [],
      transactionChunkSize: !copying && chunkBytes ? BigInt(chunkBytes) : 0n,
    },
  });
}

/**
 * The shards that take part in a request. One that has no position yet begins its copy with it, so it has to belong to the keyspace being
 * copied: on another keyspace the copy would fail for want of the table.
 */
export function askedShards(input: Pick<RequestInput, 'position' | 'copying' | 'tables'>): readonly ShardPosition[] {
  const { position, copying } = input;
  const waiting = standingStill(activeTables(input), copying);
  return position.shards.filter(({ keyspace, gtid }) => keyspace === copying?.keyspace || (gtid !== '' && !waiting.has(keyspace)));
}

/** Keyspaces that have a position and no part in the request: what they write meanwhile comes when the copies of the other are done. */
export function waitingKeyspaces({ position, copying, tables }: Pick<RequestInput, 'position' | 'copying' | 'tables'>): readonly string[] {
  const waiting = standingStill(activeTables({ position, copying, tables }), copying);
  return [...waiting].filter((keyspace) => position.shards.some((one) => one.keyspace === keyspace && one.gtid !== ''));
}

/** The vector. */
function shardEntries(input: RequestInput): ShardGtid[] {
  const { position, copying } = input;
  const entries: ShardGtid[] = [];
  for (const { keyspace, shard, gtid } of askedShards(input)) {
    const copy = copying?.keyspace === keyspace ? position.plan.shard(keyspace, copying.table, shard) : undefined;
    const tablePKs = [];
    // Without a position the empty GTID alone starts the copy; an entry beside it would ask for a resume.
    if (copying && gtid !== '' && copy && copy.state !== 'done') {
      const after = copy.lastPk ?? position.plan.rangeOn(keyspace, copying.table, shard)?.start;
      tablePKs.push(
        after === undefined
          ? create(TableLastPKSchema, { tableName: copying.table })
          : fromBinary(TableLastPKSchema, Buffer.from(after, 'base64')),
      );
    }
    entries.push(create(ShardGtidSchema, { keyspace, shard, gtid, tablePKs }));
  }
  return entries;
}

function ruleFor({ table, columns, where }: StreamedTable): string {
  const list = columns ? columns.map(quote).join(', ') : '*';
  return `select ${list} from ${quote(table)}${where ? ` where ${where}` : ''}`;
}

/** Always quoted: a table may be called `order`. */
function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
