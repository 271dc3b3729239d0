import { create, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VEventSchema, VEventType } from '../wire/gen/binlogdata_pb.js';
import { VStreamResponseSchema } from '../wire/gen/vtgate_pb.js';
import type { EncodedRow } from './encode.js';
import { envelopeFields, event, response, rowEnvelope, rowEvent, VectorEntry, vgtid } from './events.js';

const image = fc
  .record({
    lengths: fc.array(fc.integer({ min: -1, max: 300_000 }), { maxLength: 5 }),
    values: fc.uint8Array({ maxLength: 40 }),
    before: fc.nat(9),
  })
  .map(({ lengths, values, before }): EncodedRow & { values: Uint8Array } => ({
    lengths,
    arena: Buffer.concat([Buffer.alloc(before), values]),
    start: before,
    size: values.length,
    values,
  }));
const bitmap = fc.record({ count: fc.nat(300), cols: fc.uint8Array({ maxLength: 4 }) });
const change = fc.record({ before: image, after: image, dataColumns: bitmap, jsonPartialValues: bitmap }, { requiredKeys: [] });

test('a ROW event written by hand is the message the generated code reads', () => {
  fc.assert(
    fc.property(
      fc.record({ tableName: fc.string(), keyspace: fc.string(), shard: fc.string() }),
      fc.nat(300),
      fc.boolean(),
      fc.bigInt({ min: 0n, max: 1n << 62n }),
      fc.array(change, { maxLength: 4 }),
      (names, flags, internal, currentTime, changes) => {
        const common = { currentTime, keyspace: names.keyspace, shard: names.shard, eventGtid: 'u:1' };
        const { bytes } = rowEvent(rowEnvelope(names, flags, internal, envelopeFields(common)), changes);
        const row = (one: { lengths: number[]; values: Uint8Array } | undefined) =>
          one && { lengths: one.lengths.map(BigInt), values: one.values };
        const bits = (one: { count: number; cols: Uint8Array } | undefined) => one && { count: BigInt(one.count), cols: one.cols };
        const rowChanges = changes.map((one) => ({
          ...(one.before ? { before: row(one.before as never) as never } : {}),
          ...(one.after ? { after: row(one.after as never) as never } : {}),
          ...(one.dataColumns ? { dataColumns: bits(one.dataColumns) as never } : {}),
          ...(one.jsonPartialValues ? { jsonPartialValues: bits(one.jsonPartialValues) as never } : {}),
        }));
        const message = create(VEventSchema, {
          ...common,
          type: VEventType.ROW,
          rowEvent: { ...names, flags, isInternalTable: internal, rowChanges },
        });
        expect(fromBinary(VEventSchema, new Uint8Array(bytes))).toEqual(message);
      },
    ),
    { numRuns: 300 },
  );
});

test('a VGTID repeats every shard and every pending entry, also after entries changed', () => {
  const a = new VectorEntry('k', '-80', 'MySQL56/x:1');
  const b = new VectorEntry('k', '80-', '');
  const read = () =>
    fromBinary(VEventSchema, vgtid([a, b], 'k', '-80').bytes).vgtid?.shardGtids.map((entry) => [
      entry.shard,
      entry.gtid,
      entry.tablePKs.map((key) => key.tableName),
    ]);
  b.setKey('t1', undefined);
  b.setKey('t2', undefined);
  b.setKey('t3', undefined);
  expect(read()).toEqual([
    ['-80', 'MySQL56/x:1', []],
    ['80-', '', ['t1', 't2', 't3']],
  ]);
  b.removeKey('t1');
  a.gtid = 'MySQL56/x:1-2';
  expect(read()).toEqual([
    ['-80', 'MySQL56/x:1-2', []],
    ['80-', '', ['t3', 't2']],
  ]); // the last takes the removed one's place
});

test('a response holds its events in order', () => {
  const events = [
    event({ type: VEventType.BEGIN }),
    event({ type: VEventType.DDL, statement: 'x'.repeat(70_000) }),
    event({ type: VEventType.COMMIT }),
  ];
  expect(fromBinary(VStreamResponseSchema, response(events)).events.map((one) => one.type)).toEqual([2, 5, 3]);
});
