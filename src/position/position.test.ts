import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CopyPlan } from './plan.js';
import { Position } from './position.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const shard = (name = '-80', gtid = `MySQL56/${UUID}:1-9`): { keyspace: string; shard: string; gtid: string } => ({
  keyspace: 'commerce',
  shard: name,
  gtid,
});

const count = fc.integer({ min: 1, max: 9 });
const shardCopy = fc.record({
  state: fc.constantFrom('pending' as const, 'copying' as const, 'done' as const),
  generation: count,
  rows: count,
});
const tableCopy = fc.record(
  {
    state: fc.constantFrom('pending' as const, 'done' as const),
    generation: count,
    fingerprint: fc.string(),
    opened: fc.constant(true as const),
    shards: fc.dictionary(fc.constantFrom('-80', '80-'), shardCopy),
  },
  { requiredKeys: ['state', 'generation'] },
);
const name = fc.oneof(fc.string({ minLength: 1, maxLength: 5 }), fc.constantFrom('__proto__', 'constructor', 'a.b'));
const plan = fc
  .dictionary(name, fc.dictionary(name, tableCopy))
  .filter((json) => Object.values(json).every((tables) => Object.keys(tables).length > 0));
const position = fc
  .record({
    shards: fc.uniqueArray(fc.constantFrom('-80', '80-', '0'), { minLength: 1 }).map((names) => names.map((one) => shard(one))),
    plan,
    reshards: fc.nat({ max: 3 }),
    partial: fc.array(fc.record({ keyspace: name, shard: name, gtid: fc.string(), applied: count, parts: count }), { maxLength: 2 }),
  })
  .map(({ shards, plan, reshards, partial }) => new Position(shards, CopyPlan.fromJson(plan), reshards, partial));

describe('a position', () => {
  test('comes back from its JSON as it was', () => {
    fc.assert(
      fc.property(position, (one) => {
        const back = Position.parse(JSON.stringify(one));
        expect(back.toJSON()).toEqual(one.toJSON());
        expect(back.equals(one)).toBe(true);
        expect(back.copied).toBe(one.copied);
        expect(Position.parse(one)).toBe(one);
        expect(`${back}`).toBe(JSON.stringify(one));
      }),
    );
  });

  test('of version 1, in which every table is written in full, is read', () => {
    const tables = Array.from(
      { length: 20 },
      (_, index) => `"t${index}":{"state":"done","generation":1,"fingerprint":"abcdefghij","rows":${index}}`,
    );
    const text = `{"version":1,"shards":${JSON.stringify([shard()])},"copy":{"k":{${tables.join(',')}}}}`;
    const old = Position.parse(text);
    expect(old.plan.table('k', 't19')).toEqual({ state: 'done', generation: 1, fingerprint: 'abcdefghij', rows: 19 });
    expect(old.toJSON()).toMatchObject({
      version: 2,
      kinds: [{ state: 'done', generation: 1, fingerprint: 'abcdefghij' }],
      copy: { k: { t0: [0, 0], t19: [0, 19] } },
    });
    expect(Position.parse(old.toString()).equals(Position.parse(text))).toBe(true);
  });

  test('gives the GTID set of a shard', () => {
    const one = new Position([shard('-80', 'x'), shard('80-', 'y')]);
    expect([one.gtid('commerce', '80-'), one.gtid('commerce', '0'), one.gtid('other', '-80')]).toEqual(['y', undefined, undefined]);
  });

  test('whatever is parsed, the answer is a position or one error that says what is accepted', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.anything(),
          fc.jsonValue().map((value) => ({ version: 1, shards: value })),
        ),
        (input) => {
          try {
            expect(Position.parse(input).shards.length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toMatchObject({ code: 'POSITION_INVALID', next: expect.stringContaining('VGTID') });
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('positions of other clients', () => {
  const list = [shard('-80'), shard('80-')];
  const vgtid = { shardGtids: list.map((one) => ({ ...one, tablePKs: [] })) };
  test.each([
    ['a VGTID', vgtid],
    ['a VGTID with names as in the definition', { shard_gtids: list.map((one) => ({ ...one, table_p_ks: [] })) }],
    ['a bare list', list],
    ["the Go client's text", JSON.stringify(vgtid)],
    ["the Go client's row", { name: 's', latest_vgtid: JSON.stringify(vgtid) }],
    ["the Go client's row, parsed", { latest_vgtid: vgtid }],
    ["Debezium's setting", { 'vitess.vgtid': JSON.stringify(list.map((one) => ({ ...one, table_p_ks: [] }))) }],
    ["Debezium's offset", { transaction_id: null, vgtid: JSON.stringify(list) }],
  ])('%s is taken over', (_name, value) => {
    expect(Position.parse(value).toJSON()).toEqual({ version: 1, shards: list });
  });

  test.each([
    ['[]', 'no shard'],
    ['{"shardGtids":[]}', 'no shard'],
    ['{}', 'not a position'],
    ['beginning', 'not JSON'],
    ['42', 'not a position'],
    ['null', 'not a position'],
    ['{"vgtid":"{"}', 'not a position'],
    [JSON.stringify([null]), 'not an object'],
    [JSON.stringify([{ ...shard(), gtid: '' }]), 'commerce/-80 has no GTID set'],
    [JSON.stringify([{ shard: '0', gtid: 'x' }]), 'keyspace'],
    [JSON.stringify([shard(), shard()]), 'commerce/-80 is listed twice'],
    [JSON.stringify([{ ...shard(), tablePKs: [{ tableName: 't' }] }]), 'a copy is under way on commerce/-80'],
    [JSON.stringify([{ ...shard(), table_p_ks: [{ table_name: 't' }] }]), 'a copy is under way on commerce/-80'],
    [JSON.stringify({ version: 3, shards: [shard()] }), 'version 3'],
    [JSON.stringify({ version: 2, shards: [shard()], kinds: {} }), '`kinds`'],
    [JSON.stringify({ version: 2, shards: [shard()], kinds: [{ state: 'copying', generation: 1 }] }), '`kinds`'],
    ...[0, [0, 1], 1.5, [], [-1, 0], [0], [0, 1, 2], ['0', 1]].map((packed): [string, string] => [
      JSON.stringify({ version: 2, shards: [shard()], kinds: [], copy: { k: { t: packed } } }),
      '`copy`',
    ]),
    ...[1, [1, 1], [0, -1], [0, 0.5], [0, 1, 2], '0', -1].map((packed): [string, string] => [
      JSON.stringify({ version: 2, shards: [shard()], kinds: [{ state: 'done', generation: 1 }], copy: { k: { t: packed } } }),
      '`copy`',
    ]),
    [JSON.stringify({ version: 1, shards: [] }), '`shards`'],
    [JSON.stringify({ version: 1, shards: [{ keyspace: 'k' }] }), '`shards`'],
    [JSON.stringify({ version: 1, shards: [shard(), shard()] }), 'twice'],
    [JSON.stringify({ version: 1, shards: [shard()], copy: [] }), '`copy`'],
    [JSON.stringify({ version: 1, shards: [shard()], copy: { k: { t: { state: 'copying', generation: 1 } } } }), '`copy`'],
    [JSON.stringify({ version: 1, shards: [shard()], copy: { k: { t: { state: 'done', generation: '1' } } } }), '`copy`'],
    [
      JSON.stringify({
        version: 1,
        shards: [shard()],
        copy: { k: { t: { state: 'done', generation: 1, shards: { 0: { state: 'gone', generation: 1 } } } } },
      }),
      '`copy`',
    ],
    [JSON.stringify({ version: 1, shards: [shard()], reshards: -1 }), '`reshards`'],
    [JSON.stringify({ version: 1, shards: [shard()], partial: [{ keyspace: 'k' }] }), '`partial`'],
  ])('%s is refused, and says why', (value, why) => {
    expect(() => Position.parse(value)).toThrowError(
      expect.objectContaining({ code: 'POSITION_INVALID', message: expect.stringContaining(why) }),
    );
  });
});
