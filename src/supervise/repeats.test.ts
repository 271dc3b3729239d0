import { expect, test } from 'vitest';
import { VStreamError } from '../errors.js';
import { CopyPlan } from '../position/plan.js';
import { Position } from '../position/position.js';
import { rpcError } from '../transport/failure.js';
import { serverStatus } from '../transport/status.js';
import { REPEAT_LIMIT, REPEAT_MS, Repeats } from './repeats.js';

const position = (left = 'MySQL56/a:1-5', right = 'MySQL56/b:1-5'): Position =>
  new Position([
    { keyspace: 'shop', shard: '-80', gtid: left },
    { keyspace: 'shop', shard: '80-', gtid: right },
  ]);
const refusal = (shard = '-80', port = 100): VStreamError =>
  rpcError(
    serverStatus(
      'grpc',
      2,
      `error starting stream from shard GTID keyspace:"shop" shard:"${shard}": position after fastforward was odd (${port})`,
    ),
    'v:1',
  );

function setUp(): { repeats: Repeats; wait(ms: number): void } {
  let now = 0;
  return { repeats: new Repeats({ monotonic: () => now }), wait: (ms) => void (now += ms) };
}

test('the same answer at the same position ends the stream after so many times and so long, with its history', () => {
  const { repeats, wait } = setUp();
  for (let count = 1; count < REPEAT_LIMIT; count++) {
    // Numbers in the text differ from time to time.
    expect(repeats.failed(refusal('-80', count), position())).toBeUndefined();
    wait(REPEAT_MS / (REPEAT_LIMIT - 1));
  }
  const error = repeats.failed(refusal('-80', 9), position());
  expect(error).toMatchObject({ code: 'STREAM_LOST', category: 'fatal', keyspace: 'shop', shard: '-80' });
  expect(error?.message).toContain(`(${REPEAT_LIMIT} times at the same position, within 120 s)`);
});

test('a burst is no proof, however many', () => {
  const { repeats } = setUp();
  for (let count = 0; count < 10 * REPEAT_LIMIT; count++) expect(repeats.failed(refusal(), position())).toBeUndefined();
});

test('an outage is left to the budget of time: connections lost, tablets missing', () => {
  const { repeats, wait } = setUp();
  const lost = rpcError(serverStatus('grpc', 14, 'Connection dropped'), 'v:1');
  const noTablet = rpcError(
    serverStatus('grpc', 1, 'failed to find a PRIMARY tablet for VStream in shop/-80 within the zone1 cell(s): context has expired'),
    'v:1',
  );
  for (const failure of [lost, noTablet]) {
    for (let count = 0; count < 2 * REPEAT_LIMIT; count++) {
      expect(repeats.failed(failure, position())).toBeUndefined();
      wait(REPEAT_MS);
    }
  }
});

test('another failure, another position, another last key: each starts the count anew', () => {
  const { repeats, wait } = setUp();
  const copying = (lastPk: string): Position =>
    position().with({
      plan: CopyPlan.empty.withShard('shop', 'orders', '-80', { state: 'copying', generation: 1, lastPk }, ['-80', '80-']),
    });
  const other = rpcError(serverStatus('grpc', 2, 'error starting stream from shard GTID keyspace:"shop" shard:"-80": EOF'), 'v:1');
  const rounds: (() => VStreamError | undefined)[] = [
    () => repeats.failed(refusal(), position()),
    () => repeats.failed(other, position()),
    () => repeats.failed(other, position('MySQL56/a:1-6')),
    () => repeats.failed(other, copying('AQ==')),
    () => repeats.failed(other, copying('Ag==')),
  ];
  for (let count = 0; count < 5 * REPEAT_LIMIT; count++) {
    expect(rounds[count % rounds.length]?.()).toBeUndefined();
    wait(REPEAT_MS);
  }
});

test('progress of another shard is none of the shard that fails (G138)', () => {
  const { repeats, wait } = setUp();
  let error: VStreamError | undefined;
  for (let count = 0; count < REPEAT_LIMIT; count++) {
    error = repeats.failed(refusal(), position('MySQL56/a:1-5', `MySQL56/b:1-${count}`));
    expect(repeats.movedOn('shop', '80-')).toBe(false);
    wait(REPEAT_MS);
  }
  expect(error?.category).toBe('fatal');
  expect(repeats.movedOn('shop', '-80')).toBe(true);
  expect(repeats.open).toBe(false);
});

test('a failure that names no shard is over with the first progress of any', () => {
  const { repeats } = setUp();
  repeats.failed(new VStreamError('STREAM_LOST', 'x'), position());
  expect(repeats.movedOn('shop', '80-')).toBe(true);
  expect(repeats.movedOn('shop', '80-')).toBe(false);
});
