/** Conformance of sinks: columns that come, go and grow; partial images. Layer 6. */
import { onBench } from './sink-bench.js';
import type { SinkCase } from './sink-conformance.js';

export const schemaCases: readonly SinkCase[] = [
  {
    title: 'a new column is added; rows of before have NULL in it',
    needs: ['evolve'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const one = bench.table('grows', { id: 'int key', a: 'varchar(10)' });
        const two = bench.table('grows', { id: 'int key', a: 'varchar(10)', b: 'bigint' }, 2);
        await bench.start(one);
        await bench.apply(bench.batches.copy(one, '0', [{ id: 1, a: 'x' }]));
        await bench.columns(two, one);
        await bench.apply(bench.batches.transactions([{ op: 'insert', version: two, shard: '0', after: { id: 2, a: 'y', b: 5n } }]));
        await bench.expect(two, [
          { id: 1, a: 'x', b: null },
          { id: 2, a: 'y', b: 5n },
        ]);
      }),
  },
  {
    title: 'while a DDL rolls out, shards with the old and the new columns write into one table',
    needs: ['evolve', 'deletes'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const one = bench.table('rollout', { id: 'int key', a: 'varchar(10)', gone: 'int' });
        const two = bench.table('rollout', { id: 'int key', b: 'bigint', a: 'varchar(20)' }, 2);
        await bench.start(one);
        await bench.apply(bench.batches.copy(one, '-80', [{ id: 1, a: 'x', gone: 7 }]));
        await bench.columns(two, one, '80-');
        await bench.apply(
          bench.batches.transactions(
            [{ op: 'insert', version: two, shard: '80-', after: { id: 2, b: 5n, a: 'new' } }],
            [{ op: 'update', version: one, shard: '-80', before: { id: 1, a: 'x', gone: 7 }, after: { id: 1, a: 'x2', gone: 8 } }],
            [{ op: 'update', version: two, shard: '80-', before: { id: 2, b: 5n, a: 'new' }, after: { id: 2, b: 6n, a: 'newer' } }],
          ),
        );
        await bench.expect(
          two,
          [
            { id: 1, a: 'x2', b: null, gone: 8 },
            { id: 2, a: 'newer', b: 6n, gone: null },
          ],
          ['id', 'a', 'b', 'gone'],
        );
      }),
  },
  {
    title: 'a type that grows keeps what is there and holds the larger values',
    needs: ['evolve'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const one = bench.table('widens', { id: 'int key', n: 'int', d: 'decimal(5,2)', t: 'int', k: 'tinyint' });
        const two = bench.table(
          'widens',
          { id: 'bigint key', n: 'bigint', d: 'decimal(12,4)', t: 'varchar(20)', k: 'smallint unsigned' },
          2,
        );
        await bench.start(one);
        await bench.apply(bench.batches.copy(one, '0', [{ id: 1, n: 5, d: '1.50', t: 42, k: -3 }]));
        await bench.columns(two, one);
        const after = { id: 5_000_000_000n, n: 5_000_000_000n, d: '12345678.1234', t: 'text', k: 65_535 };
        await bench.apply(bench.batches.transactions([{ op: 'insert', version: two, shard: '0', after }]));
        await bench.expect(two, [{ id: 1, n: 5, t: '42', k: -3 }, after], ['id', 'n', 't', 'k']);
        await bench.apply(
          bench.batches.transactions([{ op: 'delete', version: one, shard: '0', before: { id: 1, n: 5, d: '1.50', t: 42, k: -3 } }]),
        );
        await bench.expect(two, [after]);
      }),
  },
  {
    title: 'a first row without a schema change before it (the sink lost its table) is written all the same',
    needs: ['evolve'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('unannounced', { id: 'int key' });
        await bench.start();
        await bench.columns(version);
        await bench.reopen();
        await bench.apply(bench.batches.copy(version, '0', [{ id: 1 }]));
        await bench.expect(version, [{ id: 1 }]);
      }),
  },
  {
    title: 'a column missing in an update keeps its stored value; NULL does not (B41)',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('partial', { id: 'int key', body: 'text', data: 'blob', n: 'int' });
        await bench.start(version);
        const data = new Uint8Array([1, 2, 3]);
        await bench.apply(
          bench.batches.copy(version, '0', [
            { id: 1, body: 'long', data, n: 1 },
            { id: 2, body: 'other', data, n: 1 },
          ]),
        );
        await bench.apply(
          bench.batches.transactions(
            [{ op: 'update', version, shard: '0', before: { id: 1, n: 1 }, after: { id: 1, n: 2 } }],
            [{ op: 'update', version, shard: '0', before: { id: 2, n: 1 }, after: { id: 2, body: null, n: 2 } }],
          ),
        );
        await bench.expect(version, [
          { id: 1, body: 'long', data, n: 2 },
          { id: 2, body: null, data, n: 2 },
        ]);
      }),
  },
  {
    title: 'several partial updates of a key in one batch keep the last value of each column',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('layers', { id: 'int key', a: 'text', b: 'text', c: 'text' });
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [{ id: 1, a: 'a0', b: 'b0', c: 'c0' }]));
        await bench.apply(
          bench.batches.transactions(
            [{ op: 'update', version, shard: '0', before: { id: 1 }, after: { id: 1, a: 'a1', b: 'b1' } }],
            [{ op: 'update', version, shard: '0', before: { id: 1 }, after: { id: 1, b: 'b2' } }],
            [{ op: 'insert', version, shard: '0', after: { id: 2, a: 'x', b: 'y', c: 'z' } }],
            [{ op: 'update', version, shard: '0', before: { id: 2 }, after: { id: 2, c: null } }],
          ),
        );
        await bench.expect(version, [
          { id: 1, a: 'a1', b: 'b2', c: 'c0' },
          { id: 2, a: 'x', b: 'y', c: null },
        ]);
      }),
  },
  {
    title: 'a partial update that changes the key takes the other columns along',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('rekeyed', { id: 'int key', body: 'text', n: 'int' });
        await bench.start(version);
        await bench.apply(
          bench.batches.copy(version, '0', [
            { id: 1, body: 'long', n: 1 },
            { id: 5, body: 'five', n: 1 },
          ]),
        );
        await bench.apply(
          bench.batches.transactions([{ op: 'update', version, shard: '0', before: { id: 1, n: 1 }, after: { id: 2, n: 2 } }]),
        );
        await bench.expect(version, [
          { id: 2, body: 'long', n: 2 },
          { id: 5, body: 'five', n: 1 },
        ]);
      }),
  },
];
