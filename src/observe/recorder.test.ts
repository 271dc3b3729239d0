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
    recorder.arrived('k', '-80', 1500, 9);
    recorder.arrived('k', '80-', 250, undefined);
    recorder.judged('k', '80-', 'idle', true, 0);
    recorder.state = 'streaming';
    expect(recorder.snapshot().lagSeconds).toBe(1.5);
    expect(recorder.snapshot().shards.map((one) => [one.shard, one.lagSeconds, one.verdict, one.lastCommitTime])).toEqual([
      ['-80', 1.5, undefined, 9],
      ['80-', 0, 'idle', undefined],
    ]);
    // The last transaction of a resumed stream may be hours old, and nothing is behind all the same.
    recorder.judged('k', '-80', 'idle', true, 0);
    expect(recorder.snapshot().lagSeconds).toBe(0);
    recorder.state = 'copying';
    expect(recorder.snapshot().lagSeconds).toBeUndefined();
  });

  test('lag grows with the clock while a shard is held up, and while nobody listens, from when it was last known to be level', async () => {
    const clock = new ManualClock();
    const recorder = new Recorder(clock);
    recorder.batch(1, 1, positionOf());
    recorder.state = 'streaming';
    const lag = (): number | undefined => recorder.snapshot().lagSeconds;
    recorder.arrived('k', '-80', 200, 9);
    recorder.judged('k', '-80', 'live', false, undefined);
    await clock.advance(1_000);
    recorder.judged('k', '-80', 'live', false, 0);
    // Events arrive now and then: what is not there yet is not behind.
    expect(lag()).toBe(0.2);
    await clock.advance(3_600_000);
    recorder.judged('k', '-80', 'idle', true, 0);
    expect(lag()).toBe(0);
    for (const verdict of ['lagging', 'throttled', 'stalled'] as const) {
      await clock.advance(30_000);
      recorder.judged('k', '-80', verdict, false, 7);
    }
    expect(lag()).toBe(90);
    // Not judged: a connection that was lost, a pause, a destination that takes its time.
    await clock.advance(60_000);
    expect(lag()).toBe(150);
    recorder.arrived('k', '-80', 149_000, 10);
    recorder.judged('k', '-80', 'live', false, undefined);
    expect(lag()).toBe(149);
    await clock.advance(60_000);
    expect(lag()).toBe(209);
  });

  test('an idle shard of which nobody says that nothing is missing has no lag that is known', () => {
    const recorder = new Recorder(new ManualClock());
    recorder.batch(1, 1, positionOf());
    recorder.judged('k', '-80', 'idle', false, undefined);
    expect(recorder.snapshot().shards[0]?.lagSeconds).toBeUndefined();
    recorder.arrived('k', '-80', 500, 9);
    recorder.judged('k', '-80', 'idle', false, undefined);
    expect(recorder.snapshot().shards[0]?.lagSeconds).toBeUndefined();
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
