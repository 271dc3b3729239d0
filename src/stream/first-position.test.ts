import { expect, test } from 'vitest';
import { CopyPlan } from '../position/plan.js';
import { Position } from '../position/position.js';
import { TabletType } from '../wire/gen/topodata_pb.js';
import { firstPosition } from './first-position.js';
import { validateStreamOptions } from './validate.js';

const gtid = (n: number): string => `MySQL56/ba05c1f7-e695-11f1-830a-02fc00000001:1-${n}`;
const done = { state: 'done', generation: 1, fingerprint: 'f' } as const;
const pending = { state: 'pending', generation: 1, fingerprint: 'f' } as const;

function begun(
  stored: Position | undefined,
  names: readonly string[],
  tables: Readonly<Record<string, { readonly copy?: false }>>,
): Position {
  const found = Object.entries(tables).map(([name, definition]) => {
    const [keyspace = '', table = ''] = name.split('.');
    return { keyspace, table, definition, resumable: true, start: undefined, fingerprint: 'f' };
  });
  const shards = names.map((name) => {
    const [keyspace = '', shard = ''] = name.split('/');
    return { keyspace, shard };
  });
  const stream = validateStreamOptions({
    source: { vtgate: 'localhost:1' },
    tables: Object.fromEntries(Object.keys(tables).map((one) => [one, true])),
  });
  const source = { shards, tables: found, tabletType: TabletType.PRIMARY, rowImages: new Map(), expireSeconds: new Map() };
  return firstPosition({ stored, earlier: undefined, stream, source });
}

test('a shard that a reshard left alone keeps its count over a restart: `sequence` is the same at every replay', () => {
  const shards = [
    { keyspace: 'k', shard: '-40', gtid: gtid(3) },
    { keyspace: 'k', shard: '40-80', gtid: gtid(4) },
    { keyspace: 'k', shard: '80-', gtid: gtid(9), reshards: 0 },
  ];
  const stored = new Position(shards, CopyPlan.fromJson({ k: { t: done } }), 1);
  expect(begun(stored, ['k/-40', 'k/40-80', 'k/80-'], { 'k.t': {} }).shards).toEqual(shards);
});

test('a shard takes its first position from a copy, or from now where there is none, also when the copy it waited for is not wanted any more', () => {
  const fresh = begun(undefined, ['k/0', 'm/0'], { 'k.t': {}, 'm.u': { copy: false } });
  expect(fresh.shards.map((one) => one.gtid)).toEqual(['', 'current']);
  const stored = new Position(
    [
      { keyspace: 'k', shard: '0', gtid: gtid(5) },
      { keyspace: 'm', shard: '0', gtid: '' },
    ],
    CopyPlan.fromJson({ k: { t: done }, m: { u: done, x: pending } }),
  );
  expect(begun(stored, ['k/0', 'm/0'], { 'k.t': {}, 'm.u': { copy: false }, 'm.x': {} }).shards.map((one) => one.gtid)).toEqual([
    gtid(5),
    '',
  ]);
  expect(begun(stored, ['k/0', 'm/0'], { 'k.t': {}, 'm.u': { copy: false } }).shards.map((one) => one.gtid)).toEqual([gtid(5), 'current']);
});
