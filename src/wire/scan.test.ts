/** The scanner against the generated code: whatever the latter reads, the former must read the same, without building it. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadRecording, recordings } from '../../test/captures/load.js';
import { VStreamError } from '../errors.js';
import {
  JournalSchema,
  FieldEventSchema,
  type RowEvent,
  RowEventSchema,
  type VEvent,
  VEventSchema,
  VGtidSchema,
} from './gen/binlogdata_pb.js';
import { type Row, RowSchema } from './gen/query_pb.js';
import { VStreamResponseSchema } from './gen/vtgate_pb.js';
import { type EventView, ResponseScanner, scanRowEvent } from './scan.js';
import { readVgtid, readVgtidEntry } from './vgtid.js';

const bytes = (maxLength = 12): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const text = fc.string({ maxLength: 8, unit: 'grapheme' });
const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: 0n, max: 4_000_000_000n }), fc.constant(0n));

/** Fields of newer servers, which must be passed over wherever they stand (G9, G10). */
const unknownFields = fc.array(
  fc.oneof(
    fc.record({
      no: fc.integer({ min: 100, max: 2000 }),
      wireType: fc.constant(WireType.LengthDelimited),
      data: bytes().map((data) => new BinaryWriter().bytes(data).finish()),
    }),
    fc.record({
      no: fc.integer({ min: 100, max: 2000 }),
      wireType: fc.constant(WireType.Varint),
      data: int64.map((value) => new BinaryWriter().int64(value).finish()),
    }),
    fc.record({
      no: fc.integer({ min: 100, max: 2000 }),
      wireType: fc.constant(WireType.Bit32),
      data: bytes().map(() => new Uint8Array(4)),
    }),
    fc.record({
      no: fc.integer({ min: 100, max: 2000 }),
      wireType: fc.constant(WireType.Bit64),
      data: bytes().map(() => new Uint8Array(8)),
    }),
  ),
  { maxLength: 2 },
);

const row = fc.record({ lengths: fc.array(fc.bigInt({ min: -1n, max: 9n }), { maxLength: 4 }), values: bytes() });
const bitmap = fc.record({ count: fc.bigInt({ min: 0n, max: 20n }), cols: bytes(3) });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const rowChange = fc.record({ before: maybe(row), after: maybe(row), dataColumns: maybe(bitmap), jsonPartialValues: maybe(bitmap) });
const rowEvent = fc.record({
  tableName: fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }),
  rowChanges: fc.array(rowChange, { maxLength: 4 }),
  keyspace: text,
  shard: text,
  flags: fc.nat(),
  isInternalTable: fc.boolean(),
});
const shardGtid = fc.record({
  keyspace: fc.constantFrom('commerce', 'b', 'ключ'),
  shard: fc.constantFrom('-80', '80-', '0', ''),
  gtid: text.map((value) => value.replaceAll(/[^\x20-\x7e]/g, '')),
  tablePKs: fc.array(fc.record({ tableName: text, lastpk: maybe(fc.record({ rows: fc.array(row, { maxLength: 1 }) })) }), { maxLength: 2 }),
});
const vgtid = fc.record({ shardGtids: fc.array(shardGtid, { maxLength: 4 }) });
const event = fc
  .record({
    type: fc.oneof(fc.constantFrom(0, 2, 3, 5, 11, 12, 13, 14, 15, 16, 20, 22), fc.nat({ max: 300 })),
    timestamp: int64,
    gtid: text,
    statement: text,
    rowEvent: maybe(rowEvent),
    fieldEvent: maybe(fc.record({ tableName: text, fields: fc.array(fc.record({ name: text }), { maxLength: 2 }) })),
    vgtid: maybe(vgtid),
    journal: maybe(fc.record({ id: int64, tables: fc.array(text, { maxLength: 2 }) })),
    dml: text,
    currentTime: int64,
    keyspace: text,
    shard: text,
    throttled: fc.boolean(),
    throttledReason: text,
    commitParent: int64,
    sequenceNumber: int64,
    eventGtid: text.map((value) => value.replaceAll(/[^\x20-\x7e]/g, '')),
  })
  .map((init) => create(VEventSchema, init as MessageInitShape<typeof VEventSchema>));
const eventWithUnknowns = fc.tuple(event, unknownFields, unknownFields).map(([message, mine, ofRows]) => {
  message.$unknown = [...mine];
  if (message.rowEvent) message.rowEvent.$unknown = [...ofRows];
  return message;
});

interface SeenChange {
  readonly before: Row | undefined;
  readonly after: Row | undefined;
  readonly dataColumns: string | undefined;
  readonly jsonPartial: string | undefined;
}

interface SeenRows {
  readonly table: string;
  readonly internal: boolean;
  readonly changes: SeenChange[];
}

function rowsAt(buffer: Buffer, start: number, end: number): SeenRows | undefined {
  let seen: SeenRows | undefined;
  const message = (from: number, to: number): Row | undefined =>
    from < 0 ? undefined : fromBinary(RowSchema, new Uint8Array(buffer.subarray(from, to)));
  const hex = (from: number, to: number): string | undefined => (from < 0 ? undefined : buffer.toString('hex', from, to));
  scanRowEvent(buffer, start, end, {
    rowTable(_, nameStart, nameEnd, internal) {
      seen = { table: buffer.toString('utf8', nameStart, nameEnd), internal, changes: [] };
      return true;
    },
    rowChange(_, beforeStart, beforeEnd, afterStart, afterEnd, dataStart, dataEnd, jsonStart, jsonEnd) {
      seen?.changes.push({
        before: message(beforeStart, beforeEnd),
        after: message(afterStart, afterEnd),
        dataColumns: hex(dataStart, dataEnd),
        jsonPartial: hex(jsonStart, jsonEnd),
      });
    },
  });
  return seen;
}

const copyOf = (view: EventView): Record<string, unknown> => ({
  type: view.type,
  timestamp: view.timestamp,
  currentTimeMs: view.currentTimeMs,
  keyspace: view.keyspace,
  shard: view.shard,
  gtid: view.gtid(),
  throttled: view.throttled,
});

const expected = (message: VEvent): Record<string, unknown> => ({
  type: message.type,
  timestamp: Number(message.timestamp),
  currentTimeMs: Number(message.currentTime) / 1e6,
  keyspace: message.keyspace,
  shard: message.shard,
  gtid: message.eventGtid === '' ? undefined : message.eventGtid,
  throttled: message.throttled,
});

function expectBody(view: EventView, message: VEvent): void {
  const body = new Uint8Array(view.body());
  switch (view.type) {
    case 5:
    case 22:
      expect(view.bodyText()).toBe(message.statement);
      break;
    case 12:
      expect(view.bodyStart >= 0).toBe(message.rowEvent !== undefined);
      if (message.rowEvent) expectRows(rowsAt(view.buffer, view.bodyStart, view.bodyEnd), message.rowEvent);
      break;
    case 13:
      expect(message.fieldEvent ? fromBinary(FieldEventSchema, body) : undefined).toEqual(message.fieldEvent);
      break;
    case 15:
      expect(message.vgtid ? fromBinary(VGtidSchema, body) : undefined).toEqual(message.vgtid);
      break;
    case 16:
      expect(message.journal ? fromBinary(JournalSchema, body) : undefined).toEqual(message.journal);
      break;
    default:
      expect(view.bodyStart).toBe(-1);
  }
}

function expectRows(seen: SeenRows | undefined, message: RowEvent): void {
  const bitmapHex = (index: number, which: 'dataColumns' | 'jsonPartialValues'): string | undefined => {
    const value = message.rowChanges[index]?.[which];
    if (!value) return undefined;
    const writer = new BinaryWriter();
    if (value.count !== 0n) writer.tag(1, WireType.Varint).int64(value.count);
    if (value.cols.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(value.cols);
    return Buffer.from(writer.finish()).toString('hex');
  };
  expect(seen?.table).toBe(message.tableName);
  expect(seen?.internal).toBe(message.isInternalTable);
  expect(seen?.changes).toEqual(
    message.rowChanges.map(({ before, after }, index) => ({
      before,
      after,
      dataColumns: bitmapHex(index, 'dataColumns'),
      jsonPartial: bitmapHex(index, 'jsonPartialValues'),
    })),
  );
}

function scanAll(buffer: Buffer, visit: (view: EventView, index: number) => void): number {
  let count = 0;
  const each = (view: EventView): boolean => {
    visit(view, count++);
    return false;
  };
  new ResponseScanner().scan(buffer, each, () => expect.unreachable());
  return count;
}

describe('scanning a response', () => {
  test('finds in any message what the generated code finds', () => {
    fc.assert(
      fc.property(fc.array(eventWithUnknowns, { maxLength: 4 }), unknownFields, (events, unknown) => {
        const response = create(VStreamResponseSchema, { events });
        response.$unknown = [...unknown];
        const buffer = Buffer.from(toBinary(VStreamResponseSchema, response));
        const count = scanAll(buffer, (view, index) => {
          const message = events[index] as VEvent;
          expect(copyOf(view)).toEqual(expected(message));
          expectBody(view, message);
        });
        expect(count).toBe(events.length);
      }),
      { numRuns: 300 },
    );
  });

  test('does so in whatever order the fields stand', () => {
    fc.assert(
      fc.property(eventWithUnknowns, fc.infiniteStream(fc.nat()), (message, order) => {
        const shuffled = shuffle(fieldsOf(toBinary(VEventSchema, message)), order);
        const buffer = Buffer.from(new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(Buffer.concat(shuffled)).finish());
        scanAll(buffer, (view) => {
          expect(copyOf(view)).toEqual(expected(message));
          expectBody(view, message);
        });
        if (!message.rowEvent) return;
        // Repeated fields keep their order among themselves; only one row change is left, so that any order means the same.
        const rows = create(RowEventSchema, { ...message.rowEvent, rowChanges: message.rowEvent.rowChanges.slice(0, 1) });
        const body = Buffer.concat(shuffle(fieldsOf(toBinary(RowEventSchema, rows)), order));
        expectRows(rowsAt(body, 0, body.length), rows);
      }),
      { numRuns: 200 },
    );
  });

  test('takes numbers written longer than needed', () => {
    const name = Buffer.from('t');
    const change = Buffer.from([0x12, 0x00]);
    // Tag and length of a field, each as two bytes instead of one.
    const long = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag | 0x80, 0x00, body.length | 0x80, 0x00]), body]);
    const body = Buffer.concat([long(0x0a, name), long(0x12, change), long(0x12, change)]);
    const seen = rowsAt(body, 0, body.length);
    expect(seen?.table).toBe('t');
    expect(seen?.changes.length).toBe(2);
  });

  test('keeps keyspace and shard one string object as long as they repeat', () => {
    const events = [1, 2, 3].map(() => create(VEventSchema, { type: 14, keyspace: 'commerce', shard: '-80' }));
    const shards: string[] = [];
    scanAll(Buffer.from(toBinary(VStreamResponseSchema, create(VStreamResponseSchema, { events }))), (view) => shards.push(view.shard));
    expect(shards).toEqual(['-80', '-80', '-80']);
  });

  test('a row event without a table is refused', () => {
    expect(() => rowsAt(Buffer.from([0x12, 0x00]), 0, 2)).toThrowError(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});

describe('reading a vector', () => {
  test('one entry is the entry of the whole', () => {
    fc.assert(
      fc.property(
        vgtid,
        unknownFields,
        fc.constantFrom('commerce', 'b', 'ключ', 'x'),
        fc.constantFrom('-80', '80-', '0', 'x'),
        (init, unknown, keyspace, shard) => {
          const message = create(VGtidSchema, init as MessageInitShape<typeof VGtidSchema>);
          for (const one of message.shardGtids) one.$unknown = [...unknown];
          const buffer = Buffer.from(toBinary(VGtidSchema, message));
          const all = readVgtid(buffer);
          expect(
            all.map(({ keyspace, shard, gtid, pending }) => ({
              keyspace,
              shard,
              gtid,
              pending: pending.map(({ table, hasKey }) => ({ table, hasKey })),
            })),
          ).toEqual(
            message.shardGtids.map(({ keyspace, shard, gtid, tablePKs }) => ({
              keyspace,
              shard,
              gtid,
              pending: tablePKs.map(({ tableName, lastpk }) => ({ table: tableName, hasKey: lastpk !== undefined })),
            })),
          );
          const whole = all.find((one) => one.keyspace === keyspace && one.shard === shard);
          expect(readVgtidEntry(buffer, 0, buffer.length, keyspace, shard)).toEqual(whole);
        },
      ),
    );
  });

  test('last keys are kept byte for byte, unknown fields included (B47, G114)', () => {
    fc.assert(
      fc.property(bytes(40), (key) => {
        // A TableLastPK whose `lastpk` holds what no schema of ours knows.
        const pending = new BinaryWriter()
          .tag(1, WireType.LengthDelimited)
          .string('t')
          .tag(3, WireType.LengthDelimited)
          .bytes(key)
          .tag(9, WireType.Varint)
          .uint32(7)
          .finish();
        const entry = new BinaryWriter()
          .tag(1, WireType.LengthDelimited)
          .string('k')
          .tag(2, WireType.LengthDelimited)
          .string('0')
          .tag(4, WireType.LengthDelimited)
          .bytes(pending)
          .finish();
        const buffer = Buffer.from(new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry).finish());
        const [found] = readVgtid(buffer);
        expect(found?.pending[0]?.message.equals(pending)).toBe(true);
        expect(found?.pending[0]?.hasKey).toBe(true);
        // A copy: the response may go while the key stays.
        buffer.fill(0);
        expect(found?.pending[0]?.message.equals(pending)).toBe(true);
      }),
    );
  });
});

describe('hostile bytes', () => {
  /** Reads everything there is to read; anything but a result or a PROTOCOL error fails the test. */
  function readEverything(buffer: Buffer): void {
    try {
      scanAll(buffer, (view) => {
        for (const end of [view.bodyEnd, view.gtidEnd]) expect(end).toBeLessThanOrEqual(buffer.length);
        view.gtid();
        view.bodyText();
        if (view.type === 12) rowRanges(buffer, view.bodyStart, view.bodyEnd);
        if (view.type === 15 && view.bodyStart >= 0) {
          readVgtid(buffer, view.bodyStart, view.bodyEnd);
          readVgtidEntry(buffer, view.bodyStart, view.bodyEnd, 'commerce', '-80');
        }
      });
    } catch (error) {
      if (!VStreamError.is(error)) throw error;
      expect(error.code).toBe('PROTOCOL');
    }
  }

  function rowRanges(buffer: Buffer, start: number, end: number): void {
    scanRowEvent(buffer, start, end, {
      rowTable: () => true,
      rowChange(_, ...ranges) {
        for (let index = 0; index < ranges.length; index += 2) {
          const [from, to] = [ranges[index] as number, ranges[index + 1] as number];
          expect(from <= to && to <= end && (from === -1 || from >= start)).toBe(true);
        }
      },
    });
  }

  test('random bytes end in a result or a named error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => readEverything(Buffer.from(data))),
      { numRuns: 500 },
    );
  });

  test('so do messages cut off or changed anywhere', () => {
    fc.assert(
      fc.property(
        fc.array(eventWithUnknowns, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        fc.nat(),
        (events, changes, cut) => {
          const buffer = Buffer.from(toBinary(VStreamResponseSchema, create(VStreamResponseSchema, { events })));
          for (const [at, value] of changes) buffer[at % buffer.length] = value;
          readEverything(buffer);
          readEverything(buffer.subarray(0, cut % (buffer.length + 1)));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('so do recordings of a real server', () => {
    const frames = recordings().flatMap((name) =>
      loadRecording(name)
        .frames.filter((frame) => frame.length > 0 && frame.length < 20_000)
        .slice(0, 40),
    );
    expect(frames.length).toBeGreaterThan(500);
    for (const frame of frames) readEverything(frame);
    fc.assert(
      fc.property(
        fc.nat({ max: frames.length - 1 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
        fc.nat(),
        (index, changes, cut) => {
          const buffer = Buffer.from(frames[index] as Buffer);
          readEverything(buffer.subarray(0, cut % buffer.length));
          for (const [at, value] of changes) buffer[at % buffer.length] = value;
          readEverything(buffer);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** The top-level fields of a message, each with its tag. */
function fieldsOf(message: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(message);
  const fields: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [, wireType] = reader.tag();
    reader.skip(wireType);
    fields.push(message.subarray(start, reader.pos));
  }
  return fields;
}

function shuffle<T>(items: readonly T[], order: fc.Stream<number>): T[] {
  const keyed = items.map((item) => ({ item, key: order.next().value as number }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
