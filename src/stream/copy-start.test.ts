/** VTGate that goes on behind the snapshot of a copy from no position, as its tablet stream broke before the first row (G107, G108). */
import { expect, test } from 'vitest';
import { response, ShardEvents, type WireEvent } from '../../test/support/wire-events.js';
import { catalogOf } from '../../test/support/stream-fixture.js';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../embedded/index.js';
import { vstream } from '../index.js';
import { Position } from '../position/position.js';
import { CopyStart } from './copy-start.js';
import { Grouper } from './grouper.js';

const SHARDS = ['-80', '80-'];
const columns = [
  { name: 'id', type: 'bigint', key: true },
  { name: 'v', type: 'varchar(40)' },
];
const rows = Array.from({ length: 20 }, (_, id) => ({ id, v: 'copied' }));

function idsOf(vtgate: EmbeddedVtgate, table: string): number[] {
  return SHARDS.flatMap((shard) => vtgate.engine.rows('shop', table, shard))
    .map(({ id }) => Number(id))
    .sort((a, b) => a - b);
}

test.each(SHARDS)('the copy of %s begins again at once, with the first change behind its snapshot, and nothing is lost', async (broken) => {
  await using vtgate = await startEmbeddedVtgate({
    keyspaces: { shop: { shards: SHARDS, tables: { t: { columns, rows }, u: { columns, rows } } } },
    packetBytes: 60,
  });
  let next = 100;
  let restarts = 0;
  vtgate.faults.atCopyPoint(({ at, table, shard }) => {
    if (table !== 't' || shard !== broken) return;
    if (at === 'opened' && restarts++ === 0) {
      // What comes behind the snapshot of a copy that is not made: a row, and one that goes before the next copy reads the table.
      vtgate.engine.transaction('shop', shard, [
        { op: 'insert', table: 't', row: { id: next++, v: 'new' } },
        { op: 'insert', table: 't', row: { id: 999, v: 'goes' } },
      ]);
      vtgate.faults.restartShardInsideRpc('shop', shard);
    } else if (at === 'snapshot') {
      vtgate.engine.transaction('shop', shard, [{ op: 'delete', table: 't', where: { id: 999 } }]);
    }
  });
  const seen = new Map<string, Set<number>>([
    ['t', new Set()],
    ['u', new Set()],
  ]);
  for await (const batch of vstream({ source: { vtgate: vtgate.address, keyspace: 'shop' }, until: 'now' })) {
    for (const change of batch.changes) {
      const there = seen.get(change.table);
      if (change.op === 'delete') there?.delete(Number(change.before['id']));
      else there?.add(Number(change.after['id']));
    }
  }
  expect(restarts).toBe(2);
  for (const [table, ids] of seen) expect([...ids].sort((a, b) => a - b)).toEqual(idsOf(vtgate, table));
});

const on = new ShardEvents('-80');
const gtid = 'MySQL56/ba05c1f7-e695-11f1-830a-02fc00000001:1-5';
const vector = (key?: number): WireEvent => on.vgtid([{ shard: '-80', gtid, pending: key === undefined ? [] : [{ table: 't', key }] }]);
const opened = [on.begin(), on.field('t'), vector()];
const checked = (from: string, ...events: readonly WireEvent[]): boolean[] => {
  const shards = [{ keyspace: 'commerce', shard: '-80', gtid: from }];
  const grouper = new Grouper({
    catalog: catalogOf(),
    shards,
    phase: () => 'catchup',
    reshards: 0,
    transactionBytes: 1e6,
    hugeTransaction: 'fail',
  });
  const start = new CopyStart(new Position(shards), { keyspace: 'commerce', table: 't' });
  return grouper.push(response(...events)).map((unit) => {
    try {
      start.check(unit, grouper.keyspaceHeartbeats);
      return true;
    } catch {
      return false;
    }
  });
};
const transaction = [on.begin(9), vector(), on.commit(9)];
const heartbeats = [on.begin(9), on.row('heartbeat', [{ after: ['1', 'x'] }], 9, undefined, true), vector(), on.commit(9)];
const end = [on.begin(), vector(), on.commit()];

test.each([
  [
    'rows, then the table',
    '',
    [...opened, on.row('t', [{ after: ['1', 'x'] }]), vector(1), on.commit(), ...end, ...transaction],
    [true, true, true],
  ],
  ['the end of an empty table', '', [...opened, ...end, ...transaction], [true, true]],
  ['heartbeat rows of the tablet during the copy', '', [...heartbeats, ...opened, ...end], [true, true]],
  ['the changes before a copy from a position', gtid, [...transaction, ...opened, ...end], [true, true]],
  ['a transaction instead of the first rows', '', [...opened, ...transaction], [false]],
  ['a statement instead of the first rows', '', [...opened, vector(), on.ddl('alter table t add c int', 9)], [false]],
  ['another position instead of the first rows', '', [...opened, on.rollback(9), vector(), on.other(9)], [false]],
])('%s', (_, from, events, expected) => {
  expect(checked(from, ...events)).toEqual(expected);
});
