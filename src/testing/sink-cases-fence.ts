/** Conformance of sinks: position, epoch, incarnation, end. Layer 6. */
import assert from 'node:assert/strict';
import type { Row } from '../schema/values.js';
import { onBench, rejects } from './sink-bench.js';
import type { SinkCase } from './sink-conformance.js';

const TABLE = { id: 'bigint key', note: 'varchar(50)' };
const row = (id: bigint, note: string): Row => ({ id, note });

export const fenceCases: readonly SinkCase[] = [
  {
    title: 'a fresh destination has no position; afterwards the position of the last batch comes back, rows or not',
    needs: ['stored'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', TABLE);
        const { sink, found } = await bench.open();
        bench.sink = sink;
        assert.equal(found.position, undefined);
        await bench.columns(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a')]));
        const first = await bench.reopen();
        assert.ok(first.position?.equals(bench.batches.position));
        assert.equal(first.incarnation, bench.incarnation);
        await bench.apply(bench.batches.progress());
        assert.ok((await bench.reopen()).position?.equals(bench.batches.position));
        await bench.expect(version, [row(1n, 'a')]);
      }),
  },
  {
    title: 'a higher epoch fences the older owner out: FENCED, no row and no position of his are written',
    needs: ['stored'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', TABLE);
        const old = await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a')]));
        const kept = bench.batches.position;
        const { sink, found } = await bench.open({ epoch: 2n });
        try {
          assert.ok(found.position?.equals(kept));
          await rejects(old.apply(bench.batches.copy(version, '0', [row(2n, 'stale')]), bench.context(1n)), 'FENCED');
          await bench.expect(version, [row(1n, 'a')]);
          await sink.apply(bench.batches.copy(version, '0', [row(3n, 'b')]), bench.context(2n));
          await bench.expect(version, [row(1n, 'a'), row(3n, 'b')]);
          if (old.sweep) await rejects(old.sweep(version, '0', 9, bench.context(1n)), 'FENCED');
          if (old.truncate) await rejects(old.truncate(version, '0', bench.context(1n)), 'FENCED');
          await bench.expect(version, [row(1n, 'a'), row(3n, 'b')]);
        } finally {
          await sink.close();
        }
      }),
  },
  {
    title: 'opening with a lower epoch is FENCED',
    needs: ['stored'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        bench.epoch = 5n;
        await bench.start();
        await rejects(bench.open({ epoch: 4n }), 'FENCED');
      }),
  },
  {
    title: 'another life of the stream is told whose position and rows are there, and takes over with its first write',
    needs: ['stored', 'sweep'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', TABLE);
        const old = await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'stale'), row(2n, 'old')], 3));
        const earlier = bench.batches.position;
        const incarnation = '11111111-1111-4111-8111-111111111111';
        const { sink, found } = await bench.open({ incarnation });
        try {
          assert.equal(found.incarnation, bench.incarnation);
          assert.ok(found.position?.equals(earlier));
          await sink.apply(bench.batches.copy(version, '0', [row(2n, 'new')], 4), bench.context());
          await rejects(old.apply(bench.batches.copy(version, '0', [row(3n, 'late')], 3), bench.context()), 'FENCED');
          assert.equal(await sink.sweep?.(version, '0', 4, bench.context()), 1);
          await bench.expect(version, [row(2n, 'new')]);
        } finally {
          await sink.close();
        }
        const kept = bench.batches.position;
        const again = await bench.open({ incarnation });
        await again.sink.close();
        assert.equal(again.found.incarnation, incarnation);
        assert.ok(again.found.position !== undefined && !again.found.position.equals(earlier));
        assert.ok(!again.found.position.equals(kept), 'the batch of the fenced life must not move the position');
      }),
  },
  {
    title: 'an aborted batch is rejected and leaves neither rows nor position behind',
    needs: ['stored'],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const version = bench.table('orders', TABLE);
        const sink = await bench.start(version);
        await bench.apply(bench.batches.copy(version, '0', [row(1n, 'a')]));
        const kept = bench.batches.position;
        const aborted = new AbortController();
        aborted.abort(new Error('stop'));
        await assert.rejects(sink.apply(bench.batches.copy(version, '0', [row(2n, 'b')]), { epoch: bench.epoch, signal: aborted.signal }));
        await bench.expect(version, [row(1n, 'a')]);
        assert.ok((await bench.reopen()).position?.equals(kept));
      }),
  },
  {
    title: 'closing twice, and closing what was never opened, is no error',
    needs: [],
    run: (harness) =>
      onBench(harness, ['0'], async (bench) => {
        const sink = await bench.start();
        await sink.close();
        await sink.close();
        await (await harness.create()).close();
      }),
  },
];
