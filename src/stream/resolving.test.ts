import { expect, test } from 'vitest';
import { grouperOf } from '../../test/support/stream-fixture.js';
import { response, ShardEvents } from '../../test/support/wire-events.js';
import { must } from '../internal/must.js';
import { Position } from '../position/position.js';
import { Resolving } from './resolving.js';

const gtid = 'MySQL56/ba05c1f7-e695-11f1-830a-02fc00000001:1-5';
const left = new ShardEvents('-80');
const right = new ShardEvents('80-');
const started = new Position([
  { keyspace: 'commerce', shard: '-80', gtid },
  { keyspace: 'commerce', shard: '80-', gtid: 'current' },
]);

test('what other shards send waits for the first position of each, up to a limit', () => {
  const grouper = grouperOf(['-80', '80-']);
  const resolving = must(Resolving.of(started, 200), 'a shard at current');
  const transaction = [
    left.begin(9),
    left.row('t', [{ after: ['1', 'x'.repeat(50)] }], 9),
    left.vgtid([{ shard: '-80', gtid }]),
    left.commit(9),
  ];
  grouper.push(response(left.begin(9), left.field('t', 9), left.rollback(9)));
  const take = (): void => grouper.push(response(...transaction)).forEach((unit) => resolving.take(unit));
  take();
  expect(resolving.resolved(started)).toBeUndefined();
  expect(() => {
    for (let n = 0; n < 10; n++) take();
  }).toThrow(expect.objectContaining({ code: 'STREAM_LOST', category: 'retry', keyspace: 'commerce', shard: '80-' }) as Error);
  expect(resolving.held.length).toBeLessThan(6);
  grouper.push(response(right.vgtid([{ shard: '80-', gtid }]), right.other(9))).forEach((unit) => resolving.take(unit));
  expect(resolving.resolved(started)?.gtid('commerce', '80-')).toBe(gtid);
});
