/** Conformance of sinks: sweeping a range of keys. Layer 6. */
import assert from 'node:assert/strict';
import type { KeyCondition, KeyRange } from '../schema/key-range.js';
import type { Row } from '../schema/values.js';
import { onBench } from './sink-bench.js';
import type { SinkCase } from './sink-conformance.js';

const TABLE = { id: 'bigint key', note: 'varchar(50)' };
const row = (id: bigint, note: string): Row => ({ id, note });

/** Text and conditions as the stream would give them. */
function range(where: string, ...conditions: readonly KeyCondition[]): KeyRange {
  return { where, conditions };
}
const ids = (test: KeyCondition['test'], ...values: readonly string[]): KeyCondition => ({ column: 'id', kind: 'number', test, values });
const FROM_2_TO_3 = range('id between 2 and 3', ids('between', '2', '3'));

interface TypeCase {
  readonly title: string;
  readonly type: string;
  readonly keys: readonly unknown[];
  readonly where: string;
  readonly condition: Omit<KeyCondition, 'column'>;
  /** Those that stay. */
  readonly outside: readonly unknown[];
}

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

const TYPES: readonly TypeCase[] = [
  {
    title: 'whole numbers above 2^63',
    type: 'bigint unsigned',
    keys: [0n, 9_223_372_036_854_775_807n, 9_223_372_036_854_775_808n, 18_446_744_073_709_551_615n],
    where: 'id > 9223372036854775807.5',
    condition: { kind: 'number', test: '>', values: ['9223372036854775807.5'] },
    outside: [0n, 9_223_372_036_854_775_807n],
  },
  {
    title: 'negative whole numbers and a list',
    type: 'int',
    keys: [-2, -1, 0, 1, 2],
    where: 'id in (-2, 0.0, 1.5)',
    condition: { kind: 'number', test: 'in', values: ['-2', '0.0', '1.5'] },
    outside: [-1, 1, 2],
  },
  {
    title: 'decimals against values of another scale',
    type: 'decimal(20,2)',
    keys: ['-1.51', '-1.50', '1.25', '1.26', '123456789012345678.99'],
    where: 'id not between -1.505 and 1.2599',
    condition: { kind: 'number', test: 'not between', values: ['-1.505', '1.2599'] },
    outside: ['-1.50', '1.25'],
  },
  {
    title: 'dates',
    type: 'date',
    keys: ['2023-12-31', '2024-02-29', '2024-03-01'],
    where: "id < '2024-03-01'",
    condition: { kind: 'date', test: '<', values: ['2024-03-01'] },
    outside: ['2024-03-01'],
  },
  {
    title: 'times with fractions',
    type: 'datetime(3)',
    keys: ['2024-02-29 12:34:56.099', '2024-02-29 12:34:56.100', '2024-02-29 12:34:57.000'],
    where: "id = '2024-02-29 12:34:56.100'",
    condition: { kind: 'date', test: '=', values: ['2024-02-29 12:34:56.100'] },
    outside: ['2024-02-29 12:34:56.099', '2024-02-29 12:34:57.000'],
  },
  {
    title: 'text by code point',
    type: 'varchar(20)',
    keys: ['B', 'a', 'a\t', 'é', '\u{1f600}', '\uffff'],
    where: "id > 'a\\t'",
    condition: { kind: 'text', test: '>', values: ['a\t'] },
    outside: ['B', 'a', 'a\t'],
  },
  {
    title: 'text with trailing spaces that do not count',
    type: 'varchar(20)',
    keys: ['a\t', 'a', 'ab', 'b'],
    where: "id <= 'a '",
    condition: { kind: 'padded-text', test: '<=', values: ['a '] },
    outside: ['ab', 'b'],
  },
  {
    title: 'bytes',
    type: 'varbinary(20)',
    keys: [bytes('00'), bytes('61'), bytes('6100'), bytes('ff')],
    where: "id != X'61'",
    condition: { kind: 'binary', test: '!=', values: [bytes('61')] },
    outside: [bytes('61')],
  },
];

export const rangeCases: readonly SinkCase[] = [
  {
    title: 'sweepRange removes older generations inside the range of its shard only, counts them, and is idempotent',
    needs: ['ranges'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('ranged', TABLE);
        const sink = await bench.start(version);
        await bench.apply(
          bench.batches.copy(version, '-80', [row(1n, 'a'), row(2n, 'stale'), row(3n, 'c'), row(4n, 'd')]),
          bench.batches.copy(version, '80-', [row(20n, 'x')]),
          bench.batches.transactions([{ op: 'insert', version, shard: '80-', after: row(2n, 'moved') }]),
        );
        await bench.apply(bench.batches.copy(version, '-80', [row(3n, 'c2')], 2));
        const sweep = (): Promise<number> | undefined => sink.sweepRange?.(version, '-80', 2, FROM_2_TO_3, bench.context());
        assert.equal(await sweep(), 1);
        await bench.expect(version, [row(1n, 'a'), row(2n, 'moved'), row(3n, 'c2'), row(4n, 'd'), row(20n, 'x')]);
        assert.equal(await sweep(), 0);
        await bench.apply(bench.batches.transactions([{ op: 'delete', version, shard: '80-', before: row(2n, 'moved') }]));
        // What lay under it was swept, and does not come back.
        await bench.expect(version, [row(1n, 'a'), row(3n, 'c2'), row(4n, 'd'), row(20n, 'x')]);
      }),
  },
  {
    title: 'a row swept from a range brings back what it had displaced of another shard',
    needs: ['ranges', 'deletes'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('uncovered', TABLE);
        const sink = await bench.start(version);
        await bench.apply(bench.batches.copy(version, '80-', [row(2n, 'of 80-')]), bench.batches.copy(version, '-80', [row(2n, 'stale')]));
        assert.equal(await sink.sweepRange?.(version, '-80', 2, FROM_2_TO_3, bench.context()), 1);
        await bench.expect(version, [row(2n, 'of 80-')]);
      }),
  },
  {
    title: 'after a split, a range stored under the old shard is swept once the new ones together cover it, and only that range',
    needs: ['ranges'],
    run: (harness) =>
      onBench(harness, ['-40', '40-80'], async (bench) => {
        const version = bench.table('parts', TABLE);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'a'), row(2n, 'stale'), row(4n, 'd'), row(5n, 'stale too')]));
        const other = range('id >= 5', ids('>=', '5'));
        const sweep = async (shard: string, what: KeyRange): Promise<unknown> =>
          bench.sink?.sweepRange?.(version, shard, 2, what, bench.context());
        assert.equal(await sweep('-40', FROM_2_TO_3), 0);
        assert.equal(await sweep('40-80', other), 0);
        await bench.reopen();
        assert.equal(await sweep('40-80', FROM_2_TO_3), 1);
        await bench.expect(version, [row(1n, 'a'), row(4n, 'd'), row(5n, 'stale too')]);
        assert.equal(await sweep('-40', other), 1);
        await bench.expect(version, [row(1n, 'a'), row(4n, 'd')]);
      }),
  },
  {
    title: 'a range over two key columns, written in another case, of a table the sink has and of one it has never seen',
    needs: ['ranges'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('pairs', { a: 'int key', b: 'varchar(9) key', v: 'int' });
        const unseen = bench.table('unseen', TABLE);
        const sink = await bench.start(version);
        const pairs = (...list: readonly (readonly [number, string])[]): Row[] => list.map(([a, b]) => ({ a, b, v: 1 }));
        await bench.apply(bench.batches.copy(version, '0', pairs([1, 'x'], [1, 'y'], [2, 'x'], [2, 'z'])));
        const what = range(
          "A = 1 and B <= 'x'",
          { column: 'A', kind: 'number', test: '=', values: ['1'] },
          { column: 'B', kind: 'text', test: '<=', values: ['x'] },
        );
        assert.equal(await sink.sweepRange?.(version, '0', 2, what, bench.context()), 1);
        await bench.expect(version, pairs([1, 'y'], [2, 'x'], [2, 'z']));
        assert.equal(await sink.sweepRange?.(unseen, '0', 2, FROM_2_TO_3, bench.context()), 0);
      }),
  },
  ...TYPES.map(
    ({ title, type, keys, where, condition, outside }): SinkCase => ({
      title: `a range of ${title} is compared as the source does`,
      needs: ['ranges'],
      run: (harness) =>
        onBench(harness, ['0'], async (bench) => {
          const version = bench.table('typed', { id: `${type} key`, note: 'varchar(50)' });
          const sink = await bench.start(version);
          const rows = (list: readonly unknown[]): Row[] => list.map((id) => ({ id, note: 'x' }));
          await bench.apply(bench.batches.copy(version, '0', rows(keys)));
          const removed = await sink.sweepRange?.(version, '0', 2, range(where, { column: 'id', ...condition }), bench.context());
          await bench.expect(version, rows(outside), ['note']);
          assert.equal(removed, keys.length - outside.length);
          // A second sweep of everything finds exactly what was left.
          assert.equal(await sink.sweep?.(version, '0', 2, bench.context()), outside.length);
        }),
    }),
  ),
];
