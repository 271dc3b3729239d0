/**
 * Reads one table from a snapshot of each shard, beside the stream: an RPC of its own, from an empty position. Layer 3.
 *
 * Such an RPC has no catch-up before its rows, which costs a second of each RPC that starts from a position. Only copied rows leave
 * it. Every change it sends is dropped: the stream goes on from its stored position and brings them all again.
 */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { isSymbolicGtid } from '../position/gtid.js';
import { CopyPlan } from '../position/plan.js';
import { Position } from '../position/position.js';
import type { Transport } from '../transport/transport.js';
import type { TabletType } from '../wire/gen/topodata_pb.js';
import { Grouper } from './grouper.js';
import type { ChangeRecord } from './record.js';
import { MessageReader } from './reader.js';
import { streamEnded } from './recovery.js';
import { buildRequest, type StreamedTable } from './request.js';
import type { RpcWatch } from './rpc-watch.js';
import type { Member } from './shard-set.js';
import type { FieldNotice, TableCatalog } from './tables.js';
import type { GroupUnit, Unit } from './units.js';
import type { ValidatedStream } from './validated.js';

/** How long a read waits before silence is judged. */
const LOOK_MS = 500;

export interface SnapshotOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Decodes the rows. The table has to be active in it on every shard asked for, or its rows are left out. */
  readonly catalog: TableCatalog;
  readonly stream: ValidatedStream;
  readonly watch: RpcWatch;
  readonly tabletType: TabletType;
  readonly signal: AbortSignal;
}

export interface SnapshotRequest {
  /** One table: its columns and its `where`, which the server alone evaluates when it is not the catalog's. */
  readonly table: StreamedTable;
  /** Shards of the table's keyspace; at least one. What they say of a position is not asked for. */
  readonly shards: readonly Member[];
  /** Reshards behind the shards that have no number of their own: first part of the rows' `sequence`. */
  readonly reshards: number;
}

export type SnapshotPart =
  /** Copied rows of one shard, as the server grouped them: all of the snapshot at `gtid`. Never empty. */
  | {
      readonly kind: 'rows';
      readonly shard: string;
      readonly gtid: string;
      readonly unit: GroupUnit;
      readonly changes: readonly ChangeRecord[];
    }
  /** Table versions first seen; before the rows they belong to. */
  | { readonly kind: 'fields'; readonly shard: string; readonly fields: readonly FieldNotice[] }
  /** Every row the shard had at `gtid` (a set with its flavour prefix) was handed out. Once per shard. */
  | { readonly kind: 'done'; readonly shard: string; readonly gtid: string; readonly rows: number };

interface ShardRead {
  gtid: string | undefined;
  rows: number;
  done: boolean;
}

/**
 * The rows of one table. Ends by itself once every shard is done, and without that when `signal` is aborted. Parts of different shards
 * are mixed; those of one shard come in order.
 *
 * @throws VStreamError `STREAM_LOST` (retry) when VTGate began the copy of a shard again inside the RPC (measured.md section 2) or
 *   followed a reshard: rows handed out are then of more than one snapshot, and the reading has to begin again; `STREAM_STALLED`,
 *   `STREAM_ENDED` and what else an RPC can fail with.
 */
export async function* readSnapshot(
  { table, shards, reshards }: SnapshotRequest,
  { transport, clock, catalog, stream, watch: watches, tabletType, signal }: SnapshotOptions,
): AsyncGenerator<SnapshotPart, void, void> {
  const { keyspace } = table;
  const reads = new Map(shards.map(({ shard }): [string, ShardRead] => [shard, { gtid: undefined, rows: 0, done: false }]));
  const position = emptyPosition(table, shards);
  const grouper = new Grouper({
    catalog,
    shards: position.shards,
    phase: () => 'catchup',
    reshards,
    transactionBytes: stream.limits.transactionBytes,
    // A transaction that is dropped may be of any size: its parts are dropped one by one.
    hugeTransaction: 'split',
  });
  const { cells, flags, callerId } = stream.source;
  const request = buildRequest({ position, copying: table, tables: [table], tabletType, cells, flags, callerId });
  const seen = new Map<string, string>();
  const watch = watches.open(
    { shards: position.shards, copying: (_, shard) => reads.get(shard)?.done === false, gtid: (_, shard) => seen.get(shard) ?? '' },
    tabletType,
  );
  const rpc = new AbortController();
  const reader = new MessageReader(transport.open(request, { signal: AbortSignal.any([rpc.signal, signal]) }), clock);
  try {
    while (!signal.aborted) {
      const result = await reader.next(LOOK_MS);
      if (result.kind === 'end') throw streamEnded(transport.address);
      if (result.kind === 'message') {
        watch.message();
        for (const unit of grouper.push(result.message)) {
          watch.progress(keyspace, unit.shard);
          if (unit.vgtid) seen.set(unit.shard, unit.vgtid.gtid);
          const read = reads.get(unit.shard);
          if (!read || unit.vector) throw begunAgain(table, unit.shard, 'its shards changed');
          for (const part of take(unit, read, table, grouper.keyspaceHeartbeats.size > 0)) {
            const handedOutAt = clock.monotonic();
            yield part;
            watch.consumerWasBusy(handedOutAt);
          }
        }
        grouper.keyspaceHeartbeats.clear();
        if ([...reads.values()].every(({ done }) => done)) return;
      }
      const stall = watch.judge();
      if (stall) throw stall;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    watch.close();
    rpc.abort();
    await reader.close();
  }
}

function emptyPosition({ keyspace, table }: StreamedTable, shards: readonly Member[]): Position {
  const plan = CopyPlan.empty.withTable(keyspace, table, { state: 'pending', generation: 1 });
  return new Position(
    shards.map(({ shard, reshards }) => ({ keyspace, shard, gtid: '', ...(reshards === undefined ? {} : { reshards }) })),
    plan,
  );
}

/** `heartbeat`: the unit came with a row of the tablet's own heartbeat table, which tablets from v25 on send during a copy as well (G120). */
function* take(unit: Unit, read: ShardRead, table: StreamedTable, heartbeat: boolean): Generator<SnapshotPart, void, void> {
  const { shard, vgtid } = unit;
  const copied = unit.kind === 'group' && unit.copied;
  if (read.done) {
    if (copied && unit.changes.length > 0) throw begunAgain(table, shard, 'VTGate began it again after its end');
    return;
  }
  if (unit.kind === 'copy-completed') {
    // The end of the copy where no group said so.
    if (read.gtid === undefined) throw begunAgain(table, shard, 'it ended without a position');
    yield done(shard, read, read.gtid);
    return;
  }
  // Nothing is replicated before the rows of a copy from an empty position. VTGate restarts a tablet stream from the position of its
  // last vector: one that holds no key yet makes it go on behind the snapshot, without the rows.
  if (!copied && !heartbeat) throw begunAgain(table, shard, 'changes came before its end');
  if (unit.kind !== 'group') return;
  if (unit.copyRestarted !== undefined) throw begunAgain(table, shard, 'VTGate began it again inside the RPC');
  if (unit.fields.length > 0) yield { kind: 'fields', shard, fields: unit.fields };
  if (!copied) return;
  const gtid = vgtid?.gtid ?? read.gtid;
  // Groups of one snapshot share its position. Rows without any say nothing about when they were read.
  if (gtid === undefined || isSymbolicGtid(gtid)) {
    if (unit.changes.length > 0) throw begunAgain(table, shard, 'its rows came without a position');
    return;
  }
  if (read.gtid !== undefined && read.gtid !== gtid) throw begunAgain(table, shard, 'its snapshot changed');
  read.gtid = gtid;
  read.rows += unit.changes.length;
  if (unit.changes.length > 0) yield { kind: 'rows', shard, gtid, unit, changes: unit.changes };
  if (vgtid && !vgtid.pending.some((one) => one.table === table.table)) yield done(shard, read, gtid);
}

function done(shard: string, read: ShardRead, gtid: string): SnapshotPart {
  read.done = true;
  return { kind: 'done', shard, gtid, rows: read.rows };
}

function begunAgain({ keyspace, table }: StreamedTable, shard: string, why: string): VStreamError {
  return new VStreamError('STREAM_LOST', `the copy of ${keyspace}.${table} on shard ${shard} is not of one snapshot: ${why}`, {
    keyspace,
    shard,
    table,
    next: 'The client reads the table again.',
  });
}
