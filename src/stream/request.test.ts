/** One request per situation of a copy; measured.md section 2 shows what a wrong one loses. */
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { lastPk } from '../../test/support/wire-events.js';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import { TableLastPKSchema } from '../wire/gen/binlogdata_pb.js';
import { TabletType } from '../wire/gen/topodata_pb.js';
import { buildRequest, type RequestInput, type StreamedTable } from './request.js';

const flags = {
  heartbeatSeconds: 5,
  minimizeSkew: false,
  streamKeyspaceHeartbeats: true,
  cellPreference: '',
  tabletOrder: '',
  maxStreamAgeSeconds: 0,
} as const;
const key = (table: string, id: number): string => lastPk({ table, key: id }).toString('base64');
const table = (name: string, keyspace = 'k'): StreamedTable => ({ keyspace, table: name });
const pending = { state: 'pending', generation: 1 } as const;
const done = { state: 'done', generation: 1 } as const;
const copying = (name: string, id: number) => ({ state: 'copying', generation: 1, lastPk: key(name, id) }) as const;

interface Situation {
  readonly shards: Readonly<Record<string, string>>;
  readonly plan: PlanJson;
  readonly copying?: string;
  readonly tables?: readonly StreamedTable[];
  readonly input?: Partial<RequestInput>;
}

function requestFor({ shards, plan, copying, tables = [table('a'), table('b'), table('c')], input = {} }: Situation) {
  const position = new Position(
    Object.entries(shards).map(([name, gtid]) => {
      const [keyspace = '', shard = ''] = name.includes('/') ? name.split('/') : ['k', name];
      return { keyspace, shard, gtid };
    }),
    CopyPlan.fromJson(plan),
  );
  const [keyspace = 'k', name = ''] = copying?.includes('.') ? copying.split('.') : ['k', copying];
  return buildRequest({
    position,
    copying: copying === undefined ? undefined : { keyspace, table: name },
    tables,
    tabletType: TabletType.REPLICA,
    cells: [],
    flags,
    ...input,
  });
}

/** A request as one line per shard, `shard@gtid` and its entries, then the tables of the filter and those to copy. */
function shown(situation: Situation): { shards: string[]; filter: string[]; copy: string[] } {
  const { vgtid, filter, flags } = requestFor(situation);
  return {
    shards: (vgtid?.shardGtids ?? []).map(
      ({ shard, gtid, tablePKs }) => `${shard}@${gtid}${tablePKs.map((one) => ` ${one.tableName}${one.lastpk ? '+key' : ''}`).join('')}`,
    ),
    filter: filter?.rules.map((rule) => rule.match) ?? [],
    copy: flags?.tablesToCopy ?? [],
  };
}

describe('what is asked for', () => {
  test('a fresh copy: no position, the first table alone', () => {
    expect(shown({ shards: { '-80': '', '80-': '' }, plan: { k: { a: pending, b: pending, c: pending } }, copying: 'a' })).toEqual({
      shards: ['-80@', '80-@'],
      filter: ['a'],
      copy: ['a'],
    });
  });

  test('between tables: the next one by name, without a key, or it would silently be skipped (G107)', () => {
    expect(shown({ shards: { '-80': 'p', '80-': 'q' }, plan: { k: { a: done, b: pending, c: pending } }, copying: 'b' })).toEqual({
      shards: ['-80@p b', '80-@q b'],
      filter: ['a', 'b'],
      copy: ['b'],
    });
  });

  test('inside a table, with shards at different progress: each its own key, none where it is done', () => {
    const b = { ...pending, shards: { '-40': copying('b', 7), '40-80': done, '80-': pending } };
    expect(shown({ shards: { '-40': 'p', '40-80': 'q', '80-': 'r' }, plan: { k: { a: done, b, c: pending } }, copying: 'b' })).toEqual({
      shards: ['-40@p b+key', '40-80@q', '80-@r b'],
      filter: ['a', 'b'],
      copy: ['b'],
    });
  });

  test('a shard that never began has no entry beside its empty position', () => {
    const a = { ...pending, shards: { '-80': copying('a', 7) } };
    expect(shown({ shards: { '-80': 'p', '80-': '' }, plan: { k: { a } }, copying: 'a' }).shards).toEqual(['-80@p a+key', '80-@']);
  });

  test('all done: positions and every table, nothing to copy', () => {
    expect(shown({ shards: { '-80': 'p', '80-': 'q' }, plan: { k: { a: done, b: done, c: done } } })).toEqual({
      shards: ['-80@p', '80-@q'],
      filter: ['a', 'b', 'c'],
      copy: [],
    });
  });

  test('a table whose copy waits, or is to be repeated on one shard, still has its changes streamed', () => {
    const interrupted = { ...pending, shards: { '-80': copying('a', 7) } };
    const repeated = { ...done, shards: { '80-': { state: 'pending', generation: 2 } } } as const;
    expect(shown({ shards: { '-80': 'p', '80-': 'q' }, plan: { k: { a: interrupted, b: repeated, c: pending } }, copying: 'b' })).toEqual({
      shards: ['-80@p', '80-@q b'],
      filter: ['a', 'b'],
      copy: ['b'],
    });
  });

  test('two keyspaces: entries go to the one being copied; one without a position waits, for want of the table (measured.md 2)', () => {
    const tables = [table('a'), table('x', 'other')];
    const plan = { k: { a: pending }, other: { x: pending } };
    expect(shown({ shards: { 'k/0': '', 'other/0': '' }, plan, copying: 'a', tables })).toEqual({
      shards: ['0@'],
      filter: ['a'],
      copy: ['a'],
    });
    expect(shown({ shards: { 'k/0': 'p', 'other/0': '' }, plan: { ...plan, k: { a: done } }, copying: 'other.x', tables })).toEqual({
      shards: ['0@p', '0@'],
      filter: ['/^a$', 'x'],
      copy: ['x'],
    });
    expect(
      shown({ shards: { 'k/0': 'p', 'other/0': 'current' }, plan: { k: { a: pending }, other: { x: done } }, copying: 'a', tables }).shards,
    ).toEqual(['0@p a', '0@current']);
  });

  test('a keyspace with `columns` or `where` stands still while another one is copied: a regular expression cannot say them (G70)', () => {
    const tables = [table('a'), { ...table('b'), where: 'id > 5' }, table('x', 'other'), table('y', 'third')];
    const plan = { k: { a: done, b: done }, other: { x: pending }, third: { y: done } };
    const shards = { 'k/0': 'p', 'other/0': '', 'third/0': 'r' };
    expect(shown({ shards, plan, copying: 'other.x', tables })).toEqual({ shards: ['0@', '0@r'], filter: ['x', '/^y$'], copy: ['x'] });
    const now = { shards: { ...shards, 'other/0': 'q' }, plan: { ...plan, other: { x: done } }, tables };
    expect(shown(now)).toEqual({ shards: ['0@p', '0@q', '0@r'], filter: ['a', 'b', 'x', 'y'], copy: [] });
  });

  test('the last key goes back byte for byte, fields of newer servers included (B47, G114)', () => {
    const message = Buffer.concat([lastPk({ table: 'a', key: 7 }), Buffer.from([0x78, 0x05])]);
    const a = { ...pending, shards: { '0': { state: 'copying', generation: 1, lastPk: message.toString('base64') } } } as const;
    const sent = requestFor({ shards: { '0': 'p' }, plan: { k: { a } }, copying: 'a' }).vgtid?.shardGtids[0]?.tablePKs[0];
    expect(sent && Buffer.from(toBinary(TableLastPKSchema, sent)).equals(message)).toBe(true);
  });
});

describe('rules', () => {
  const rules = (tables: readonly StreamedTable[]): (readonly [string, string])[] =>
    requestFor({ shards: { '0': 'p' }, plan: {}, tables }).filter?.rules.map((rule) => [rule.match, rule.filter] as const) ?? [];

  test('are one SELECT per table by its exact name: no patterns (G65), never an empty filter (G67)', () => {
    expect(rules([table('orders')])).toEqual([['orders', 'select * from `orders`']]);
  });

  test('quote names, list columns in the order given, and carry the filter', () => {
    expect(rules([{ ...table('or`der'), columns: ['id', 'a`b'], where: 'id > 5' }])).toEqual([
      ['or`der', 'select `id`, `a``b` from `or``der` where id > 5'],
    ]);
  });

  test('hold in every keyspace (B.9): one for two tables of a name, refused when they want different things', () => {
    expect(rules([table('a'), table('a', 'other')]).length).toBe(1);
    expect(() => rules([table('a'), { ...table('a', 'other'), where: 'id = 1' }])).toThrowError(
      expect.objectContaining({ code: 'FILTER_REFUSED', table: 'a', keyspace: 'other' }),
    );
  });
});

describe('flags', () => {
  test('are passed on; a copy is never chunked (B.8)', () => {
    const input = { cells: ['zone1', 'zone2'], chunkBytes: 1000, callerId: 'me' };
    const streaming = requestFor({ shards: { '0': 'p' }, plan: { k: { a: done } }, input });
    expect(streaming).toMatchObject({
      tabletType: TabletType.REPLICA,
      callerId: { principal: 'me' },
      flags: { heartbeatInterval: 5, cells: 'zone1,zone2', streamKeyspaceHeartbeats: true, transactionChunkSize: 1000n },
    });
    expect(requestFor({ shards: { '0': '' }, plan: { k: { a: pending } }, copying: 'a', input }).flags?.transactionChunkSize).toBe(0n);
    expect(requestFor({ shards: { '0': 'p' }, plan: {} }).callerId).toBeUndefined();
  });
});
