/** What a socket sink and its server say to each other: length-prefixed structured clones, which keep bigint, bytes and undefined. Layer 6. */
import type { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { Position } from '../position/position.js';
import type { KeyRange } from '../schema/key-range.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { Row } from '../schema/values.js';
import type { Batch, Change, Op, SchemaChange } from '../stream/change.js';
import { makeChange } from './batch-builder.js';

export type SinkRequest =
  | { readonly method: 'open'; readonly name: string; readonly incarnation: string; readonly epoch: bigint }
  | { readonly method: 'apply'; readonly epoch: bigint; readonly batch: SentBatch }
  | { readonly method: 'schema'; readonly epoch: bigint; readonly change: SchemaChange }
  | { readonly method: 'truncate'; readonly epoch: bigint; readonly table: TableRef; readonly shard: string }
  | SweepRequest<'sweep'>
  | (SweepRequest<'sweepRange'> & { readonly range: KeyRange });

interface SweepRequest<M> {
  readonly method: M;
  readonly epoch: bigint;
  readonly table: TableRef;
  readonly shard: string;
  readonly generation: number;
}

export interface SinkReply {
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly next: string | undefined };
}

/** A batch without its methods; each table version once. */
export interface SentBatch {
  readonly kind: Batch['kind'];
  readonly position: string;
  readonly versions: readonly TableVersion[];
  readonly changes: readonly SentChange[];
}

interface SentChange {
  readonly op: Op;
  readonly version: number;
  readonly shard: string;
  readonly generation: number;
  readonly gtid: string | undefined;
  readonly ordinal: number;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

export function sendBatch(batch: Batch): SentBatch {
  const versions: TableVersion[] = [];
  const changes = (batch.changes as readonly Change[]).map((change): SentChange => {
    let version = versions.indexOf(change.schema);
    if (version < 0) version = versions.push(change.schema) - 1;
    const { op, shard, generation, gtid, ordinal } = change;
    return { op, version, shard, generation, gtid, ordinal, before: imageOf(change, 'before'), after: imageOf(change, 'after') };
  });
  return { kind: batch.kind, position: JSON.stringify(batch.position), versions, changes };
}

/** Cell by cell, so that an absent column stays absent. */
function imageOf(change: Change, side: 'before' | 'after'): Row | undefined {
  const cells = side === 'before' ? change.beforeCells : change.afterCells;
  if (!cells) return undefined;
  const row: Record<string, unknown> = {};
  change.schema.columns.forEach(({ name }, at) => {
    if (!cells.isAbsent(at)) row[name] = cells.value(at);
  });
  return row;
}

export function receiveBatch(sent: SentBatch): Batch {
  const changes = sent.changes.map(({ version, ...spec }) => makeChange({ ...spec, version: sent.versions[version] as TableVersion }));
  const batch = {
    kind: sent.kind,
    position: Position.parse(sent.position),
    changes,
    transactions: [],
    bytes: 0,
    of: (table: string) => changes.filter((one) => one.table === table),
  };
  return batch;
}

export function sendMessage(socket: Socket, message: SinkRequest | SinkReply): void {
  const body = serialize(message);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

/** Calls back with each whole message. */
export function readMessages(socket: Socket, onMessage: (message: unknown) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (rest.length < 4 + length) return;
      const message: unknown = deserialize(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
      onMessage(message);
    }
  });
}
