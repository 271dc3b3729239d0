/**
 * Transactions spread over many shards and tables, as VTGate sends them: a FIELD once for each table and shard, then one message a
 * transaction, whose VGTID carries the positions of all shards (G25). Rows are the six columns of shapes.ts,
 * and variants of them where tables have different columns.
 */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { fieldOf, makeColumn } from '../src/embedded/columns.js';
import { type RowChange, type VEvent, type VEventSchema, VEventType } from '../src/wire/gen/binlogdata_pb.js';
import { RowSchema } from '../src/wire/gen/query_pb.js';
import { VStreamResponseSchema } from '../src/wire/gen/vtgate_pb.js';
import { SHAPES, type Shape } from './shapes.js';

export const SPREAD_KEYSPACE = 'spread';
export const ROWS_PER_TRANSACTION = 20;
const DISTINCT_TRANSACTIONS = 2_000;

type Event = Exclude<MessageInitShape<typeof VEventSchema>, VEvent>;

export interface Spread {
  readonly shards: number;
  readonly tables: number;
  /** So many sets of columns, which the tables have in turn. Default 1: all have the same. */
  readonly shapes?: number;
}

export function shardNames(count: number): string[] {
  if (count === 1) return ['0'];
  const edge = (at: number): string => (at % count === 0 ? '' : ((at * 65536) / count).toString(16).padStart(4, '0'));
  return Array.from({ length: count }, (_, at) => `${edge(at)}-${edge(at + 1)}`);
}

export function tableNames(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `table_${String(at).padStart(4, '0')}`);
}

/** Each server has one UUID; its transactions are counted from 1. */
export function uuidOf(shard: number): string {
  return `8f1a2b3c-0000-11f1-8aaa-${shard.toString(16).padStart(12, '0')}`;
}

const six = SHAPES['six'] as Shape;

/** The six columns under names of their own, in another order behind the key, and up to four more. */
export function spreadShape(table: number, shapes = 1): Shape {
  const kind = table % shapes;
  if (kind === 0) return six;
  const turned = <T>(list: readonly T[]): T[] => [list[0] as T, ...list.slice(1 + (kind % 5)), ...list.slice(1, 1 + (kind % 5))];
  const more = kind % 5;
  return {
    name: `six ${kind}`,
    columns: [
      ...turned(six.columns).map((column) => ({ ...column, name: `${column.name}_${kind}` })),
      ...Array.from({ length: more }, (_, at) => ({ name: `more_${kind}_${at}`, type: 'int' })),
    ],
    cells: (index) => [
      ...turned(six.cells(index)),
      ...Array.from({ length: more }, (_, at) => (index % 2 === 0 ? String(index + at) : null)),
    ],
  };
}

/** Messages with at least `rows` rows. The same transactions come again and again; positions are of the first time. */
export function spreadFrames(spread: Spread, rows: number): { frames: Uint8Array[]; rows: number; bytes: number } {
  const shards = shardNames(spread.shards);
  const tables = tableNames(spread.tables);
  const shapeOf = tables.map((_, at) => spreadShape(at, spread.shapes));
  const opening = shards.flatMap((shard, at) => tables.map((table, one) => fieldMessage(shard, at, table, shapeOf[one] as Shape)));
  const executed = shards.map(() => 100);
  const count = Math.ceil(rows / ROWS_PER_TRANSACTION);
  const packets = Array.from({ length: Math.min(count, DISTINCT_TRANSACTIONS) }, (_, turn) => {
    const shard = turn % shards.length;
    // Neighbouring transactions are on different shards and tables.
    const table = (turn * 7) % tables.length;
    executed[shard] = (executed[shard] ?? 0) + 1;
    return transaction(shards, shard, tables[table] as string, shapeOf[table] as Shape, executed, turn * ROWS_PER_TRANSACTION);
  });
  const frames = [...opening];
  for (let turn = 0; turn < count; turn++) frames.push(packets[turn % packets.length] as Uint8Array);
  return { frames, rows: count * ROWS_PER_TRANSACTION, bytes: frames.reduce((sum, one) => sum + one.length, 0) };
}

function fieldMessage(shard: string, at: number, table: string, shape: Shape): Uint8Array {
  const fields = shape.columns.map((column) => fieldOf(makeColumn(column), table, `vt_${SPREAD_KEYSPACE}`));
  return message(shard, at, [
    {
      type: VEventType.FIELD,
      fieldEvent: { tableName: `${SPREAD_KEYSPACE}.${table}`, fields, keyspace: SPREAD_KEYSPACE, shard, enumSetStringValues: true },
    },
  ]);
}

function transaction(
  shards: readonly string[],
  at: number,
  table: string,
  shape: Shape,
  executed: readonly number[],
  first: number,
): Uint8Array {
  const shard = shards[at] as string;
  const rowChanges = Array.from({ length: ROWS_PER_TRANSACTION }, (_, row): Partial<RowChange> => {
    const cells = shape.cells(first + row).map((cell) => (cell === null ? null : Buffer.from(cell)));
    const lengths = cells.map((cell) => BigInt(cell === null ? -1 : cell.length));
    return { after: create(RowSchema, { lengths, values: Buffer.concat(cells.filter((cell) => cell !== null)) }) };
  });
  return message(
    shard,
    executed[at] ?? 0,
    [
      { type: VEventType.BEGIN },
      {
        type: VEventType.ROW,
        rowEvent: {
          tableName: `${SPREAD_KEYSPACE}.${table}`,
          rowChanges: rowChanges as RowChange[],
          keyspace: SPREAD_KEYSPACE,
          shard,
          flags: 17,
        },
      },
      {
        type: VEventType.VGTID,
        vgtid: {
          shardGtids: shards.map((name, index) => ({
            keyspace: SPREAD_KEYSPACE,
            shard: name,
            gtid: `MySQL56/${uuidOf(index)}:1-${executed[index]}`,
          })),
        },
      },
      { type: VEventType.COMMIT },
    ],
    `${uuidOf(at)}:${executed[at]}`,
  );
}

function message(shard: string, sequence: number, events: readonly Event[], eventGtid = ''): Uint8Array {
  const common = {
    keyspace: SPREAD_KEYSPACE,
    shard,
    timestamp: 1_795_366_863n,
    currentTime: 1_795_366_863_702_879_187n,
    sequenceNumber: BigInt(sequence),
    eventGtid,
  };
  return toBinary(VStreamResponseSchema, create(VStreamResponseSchema, { events: events.map((event) => ({ ...common, ...event })) }));
}
