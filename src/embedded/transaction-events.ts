/** What the events of a replicated transaction have in common, and the events that are not about tables of the user. */
import { MigrationType, VEventType } from '../wire/gen/binlogdata_pb.js';
import { Type } from '../wire/gen/query_pb.js';
import type { ShardJournal, Transaction } from './binlog.js';
import type { EncodedRow } from './encode.js';
import type { Shard } from './engine.js';
import { envelopeFields, event, rowEnvelope, rowEvent, type WireEvent } from './events.js';

/** What all events of a transaction carry; copied rows carry only the first two. */
export interface Common {
  readonly keyspace: string;
  readonly shard: string;
  readonly timestamp?: bigint;
  readonly currentTime?: bigint;
  readonly commitParent?: bigint;
  readonly sequenceNumber?: bigint;
  readonly eventGtid?: string;
}

export function commonFields(transaction: Transaction, shard: Shard): Common {
  return {
    timestamp: BigInt(Math.floor(transaction.time / 1000)),
    currentTime: BigInt(Math.floor(transaction.time * 1000)) * 1000n,
    keyspace: shard.keyspace,
    shard: shard.name,
    commitParent: BigInt(transaction.commitParent),
    sequenceNumber: BigInt(transaction.sequence),
    eventGtid: `${transaction.uuid}:${transaction.number}`,
  };
}

export function journalOf(journal: ShardJournal) {
  return {
    id: journal.id,
    migrationType: MigrationType.SHARDS,
    tables: ['/.*'],
    localPosition: journal.localPosition,
    shardGtids: journal.targets.map((target) => ({ ...target })),
    participants: journal.participants.map((one) => ({ ...one })),
  };
}

/** FIELD (once) and ROW of the sidecar heartbeat table, as `stream_keyspace_heartbeats` shows it [topology/keyspace-heartbeats]. */
export function heartbeatEvents(
  names: { tableName: string; keyspace: string; shard: string },
  beat: NonNullable<Transaction['heartbeat']>,
  common: Common,
  withField: boolean,
): WireEvent[] {
  const field = (name: string, type: Type, columnLength: number, flags: number) => ({
    name,
    type,
    table: 'heartbeat',
    orgTable: 'heartbeat',
    database: '_vt',
    orgName: name,
    columnLength,
    charset: 63,
    flags,
  });
  const fields = [
    field('keyspaceShard', Type.VARBINARY, 256, 20611),
    field('tabletUid', Type.UINT32, 10, 36897),
    field('ts', Type.UINT64, 20, 36897),
  ];
  const row = (ts: bigint): EncodedRow => {
    const cells = [`${names.keyspace}:${names.shard}`, String(beat.tabletUid), String(ts)];
    const text = cells.join('');
    return { lengths: cells.map((cell) => cell.length), arena: Buffer.from(text), start: 0, size: text.length };
  };
  const change = { ...(beat.before === undefined ? {} : { before: row(beat.before) }), after: row(beat.after) };
  const { keyspace, shard } = names;
  return [
    // Without times, unlike every other FIELD of a transaction.
    ...(withField ? [event({ type: VEventType.FIELD, keyspace, shard, fieldEvent: { ...names, fields, isInternalTable: true } })] : []),
    rowEvent(rowEnvelope(names, 17, true, envelopeFields(common)), [change]),
  ];
}
