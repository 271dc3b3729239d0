import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import { Recorder } from './recorder.js';

function positionOf(tables: PlanJson[string] = {}): Position {
  const shards = ['-80', '80-'].map((shard) => ({ keyspace: 'k', shard, gtid: 'g' }));
  return new Position(shards, CopyPlan.fromJson({ k: tables }));
}

describe('figures of a stream', () => {
  test('before the first batch there are none', () => {
    const stats = new Recorder(new ManualClock()).snapshot();
    expect(stats).toMatchObject({ state: 'starting', rows: 0, rowsPerSecond: 0, bytes: 0, batches: 0, shards: [], tables: [] });
    expect(stats.lagSeconds).toBeUndefined();
  });

  test('rows are counted for ever, their rate over the last seconds', async () => {
    const clock = new ManualClock();
    const recorder = new Recorder(clock);
    recorder.batch(1000, 5000, positionOf());
    await clock.advance(2000);
    recorder.batch(3000, 5000, positionOf());
    expect(recorder.snapshot()).toMatchObject({ rows: 4000, bytes: 10_000, batches: 2, rowsPerSecond: 2000 });
    await clock.advance(4000);
    expect(recorder.snapshot().rowsPerSecond).toBe(750);
    await clock.advance(4000);
    expect(recorder.snapshot()).toMatchObject({ rows: 4000, rowsPerSecond: 0 });
  });

  test('lag is that of the shard furthest behind, and none while copying', () => {
    const recorder = new Recorder(new ManualClock());
    recorder.batch(1, 1, positionOf());
    recorder.shard('k', '-80', { lagMs: 1500, lastCommitTime: 9 });
    recorder.shard('k', '80-', { lagMs: 250 });
    recorder.shard('k', '80-', { verdict: 'idle' });
    recorder.state = 'streaming';
    expect(recorder.snapshot().lagSeconds).toBe(1.5);
    expect(recorder.snapshot().shards.map((one) => [one.shard, one.lagSeconds, one.verdict])).toEqual([
      ['-80', 1.5, undefined],
      ['80-', 0, 'idle'],
    ]);
    // The last transaction of a resumed stream may be hours old, and nothing is behind all the same.
    recorder.shard('k', '-80', { verdict: 'idle' });
    expect(recorder.snapshot().lagSeconds).toBe(0);
    recorder.state = 'copying';
    expect(recorder.snapshot().lagSeconds).toBeUndefined();
  });

  test('tables tell how far their copy came; those that left the selection are not listed', () => {
    const recorder = new Recorder(new ManualClock());
    recorder.estimate('k', 'a', 100);
    recorder.batch(
      0,
      0,
      positionOf({
        a: {
          state: 'pending',
          generation: 1,
          shards: { '-80': { state: 'copying', generation: 1, rows: 30 }, '80-': { state: 'done', generation: 1, rows: 20 } },
        },
        b: { state: 'pending', generation: 1 },
        c: { state: 'done', generation: 2, rows: 7 },
        gone: { state: 'done', generation: 1, removed: true },
      }),
    );
    expect(recorder.snapshot().tables.map((one) => [one.table, one.state, one.rows, one.estimatedRows, one.generation])).toEqual([
      ['a', 'copying', 50, 100, 1],
      ['b', 'pending', 0, undefined, 1],
      ['c', 'done', 7, undefined, 2],
    ]);
    expect(recorder.snapshot().shards.map((one) => one.phase)).toEqual(['copy', 'copy']);
    recorder.batch(0, 0, positionOf({ a: { state: 'done', generation: 1, shards: { '-80': { state: 'pending', generation: 2 } } } }));
    expect(recorder.snapshot().shards.map((one) => one.phase)).toEqual(['copy', 'live']);
  });
});
