/** Conformance of sinks: rows, keys, replays. Layer 6. */
import type { Row } from '../schema/values.js';
import { onBench } from './sink-bench.js';
import type { SinkCase } from './sink-conformance.js';

const ORDERS = { id: 'bigint key', note: 'varchar(50)', amount: 'decimal(10,2)' };
const row = (id: bigint, note: string | null, amount = '1.00'): Row => ({ id, note, amount });

export const basicCases: readonly SinkCase[] = [
  {
    title: 'copied, inserted and updated rows are there, the last image of a key wins',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a'), row(2n, 'b')]));
        await bench.apply(
          bench.batches.transactions(
            [{ op: 'insert', version, shard: '0', after: row(3n, 'c') }],
            [{ op: 'update', version, shard: '0', before: row(1n, 'a'), after: row(1n, 'a2') }],
            [{ op: 'update', version, shard: '0', before: row(1n, 'a2'), after: row(1n, 'a3', '2.50') }],
          ),
        );
        await bench.expect(version, [row(1n, 'a3', '2.50'), row(2n, 'b'), row(3n, 'c')]);
      }),
  },
  {
    title: 'upserting the same row twice leaves one row',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        for (let time = 0; time < 2; time++) await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a')]));
        await bench.expect(version, [row(1n, 'a')]);
      }),
  },
  {
    title: 'a delete removes its row and nothing else; deleting a row that is not there is no error',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a'), row(2n, 'b')]));
        await bench.apply(
          bench.batches.transactions([
            { op: 'delete', version, shard: '0', before: row(1n, 'a') },
            { op: 'delete', version, shard: '0', before: row(9n, 'never') },
          ]),
        );
        await bench.expect(version, [row(2n, 'b')]);
      }),
  },
  {
    title: 'delete then insert, and insert then delete, of one key in one batch end as they should',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a'), row(2n, 'b')]));
        await bench.apply(
          bench.batches.transactions([
            { op: 'delete', version, shard: '0', before: row(1n, 'a') },
            { op: 'insert', version, shard: '0', after: row(1n, 'again') },
            { op: 'insert', version, shard: '0', after: row(3n, 'short') },
            { op: 'delete', version, shard: '0', before: row(3n, 'short') },
            { op: 'update', version, shard: '0', before: row(2n, 'b'), after: row(2n, 'b2') },
            { op: 'delete', version, shard: '0', before: row(2n, 'b2') },
          ]),
        );
        await bench.expect(version, [row(1n, 'again')]);
      }),
  },
  {
    title: 'an update of the key removes the old key, also when keys are swapped in one transaction (B48)',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a'), row(2n, 'b'), row(5n, 'e')]));
        await bench.apply(
          bench.batches.transactions([
            { op: 'update', version, shard: '0', before: row(1n, 'a'), after: row(3n, 'a') },
            { op: 'update', version, shard: '0', before: row(2n, 'b'), after: row(1n, 'b') },
            { op: 'update', version, shard: '0', before: row(3n, 'a'), after: row(2n, 'a') },
            { op: 'update', version, shard: '0', before: row(5n, 'e'), after: row(6n, 'e') },
          ]),
        );
        await bench.expect(version, [row(1n, 'b'), row(2n, 'a'), row(6n, 'e')]);
      }),
  },
  {
    title: 'a replay cut into other batches ends in the same rows',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        const all = bench.batches.transactions(
          [{ op: 'insert', version, shard: '0', after: row(1n, 'a') }],
          [{ op: 'update', version, shard: '0', before: row(1n, 'a'), after: row(2n, 'a') }],
          [{ op: 'insert', version, shard: '0', after: row(1n, 'b') }],
          [{ op: 'delete', version, shard: '0', before: row(2n, 'a') }],
          [{ op: 'insert', version, shard: '0', after: row(3n, 'c') }],
        );
        const expected = [row(1n, 'b'), row(3n, 'c')];
        await bench.apply(all);
        await bench.expect(version, expected);
        for (const change of all.changes) await bench.apply(bench.batches.replay([change]));
        await bench.expect(version, expected);
        await bench.apply(bench.batches.replay(all.changes.slice(1, 3)), bench.batches.replay(all.changes.slice(3)));
        await bench.expect(version, expected);
      }),
  },
  {
    title: 'batches without rows are taken',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        await bench.apply(bench.batches.progress(), bench.batches.transactions([]), bench.batches.copy(version, '0', []));
        await bench.expect(version, []);
      }),
  },
  {
    title: 'NULL, empty text and exact values survive, at the edges of their types',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('edges', {
          id: 'bigint unsigned key',
          big: 'bigint',
          exact: 'decimal(38,10)',
          wide: 'decimal(65,30)',
          text: 'varchar(100)',
          bytes: 'varbinary(10)',
          real: 'double',
          day: 'date',
          at: 'datetime(6)',
          span: 'time(6)',
          small: 'tinyint',
          year: 'year',
        });
        await bench.start(version);
        const rows: Row[] = [
          {
            id: 18446744073709551615n,
            big: -9223372036854775808n,
            exact: '9999999999999999999999999999.9999999999',
            wide: '12345678901234567890123456789012345.123456789012345678901234567890',
            text: `it's "quoted" \u{1f600} é\nline`,
            bytes: new Uint8Array([0, 1, 255, 39]),
            real: 1.5e300,
            day: '9999-12-31',
            at: '2024-02-29 23:59:59.000001',
            span: '-838:59:59.000000',
            small: -128,
            year: 2155,
          },
          {
            id: 0n,
            big: null,
            exact: null,
            wide: null,
            text: '',
            bytes: new Uint8Array(0),
            real: null,
            day: null,
            at: null,
            span: null,
            small: null,
            year: null,
          },
          {
            id: 1n,
            big: 0n,
            exact: '-0.0000000001',
            wide: null,
            text: null,
            bytes: null,
            real: -0.1,
            day: '1000-01-01',
            at: '1970-01-01 00:00:00.000000',
            span: '00:00:00.000001',
            small: 127,
            year: 1901,
          },
        ];
        await bench.apply(bench.batches.copy(version, '0', rows));
        // Timestamps are printed in as many ways as there are readers: compared by their digits up to the last one that is not zero.
        await bench.expect(
          version,
          rows,
          version.columns.map((column) => column.name).filter((name) => name !== 'at'),
        );
      }),
  },
  {
    title: 'parts of a batch, some of them twice, and then the whole leave what the whole alone leaves',
    needs: ['bisect', 'deletes'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', ORDERS);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a'), row(2n, 'b')]));
        const changes = [
          { op: 'insert', version, shard: '0', after: row(3n, 'c') },
          { op: 'update', version, shard: '0', before: row(1n, 'a'), after: row(4n, 'moved') },
          { op: 'delete', version, shard: '0', before: row(2n, 'b') },
          { op: 'insert', version, shard: '0', after: row(1n, 'new') },
          { op: 'update', version, shard: '0', before: row(3n, 'c'), after: row(3n, 'c2') },
        ] as const;
        for (const [from, to] of [
          [0, 2],
          [2, 4],
          [2, 3],
          [1, 2],
          [3, 4],
          [4, 5],
          [0, 1],
        ] as const)
          await bench.apply(bench.batches.transactions(changes.slice(from, to)));
        await bench.apply(bench.batches.transactions(changes));
        await bench.expect(version, [row(1n, 'new'), row(3n, 'c2'), row(4n, 'moved')]);
      }),
  },
  {
    title: 'composite keys of text are told apart, whatever they are joined to',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('pairs', { a: 'varchar(10) key', b: 'varbinary(10) key', n: 'int' });
        const pair = (a: string, b: string, n: number): Row => ({ a, b: Buffer.from(b), n });
        await bench.start(version);
        await bench.apply(
          bench.batches.copy(version, '0', [
            pair('a', 'bc', 1),
            pair('ab', 'c', 2),
            pair('abc', '', 3),
            pair('', 'abc', 4),
            pair('A', 'bc', 5),
          ]),
        );
        await bench.apply(
          bench.batches.transactions([
            { op: 'delete', version, shard: '0', before: pair('ab', 'c', 2) },
            { op: 'update', version, shard: '0', before: pair('abc', '', 3), after: pair('abc', '', 33) },
          ]),
        );
        await bench.expect(version, [pair('a', 'bc', 1), pair('abc', '', 33), pair('', 'abc', 4), pair('A', 'bc', 5)]);
      }),
  },
  {
    title: 'names with quotes, spaces and reserved words are only names',
    needs: ['evolve'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('select "x"; --', { order: 'int key', 'a "b"': 'varchar(5)', "it's": 'int', größe: 'int' });
        const rows = [{ order: 1, 'a "b"': 'x', "it's": 2, größe: 3 }];
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', rows));
        await bench.apply(bench.batches.copy(version, '0', rows));
        await bench.expect(version, rows);
      }),
  },
  {
    title: 'a batch of thousands of rows in two tables is written whole',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const one = bench.table('one', { id: 'int key', n: 'int' });
        const two = bench.table('two', { id: 'int key', text: 'varchar(20)' });
        await bench.start(one, two);
        const ids = Array.from({ length: 5_000 }, (_, id) => id);
        await bench.apply(
          bench.batches.transactions(
            ids.flatMap((id) => [
              { op: 'insert', version: one, shard: '0', after: { id, n: id * 2 } } as const,
              { op: 'insert', version: two, shard: '0', after: { id, text: `text ${id} of two` } } as const,
            ]),
          ),
        );
        await bench.expect(
          one,
          ids.map((id) => ({ id, n: id * 2 })),
        );
        await bench.expect(
          two,
          ids.map((id) => ({ id, text: `text ${id} of two` })),
        );
      }),
  },
];
