/** The short way through the rows of a copy finds what the long way finds, in messages made of near-copies of one event. */
import { createHash } from 'node:crypto';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VEventSchema, VEventType } from './gen/binlogdata_pb.js';
import { VStreamResponseSchema } from './gen/vtgate_pb.js';
import { type EventView, ResponseScanner, scanRowEvent } from './scan.js';

type Event = MessageInitShape<typeof VEventSchema>;

/** Sizes around those where a length takes another byte. */
const size = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(126, 127, 128, 16_200, 16_383, 16_384, 20_000));
const row = size.map((length) => ({ lengths: [BigInt(length)], values: Buffer.alloc(length, length % 251) }));
const rarely = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 25, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
const change = fc.record({ after: row, before: rarely(undefined, { lengths: [1n], values: Buffer.from('b') }) });
const copied: fc.Arbitrary<Event> = fc
  .record({
    rowChanges: fc.oneof(
      { weight: 25, arbitrary: fc.tuple(change) },
      { weight: 1, arbitrary: fc.array(change, { minLength: 2, maxLength: 3 }) },
    ),
    tableName: rarely('commerce.orders', 'commerce.orderz', 'commerce.o', ''),
    innerShard: rarely('-80', '80-'),
    flags: rarely(0, 17),
    internal: rarely(false, true),
    keyspace: rarely('commerce', 'commercf', ''),
    shard: rarely('-80', '-81'),
    timestamp: rarely(0n, 7n),
    type: rarely(VEventType.ROW, VEventType.FIELD, VEventType.HEARTBEAT),
    throttled: rarely(false, true),
  })
  .map(({ rowChanges, tableName, innerShard, flags, internal, keyspace, shard, timestamp, type, throttled }) => ({
    type,
    timestamp,
    keyspace,
    shard,
    throttled,
    rowEvent: { tableName, rowChanges, keyspace: 'commerce', shard: innerShard, flags, isInternalTable: internal },
  }));

const digest = (buffer: Buffer, start: number, end: number): string =>
  `${end - start} ${createHash('sha1').update(buffer.subarray(start, end)).digest('hex')}`;

interface Seen {
  /** Of the event, or of the event the row was found to be like. */
  readonly event: Record<string, unknown>;
  readonly rows: readonly string[];
}

/** What is in a message, and how many of its rows came the short way; an error ends the list. */
function read(message: Buffer, short: boolean): { readonly seen: readonly Seen[]; readonly shortcuts: number } {
  const seen: Seen[] = [];
  let shortcuts = 0;
  let last: Record<string, unknown> = {};
  const visit = (view: EventView): boolean => {
    const rows: string[] = [];
    let table = '';
    let internal = false;
    if (view.type === VEventType.ROW) {
      scanRowEvent(view.buffer, view.bodyStart, view.bodyEnd, {
        rowTable(buffer, start, end, isInternal) {
          table = buffer.toString('latin1', start, end);
          internal = isInternal;
          return true;
        },
        rowChange(buffer, ...ranges) {
          const texts = [0, 2, 4, 6].map((at) => {
            const [start = -1, end = -1] = ranges.slice(at, at + 2);
            return start < 0 ? '-' : digest(buffer, start, end);
          });
          rows.push(texts.join(' '));
        },
      });
    }
    const { type, timestamp, currentTimeMs, keyspace, shard, throttled } = view;
    last = { type, timestamp, currentTimeMs, keyspace, shard, throttled, gtid: view.gtid(), table, internal };
    seen.push({ event: { ...last, bytes: view.bodyEnd - view.bodyStart }, rows });
    return short && type === VEventType.ROW && view.bodyStart >= 0;
  };
  try {
    new ResponseScanner().scan(message, visit, (buffer, start, end, rowEventBytes) => {
      shortcuts++;
      seen.push({ event: { ...last, bytes: rowEventBytes }, rows: [`- ${digest(buffer, start, end)} - -`] });
    });
  } catch (error) {
    seen.push({ event: { error: (error as Error).message }, rows: [] });
  }
  return { seen, shortcuts };
}

const messageOf = (events: readonly Event[]): Buffer =>
  Buffer.from(
    toBinary(VStreamResponseSchema, create(VStreamResponseSchema, { events: events.map((event) => create(VEventSchema, event)) })),
  );

describe('rows of a copy', () => {
  test('the short way finds what the long way finds', () => {
    let shortcuts = 0;
    fc.assert(
      fc.property(fc.array(copied, { maxLength: 12 }), (events) => {
        const message = messageOf(events);
        const short = read(message, true);
        expect(short.seen).toEqual(read(message, false).seen);
        shortcuts += short.shortcuts;
      }),
      { numRuns: 400 },
    );
    expect(shortcuts).toBeGreaterThan(100);
  });

  test('also where bytes are broken', () => {
    fc.assert(
      fc.property(
        fc.array(copied, { minLength: 2, maxLength: 6 }),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
        fc.nat({ max: 40 }),
        (events, bytes, cut) => {
          const whole = messageOf(events);
          const message = whole.subarray(0, Math.max(0, whole.length - cut));
          // Few bytes matter: those around the rows, at the front of the message.
          for (const [at, byte] of bytes) if (message.length > 0) message[at % Math.min(message.length, 400)] = byte;
          expect(read(message, true).seen).toEqual(read(message, false).seen);
        },
      ),
      { numRuns: 800 },
    );
  });

  test('every row of a copy but the first comes the short way', () => {
    const events = Array.from({ length: 50 }, (_, index): Event => {
      const values = Buffer.from(`row ${index} `.repeat(1 + index));
      const rowEvent = {
        tableName: 'commerce.orders',
        rowChanges: [{ after: { lengths: [BigInt(values.length)], values } }],
        keyspace: 'commerce',
      };
      return { type: VEventType.ROW, rowEvent, keyspace: 'commerce', shard: '-80' };
    });
    expect(read(messageOf(events), true).shortcuts).toBe(49);
  });
});
