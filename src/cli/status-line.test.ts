import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Clock } from '../internal/clock.js';
import type { Stats } from '../observe/stats.js';
import { renderStatus, StatusLine } from './status-line.js';

const stats: Stats = {
  state: 'streaming',
  rows: 1_234_567,
  rowsPerSecond: 12_345,
  bytes: 0,
  batches: 1,
  badRows: 0,
  incomplete: [],
  lagSeconds: 0.42,
  shards: [],
  tables: [],
  position: undefined,
  source: 'localhost:1',
};
const table = { keyspace: 'k', table: 'orders', rows: 0, state: 'pending', generation: 1 } as const;
const shard = { keyspace: 'k', shard: '-80', phase: 'live', gtid: '', lastCommitTime: undefined } as const;

/** A clock whose timers are fired by hand. */
function handClock(): Clock & { fire(): void } {
  let pending: (() => void) | undefined;
  return {
    now: () => 0,
    monotonic: () => 0,
    after(_ms, fn) {
      pending = fn;
      return () => {
        pending = undefined;
      };
    },
    fire() {
      const fn = pending;
      pending = undefined;
      fn?.();
    },
  };
}

test('a live stream shows rows, pace and lag', () => {
  expect(renderStatus(stats)).toBe('streaming · 1,234,567 rows · 12.3k rows/s · lag 0.4 s');
});

test('a copy shows which table, how far, and how long it will take', () => {
  const tables = [
    { ...table, table: 'customers', state: 'done', rows: 10, estimatedRows: 12 } as const,
    { ...table, state: 'copying', rows: 450_000, estimatedRows: 1_000_000 } as const,
  ];
  expect(renderStatus({ ...stats, state: 'copying', rows: 450_010, rowsPerSecond: 12_500, tables })).toBe(
    'copying orders 45 % of 1.0M, table 2 of 2 · 450,010 rows · 12.5k rows/s · eta 44 s',
  );
});

test('an estimate that was too low never shows a copy as finished', () => {
  const tables = [{ ...table, state: 'copying', rows: 300, estimatedRows: 100 } as const];
  expect(renderStatus({ ...stats, state: 'copying', tables })).toContain('copying orders 99 % of 100');
});

test('without an estimate there is neither share nor end', () => {
  const text = renderStatus({ ...stats, state: 'copying', tables: [{ ...table, state: 'copying', rows: 300 }] });
  expect(text).toBe('copying orders, table 1 of 1 · 1,234,567 rows · 12.3k rows/s');
});

test('a shard in trouble is named, a healthy one is not', () => {
  const shards = [{ ...shard, verdict: 'live' } as const, { ...shard, shard: '80-', verdict: 'stalled' } as const];
  expect(renderStatus({ ...stats, shards })).toContain('k/80- stalled');
  expect(renderStatus({ ...stats, shards })).not.toContain('k/-80');
});

test('a standby says for whom it waits', () => {
  const waiting = { ...stats, state: 'waiting', waitingFor: { owner: 'db1:42:9f3c', leaseSeconds: 11.2 } } as const;
  expect(renderStatus(waiting)).toBe('waiting for db1:42, lease ends in 12 s');
});

test('on a terminal one line is redrawn, and notes stand whole above it', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 30 });
  const clock = handClock();
  const line = new StatusLine({ stream, clock });
  line.start(() => stats);
  clock.fire();
  line.note('hello');
  line.stop();
  const text = String(stream.read());
  const first = 'streaming · 1,234,567 rows · ';
  expect(text).toBe(`\r\u001b[2K${first}\r\u001b[2Khello\n\r\u001b[2K${first}\r\u001b[2K`);
});

test('elsewhere each tick is a whole line without control characters', () => {
  const stream = new PassThrough();
  const clock = handClock();
  const line = new StatusLine({ stream, clock });
  line.start(() => stats);
  clock.fire();
  clock.fire();
  line.stop();
  clock.fire();
  expect(String(stream.read())).toBe(`${renderStatus(stats)}\n`.repeat(2));
});
