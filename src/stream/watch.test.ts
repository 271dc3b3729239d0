import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { silentLogger } from '../observe/logger.js';
import { Recorder } from '../observe/recorder.js';
import { Position } from '../position/position.js';
import { verdictLimits } from '../supervise/verdict.js';
import type { Transport } from '../transport/transport.js';
import { QueryResultSchema, Type } from '../wire/gen/query_pb.js';
import { Watch } from './watch.js';

const SERVER = '11111111-1111-1111-1111-111111111111';
const set = (last: number): string => `MySQL56/${SERVER}:1-${last}`;

/** A VTGate that answers every statement with `show global gtid_executed` of one shard. */
function executedIs(last: () => number): Transport {
  const row = (): { lengths: bigint[]; values: Uint8Array } => {
    const cells = ['shop', `${SERVER}:1-${last()}`, '0'];
    return { lengths: cells.map((cell) => BigInt(cell.length)), values: Buffer.from(cells.join('')) };
  };
  const fields = ['db_name', 'gtid_executed', 'shard'].map((name) => ({ name, type: Type.VARCHAR }));
  return {
    address: 'localhost:1',
    open: () => {
      throw new Error('nothing is streamed here');
    },
    execute: async () => create(QueryResultSchema, { fields, rows: [row()] }),
    rotate: () => 'localhost:1',
    close: async () => {},
  };
}

test('a shard that has caught up since the last poll does not look behind until the next one', async () => {
  const clock = new ManualClock();
  const recorder = new Recorder(clock);
  const shards = [{ keyspace: 'shop', shard: '0', gtid: set(5) }];
  recorder.position = new Position(shards);
  let received = 5;
  const watch = new Watch({
    expireSeconds: new Map(),
    warned: new Map(),
    clock,
    logger: silentLogger,
    recorder,
    transport: executedIs(() => 7),
    tabletKind: 'primary',
    limits: verdictLimits(5_000),
    socket: 'main',
    shards,
    copying: () => false,
    gtid: () => set(received),
  });
  const verdict = (): unknown => {
    watch.judge();
    return recorder.snapshot().shards.map(({ verdict: name, lagTransactions }) => [name, lagTransactions]);
  };
  // The first poll goes out; its answer is seen by the next look.
  await clock.advance(8_000);
  watch.message();
  verdict();
  await clock.advance(12_000);
  watch.message();
  expect(verdict()).toEqual([['lagging', 2]]);
  received = 7;
  watch.progress('shop', '0');
  await clock.advance(1_000);
  expect(verdict()).toEqual([['live', 0]]);
  expect(watch.caughtUp).toBe(true);
  watch.close();
});
