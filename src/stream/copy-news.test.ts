import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { silentLogger } from '../observe/logger.js';
import { Recorder } from '../observe/recorder.js';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import { type BatchContent, StreamBatch } from './batch.js';
import { CopyNews } from './copy-news.js';

const SHARDS = ['-80', '80-'];
const done = { state: 'done', generation: 1 } as const;

function setUp() {
  const clock = new ManualClock();
  const recorder = new Recorder(clock);
  const told: string[] = [];
  const news = new CopyNews({ clock, recorder, logger: { ...silentLogger, info: (_fields, message) => void told.push(message ?? '') } });
  /** As the plan of the position behind it says. */
  const hand = (what: Pick<BatchContent, 'copy' | 'progress'>, tables: PlanJson[string]): void => {
    const position = new Position(
      SHARDS.map((shard) => ({ keyspace: 'shop', shard, gtid: '' })),
      CopyPlan.fromJson({ shop: tables }),
    );
    news.handed(new StreamBatch({ kind: what.copy ? 'copy' : 'progress', ...what, changes: [], position, bytes: 0 }));
  };
  const rowsOf = (table: string) => ({ copy: { keyspace: 'shop', table, shard: '-80', generation: 1 } });
  const end = (table: string, shard: string) => ({
    progress: { type: 'table-end', keyspace: 'shop', table, shard, generation: 1 } as const,
  });
  return { clock, recorder, told, hand, rowsOf, end };
}

const under = (...rows: number[]) => ({
  ...{ state: 'pending', generation: 1 },
  shards: Object.fromEntries(rows.map((count, at) => [SHARDS[at], { state: 'copying', generation: 1, lastPk: 'a', rows: count }])),
});

test('a long copy is told once a minute, with what is to go, then its end and that of all', async () => {
  const { clock, recorder, told, hand, rowsOf, end } = setUp();
  recorder.estimate('shop', 'orders', 4_000);
  for (let at = 0; at < 130; at += 10) {
    hand(rowsOf('orders'), { orders: under(at * 10, at * 10), items: { state: 'pending', generation: 1 } } as PlanJson[string]);
    await clock.advance(10_000);
  }
  hand(end('orders', '-80'), { orders: under(2_000, 2_000), items: { state: 'pending', generation: 1 } } as PlanJson[string]);
  hand(end('orders', '80-'), { orders: { ...done, rows: 4_000 }, items: { state: 'pending', generation: 1 } });
  hand({ progress: { type: 'copy-completed' } }, { orders: { ...done, rows: 4_000 }, items: done });
  expect(told).toEqual([
    'copying shop.orders: 1,200 rows of about 4,000; tables to go: 2',
    'copying shop.orders: 2,400 rows of about 4,000; tables to go: 2',
    'copied shop.orders: 4,000 rows',
    'the copy is complete: 2 tables',
  ]);
});

test('of many small tables only the end of all is told', async () => {
  const { clock, told, hand, rowsOf, end } = setUp();
  for (const table of ['a', 'b']) {
    hand(rowsOf(table), { a: done, b: done });
    await clock.advance(100);
    for (const shard of SHARDS) hand(end(table, shard), { a: done, b: done });
  }
  hand({ progress: { type: 'copy-completed' } }, { a: done, b: done });
  expect(told).toEqual(['the copy is complete: 2 tables']);
});
