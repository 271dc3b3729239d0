/**
 * The events of a recording in one plain shape, from either of two decoders: the generated code, or the one that wrote
 * `events.jsonl`. Nothing here is used by the client, and nothing of the client is used here but the generated code.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { type RowChange_Bitmap, type VEvent, VEventType } from '../../src/wire/gen/binlogdata_pb.js';
import { type Row, Type } from '../../src/wire/gen/query_pb.js';
import { VStreamResponseSchema } from '../../src/wire/gen/vtgate_pb.js';
import type { RecordedEvent } from '../captures/load.js';

/** Bytes of a cell as latin1 text, so that they compare and print well; null for NULL (and for what was not sent). */
export type ReferenceCell = string | null;

export interface ReferenceChange {
  readonly before: readonly ReferenceCell[] | undefined;
  readonly after: readonly ReferenceCell[] | undefined;
  /** Columns of the after image that were sent; undefined = all. */
  readonly sent: readonly boolean[] | undefined;
  /** Per JSON column, whether its cell is a partial update; undefined = none. */
  readonly partialJson: readonly boolean[] | undefined;
}

export interface ReferenceColumn {
  readonly name: string;
  readonly json: boolean;
}

export interface ReferenceShardGtid {
  readonly shard: string;
  readonly gtid: string;
  /** Tables with a copy under way or to come, in the server's order; a key is its cells. */
  readonly copying: ReadonlyArray<{ readonly table: string; readonly lastKey: readonly ReferenceCell[] | undefined }>;
}

export interface ReferenceEvent {
  /** Name of the type as in binlogdata.proto. */
  readonly type: string;
  /** `keyspace/shard`; '' for events of VTGate itself. */
  readonly shard: string;
  /** Seconds; 0 in the copy phase. */
  readonly timestamp: number;
  /** The transaction's own GTID; '' where the server sends none. */
  readonly gtid: string;
  readonly statement: string;
  /** `keyspace.table` as on the wire, for ROW and FIELD. */
  readonly table: string;
  readonly columns: readonly ReferenceColumn[];
  /** Of a table Vitess keeps for itself: its heartbeats. */
  readonly internal: boolean;
  readonly changes: readonly ReferenceChange[];
  readonly vgtid: readonly ReferenceShardGtid[];
}

const TYPE_NAMES = new Map<number, string>(Object.entries(VEventType).map(([name, value]) => [value as number, name]));

export function eventsOfFrames(frames: readonly Uint8Array[]): ReferenceEvent[] {
  return frames.flatMap((frame) => fromBinary(VStreamResponseSchema, frame).events.map(fromGenerated));
}

function fromGenerated(event: VEvent): ReferenceEvent {
  return {
    type: TYPE_NAMES.get(event.type) ?? String(event.type),
    shard: event.keyspace === '' ? '' : `${event.keyspace}/${event.shard}`,
    timestamp: Number(event.timestamp),
    gtid: event.eventGtid,
    statement: event.statement,
    table: event.rowEvent?.tableName ?? event.fieldEvent?.tableName ?? '',
    columns: event.fieldEvent?.fields.map(({ name, type }) => ({ name, json: type === Type.JSON })) ?? [],
    internal: event.rowEvent?.isInternalTable ?? event.fieldEvent?.isInternalTable ?? false,
    changes: (event.rowEvent?.rowChanges ?? []).map(({ before, after, dataColumns, jsonPartialValues }) => ({
      before: before && cellsOf(before),
      after: after && cellsOf(after),
      sent: dataColumns && bitsOf(dataColumns),
      partialJson: jsonPartialValues && bitsOf(jsonPartialValues),
    })),
    vgtid: (event.vgtid?.shardGtids ?? []).map(({ keyspace, shard, gtid, tablePKs }) => ({
      shard: `${keyspace}/${shard}`,
      gtid,
      copying: tablePKs.map(({ tableName, lastpk }) => ({ table: tableName, lastKey: lastpk?.rows[0] && cellsOf(lastpk.rows[0]) })),
    })),
  };
}

function cellsOf(row: Row): ReferenceCell[] {
  return split(row.lengths.map(Number), Buffer.from(row.values).toString('latin1'));
}

function bitsOf({ count, cols }: RowChange_Bitmap): boolean[] {
  return bits(Number(count), Buffer.from(cols).toString('latin1'));
}

/** A length of -1 is NULL and takes no bytes. */
function split(lengths: readonly number[], values: string): ReferenceCell[] {
  let at = 0;
  return lengths.map((length) => (length < 0 ? null : values.slice(at, (at += length))));
}

/** Bit 0 is the lowest of the first byte. */
function bits(count: number, bytes: string): boolean[] {
  return Array.from({ length: count }, (_, index) => ((bytes.charCodeAt(index >> 3) >> (index & 7)) & 1) === 1);
}

/** What a line of `events.jsonl` looks like: defaults left out, 64-bit integers as text. */
interface Line {
  readonly type: string;
  readonly keyspace?: string;
  readonly shard?: string;
  readonly timestamp?: string;
  readonly event_gtid?: string;
  readonly statement?: string;
  readonly row_event?: { readonly table_name: string; readonly row_changes?: readonly LineChange[]; readonly is_internal_table?: boolean };
  readonly field_event?: {
    readonly table_name: string;
    readonly fields?: ReadonlyArray<{ readonly name: string; readonly type?: string }>;
    readonly is_internal_table?: boolean;
  };
  readonly vgtid?: { readonly shard_gtids?: readonly LineShardGtid[] };
}
type LineBytes = string | { readonly hex: string };
interface LineRow {
  readonly lengths?: readonly string[];
  readonly values?: LineBytes;
}
interface LineBitmap {
  readonly count?: string;
  readonly cols?: LineBytes;
}
interface LineChange {
  readonly before?: LineRow;
  readonly after?: LineRow;
  readonly data_columns?: LineBitmap;
  readonly json_partial_values?: LineBitmap;
}
interface LineShardGtid {
  readonly keyspace?: string;
  readonly shard?: string;
  readonly gtid?: string;
  readonly table_p_ks?: ReadonlyArray<{ readonly table_name: string; readonly lastpk?: { readonly rows?: readonly LineRow[] } }>;
}

export function eventsOfLines(lines: readonly RecordedEvent[]): ReferenceEvent[] {
  return (lines as unknown as readonly Line[]).map((line) => ({
    type: line.type,
    shard: line.keyspace === undefined ? '' : `${line.keyspace}/${line.shard ?? ''}`,
    timestamp: Number(line.timestamp ?? 0),
    gtid: line.event_gtid ?? '',
    statement: line.statement ?? '',
    table: line.row_event?.table_name ?? line.field_event?.table_name ?? '',
    columns: line.field_event?.fields?.map(({ name, type }) => ({ name, json: type === 'JSON' })) ?? [],
    internal: line.row_event?.is_internal_table ?? line.field_event?.is_internal_table ?? false,
    changes: (line.row_event?.row_changes ?? []).map((change) => ({
      before: change.before && cellsOfLine(change.before),
      after: change.after && cellsOfLine(change.after),
      sent: change.data_columns && bitsOfLine(change.data_columns),
      partialJson: change.json_partial_values && bitsOfLine(change.json_partial_values),
    })),
    vgtid: (line.vgtid?.shard_gtids ?? []).map(({ keyspace = '', shard = '', gtid = '', table_p_ks = [] }) => ({
      shard: `${keyspace}/${shard}`,
      gtid,
      copying: table_p_ks.map(({ table_name, lastpk }) => ({
        table: table_name,
        lastKey: lastpk?.rows?.[0] && cellsOfLine(lastpk.rows[0]),
      })),
    })),
  }));
}

function cellsOfLine({ lengths = [], values = '' }: LineRow): ReferenceCell[] {
  return split(lengths.map(Number), bytesOfLine(values));
}

function bitsOfLine({ count = '0', cols = '' }: LineBitmap): boolean[] {
  return bits(Number(count), bytesOfLine(cols));
}

function bytesOfLine(bytes: LineBytes): string {
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes.hex, 'hex').toString('latin1');
}
