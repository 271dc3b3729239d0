import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { VStreamError } from '../errors.js';
import { silentLogger } from '../observe/logger.js';
import { Position } from '../position/position.js';
import { createBackoff } from '../supervise/backoff.js';
import { TabletType } from '../wire/gen/topodata_pb.js';
import { Recovery } from './recovery.js';
import { TablePresence } from './table-presence.js';

const unknown = new VStreamError('TABLE_NOT_FOUND', 'VTGate v:1 has no table orders on some shard of the stream', {
  keyspace: 'shop',
  shard: '0',
  table: 'orders',
  next: 'Give the name as Vitess shows it.',
});

function setUp() {
  const clock = new ManualClock();
  const told: string[] = [];
  const say = (_fields: object, message?: string): void => void told.push(message ?? '');
  const presence = new TablePresence({
    clock,
    logger: { ...silentLogger, info: say, warn: say },
    executor: { execute: () => Promise.reject(new Error('not asked')) },
    tabletType: TabletType.REPLICA,
    tabletTypeGiven: false,
  });
  const backoff = createBackoff({ clock, random: () => 0.5, budgetMs: 600_000 });
  const recovery = new Recovery({ clock, backoff, presence, endsByAge: false });
  const fail = () => recovery.failed(unknown, new Position([{ keyspace: 'shop', shard: '0', gtid: '' }]));
  return { clock, told, presence, fail };
}

test('a table that a tablet does not know yet is told once, as what it is and not as an interruption, then asked for at the primary', () => {
  const { told, presence, fail } = setUp();
  for (let n = 0; n < 4; n++) expect(fail()).toMatchObject({ kind: 'wait', said: true });
  expect(told).toEqual([
    expect.stringMatching(/^a tablet does not know table orders yet, .* asking for 60 s at most$/),
    expect.stringMatching(/^the replicas do not know the table yet .* streaming from the primary$/),
  ]);
  expect(presence.tabletType).toBe(TabletType.PRIMARY);
});

test('one that stays unknown to tablets ends with how to tell them: its name is right', async () => {
  const { clock, fail } = setUp();
  fail();
  await clock.advance(61_000);
  expect(fail()).toMatchObject({
    kind: 'give-up',
    error: {
      code: 'TABLE_NOT_FOUND',
      table: 'orders',
      message: expect.stringMatching(/though MySQL had it at the start/),
      next: expect.stringMatching(/ReloadSchemaKeyspace shop/),
    },
  });
});
