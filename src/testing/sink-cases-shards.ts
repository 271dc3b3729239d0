/** Conformance of sinks: rows that move between shards, truncate, sweep. Layer 6. */
import assert from 'node:assert/strict';
import type { TableVersion } from '../schema/table.js';
import type { Row } from '../schema/values.js';
import { onBench } from './sink-bench.js';
import type { SinkCase } from './sink-conformance.js';

const TABLE = { id: 'bigint key', note: 'varchar(50)' };
const row = (id: bigint, note: string): Row => ({ id, note });
const insert = (version: TableVersion, shard: string, after: Row) => ({ op: 'insert', version, shard, after }) as const;
const remove = (version: TableVersion, shard: string, before: Row) => ({ op: 'delete', version, shard, before }) as const;

export const shardCases: readonly SinkCase[] = [
  {
    title: 'a row that moved between shards survives, whether its insert or its delete comes first, in one batch or two',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('moved', TABLE);
        await bench.start(version);
        const ids = [1n, 2n, 3n, 4n];
        await bench.apply(
          bench.batches.copy(
            version,
            '-80',
            ids.map((id) => row(id, 'old')),
          ),
        );
        await bench.apply(bench.batches.transactions([remove(version, '-80', row(1n, 'old'))], [insert(version, '80-', row(1n, 'new'))]));
        await bench.apply(bench.batches.transactions([insert(version, '80-', row(2n, 'new'))], [remove(version, '-80', row(2n, 'old'))]));
        await bench.apply(bench.batches.transactions([remove(version, '-80', row(3n, 'old'))]));
        await bench.apply(bench.batches.transactions([insert(version, '80-', row(3n, 'new'))]));
        await bench.apply(bench.batches.transactions([insert(version, '80-', row(4n, 'new'))]));
        await bench.apply(bench.batches.transactions([remove(version, '-80', row(4n, 'old'))]));
        await bench.expect(
          version,
          ids.map((id) => row(id, 'new')),
        );
        await bench.apply(bench.batches.transactions(ids.map((id) => remove(version, '80-', row(id, 'new')))));
        await bench.expect(version, []);
      }),
  },
  {
    title: 'an update on the new shard takes the row over, so that a late delete of the old shard does not touch it',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('taken', TABLE);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'a'), row(2n, 'b')]));
        await bench.apply(
          bench.batches.transactions([
            { op: 'update', version, shard: '80-', before: row(1n, 'a'), after: row(1n, 'a2') },
            { op: 'update', version, shard: '80-', before: row(2n, 'b'), after: row(3n, 'b') },
          ]),
        );
        await bench.apply(bench.batches.transactions([remove(version, '-80', row(1n, 'a'))]));
        // The key-changing update came from 80-, and the row of key 2 is stored under -80: it is not its to remove.
        await bench.expect(version, [row(1n, 'a2'), row(2n, 'b'), row(3n, 'b')]);
      }),
  },
  {
    title: 'upsert, then delete by the same shard, leaves the row that another shard stored, in one batch or two',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('gone', TABLE);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'a'), row(2n, 'a')]));
        await bench.apply(bench.batches.transactions([insert(version, '80-', row(1n, 'b')), remove(version, '80-', row(1n, 'b'))]));
        await bench.apply(bench.batches.transactions([insert(version, '80-', row(2n, 'b'))]));
        await bench.apply(bench.batches.transactions([remove(version, '80-', row(2n, 'b'))]));
        await bench.expect(version, [row(1n, 'a'), row(2n, 'a')]);
      }),
  },
  {
    title: 'after a split, the new shard deletes and updates rows stored under the old one',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['-40', '40-80', '80-'], async (bench) => {
        const version = bench.table('split', TABLE);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'a'), row(2n, 'b'), row(3n, 'c')]));
        await bench.apply(
          bench.batches.transactions(
            [remove(version, '-40', row(1n, 'a'))],
            [{ op: 'update', version, shard: '40-80', before: row(2n, 'b'), after: row(2n, 'b2') }],
            [remove(version, '80-', row(3n, 'c'))],
          ),
        );
        await bench.expect(version, [row(2n, 'b2'), row(3n, 'c')]);
        await bench.apply(bench.batches.transactions([remove(version, '-80', row(2n, 'b2'))]));
        await bench.expect(version, [row(3n, 'c')]);
      }),
  },
  {
    title: 'truncate removes the rows of its shard and keeps the others',
    needs: ['truncate'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('cut', TABLE);
        const sink = await bench.start(version);
        await bench.apply(
          bench.batches.copy(version, '-80', [row(1n, 'a')]),
          bench.batches.copy(version, '80-', [row(2n, 'b'), row(3n, 'c')]),
        );
        await bench.apply(bench.batches.transactions([insert(version, '-80', row(3n, 'moved'))]));
        await sink.truncate?.(version, '80-', bench.context());
        await bench.expect(version, [row(1n, 'a'), row(3n, 'moved')]);
        await sink.truncate?.(version, '80-', bench.context());
        await bench.expect(version, [row(1n, 'a'), row(3n, 'moved')]);
        await bench.apply(bench.batches.transactions([insert(version, '80-', row(4n, 'after'))]));
        await bench.expect(version, [row(1n, 'a'), row(3n, 'moved'), row(4n, 'after')]);
      }),
  },
  {
    title: 'truncate and sweep of a table the sink has never seen do nothing',
    needs: ['truncate', 'sweep'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('unseen', TABLE);
        const sink = await bench.start();
        await sink.truncate?.(version, '0', bench.context());
        assert.equal(await sink.sweep?.(version, '0', 2, bench.context()), 0);
      }),
  },
  {
    title: 'sweep removes older generations of its shard only, counts them, and is idempotent',
    needs: ['sweep'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('swept', TABLE);
        const sink = await bench.start(version);
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'a'), row(2n, 'b'), row(3n, 'c')]));
        await bench.apply(bench.batches.copy(version, '80-', [row(4n, 'd')]));
        await bench.apply(bench.batches.copy(version, '-80', [row(2n, 'b2')], 2));
        await bench.apply(
          bench.batches.transactions([{ op: 'update', version, shard: '-80', before: row(3n, 'c'), after: row(3n, 'c2'), generation: 2 }]),
        );
        assert.equal(await sink.sweep?.(version, '-80', 2, bench.context()), 1);
        await bench.expect(version, [row(2n, 'b2'), row(3n, 'c2'), row(4n, 'd')]);
        assert.equal(await sink.sweep?.(version, '-80', 2, bench.context()), 0);
        await bench.expect(version, [row(2n, 'b2'), row(3n, 'c2'), row(4n, 'd')]);
      }),
  },
  {
    title: 'after a split, rows stored under the old shard are swept once the new ones together cover it, not before',
    needs: ['sweep'],
    run: (harness) =>
      onBench(harness, ['-40', '40-80'], async (bench) => {
        const version = bench.table('halves', TABLE);
        const sink = await bench.start(version);
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'stale of -40'), row(2n, 'of 40-80'), row(3n, 'stale of 40-80')]));
        await bench.apply(bench.batches.copy(version, '-40', [row(9n, 'new')], 2));
        assert.equal(await sink.sweep?.(version, '-40', 2, bench.context()), 0);
        await bench.expect(version, [row(1n, 'stale of -40'), row(2n, 'of 40-80'), row(3n, 'stale of 40-80'), row(9n, 'new')]);
        await bench.reopen();
        await bench.apply(bench.batches.copy(version, '40-80', [row(2n, 'of 40-80')], 2));
        assert.equal(await bench.sink?.sweep?.(version, '40-80', 2, bench.context()), 2);
        await bench.expect(version, [row(2n, 'of 40-80'), row(9n, 'new')]);
      }),
  },
  {
    title: 'a table without a key keeps one row per change; a new generation drops the earlier one when it is swept',
    needs: ['sweep'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('keyless', { a: 'int', b: 'varchar(5)' });
        const sink = await bench.start(version);
        await bench.apply(
          bench.batches.copy(version, '-80', [
            { a: 1, b: 'x' },
            { a: 1, b: 'x' },
          ]),
          bench.batches.copy(version, '80-', [{ a: 7, b: null }]),
        );
        await bench.expect(version, [
          { a: 1, b: 'x' },
          { a: 1, b: 'x' },
          { a: 7, b: null },
        ]);
        await bench.apply(
          bench.batches.copy(
            version,
            '-80',
            [
              { a: 1, b: 'x' },
              { a: 2, b: 'y' },
            ],
            2,
          ),
        );
        assert.equal(await sink.sweep?.(version, '-80', 2, bench.context()), 2);
        await bench.expect(version, [
          { a: 1, b: 'x' },
          { a: 2, b: 'y' },
          { a: 7, b: null },
        ]);
      }),
  },
];
