/** The grouper against a small model of a shard's stream, and the cases a real server is known for, each by its number. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogOf, changeText, grouperOf, unitText, type UnitText } from '../../test/support/stream-fixture.js';
import { finalCopyCompleted, heartbeat, response, ShardEvents, type VectorEntry, type WireEvent } from '../../test/support/wire-events.js';
import { VStreamError } from '../errors.js';
import type { GroupUnit, Unit } from './grouper.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const one = (n: number): string => `${UUID}:${n}`;

const a = new ShardEvents('-80');
const b = new ShardEvents('80-');
const vector = (n: number, m = 1): VectorEntry[] => [
  { shard: '-80', gtid: set(n) },
  { shard: '80-', gtid: set(m) },
];
const row = (id: number, v = 'x'): { after: string[] } => ({ after: [String(id), v] });

const units = (grouper: ReturnType<typeof grouperOf>, ...messages: (readonly WireEvent[])[]): UnitText[] =>
  messages.flatMap((events) => grouper.push(response(...events))).map(unitText);

describe('replication', () => {
  test('a transaction is handed out at its COMMIT with the vector before it (G24)', () => {
    const grouper = grouperOf(['-80', '80-']);
    expect(
      units(grouper, [
        a.begin(9, one(5)),
        a.field('t', 9),
        a.row('t', [row(1), { before: ['2', 'y'], after: ['2', 'z'] }, { before: ['3', 'w'] }], 9),
        a.vgtid(vector(5)),
      ]),
    ).toEqual([]);
    expect(units(grouper, [a.commit(9, one(5))])).toEqual([
      {
        shard: '-80',
        kind: 'transaction',
        gtid: set(5),
        rows: ['insert t 1 x', 'update t 2 y -> 2 z', 'delete t 3 w ->'],
        tables: ['t'],
        statements: [],
      },
    ]);
  });

  test('a heartbeat between its messages disturbs nothing (G47), and only counts', () => {
    const grouper = grouperOf(['-80']);
    expect(
      units(
        grouper,
        [a.begin(9), a.field('t', 9)],
        [heartbeat()],
        [a.row('t', [row(1)], 9)],
        [heartbeat()],
        [a.vgtid(vector(5)), a.commit(9)],
      ),
    ).toMatchObject([{ rows: ['insert t 1 x'] }]);
    expect(grouper.heartbeats).toBe(2);
  });

  test('a COMMIT without a vector moves nothing (G37)', () => {
    const grouper = grouperOf(['-80']);
    const [unit] = units(grouper, [a.begin(9), a.field('t', 9), a.row('t', [row(1)], 9), a.commit(9)]);
    expect(unit).toEqual({ shard: '-80', kind: 'transaction', rows: ['insert t 1 x'], tables: ['t'], statements: [] });
  });

  test('DDL and OTHER adopt the vector before them, outside any transaction (G38, G39)', () => {
    const grouper = grouperOf(['-80']);
    expect(units(grouper, [a.vgtid(vector(5)), a.ddl('alter table t add c int', 9)], [a.vgtid(vector(6)), a.other(9)])).toEqual([
      { shard: '-80', kind: 'statement', gtid: set(5), statements: ['alter table t add c int'] },
      { shard: '-80', kind: 'checkpoint', gtid: set(6) },
    ]);
  });

  test('inside a transaction neither does: the statement waits for the COMMIT (G40)', () => {
    const grouper = grouperOf(['-80']);
    expect(units(grouper, [a.begin(9), a.vgtid(vector(5)), a.ddl('create table t (id int)', 9), a.other(9)])).toEqual([]);
    expect(units(grouper, [a.field('t', 9), a.row('t', [row(1)], 9), a.vgtid(vector(6)), a.commit(9)])).toEqual([
      { shard: '-80', kind: 'transaction', gtid: set(6), rows: ['insert t 1 x'], tables: ['t'], statements: ['create table t (id int)'] },
    ]);
  });

  test('a vector whose COMMIT never came is not adopted by the next group', () => {
    const grouper = grouperOf(['-80']);
    expect(units(grouper, [a.begin(9), a.vgtid(vector(5)), a.begin(9), a.commit(9)])).toMatchObject([{ kind: 'transaction' }]);
    expect(units(grouper, [a.vgtid(vector(6)), a.begin(9), a.commit(9)])[0]?.gtid).toBeUndefined();
  });

  test('ROLLBACK drops the group, keeps its FIELDs and adopts nothing', () => {
    const grouper = grouperOf(['-80']);
    expect(units(grouper, [a.begin(9), a.field('t', 9), a.row('t', [row(1)], 9), a.vgtid(vector(5)), a.rollback(9)])).toEqual([]);
    expect(units(grouper, [a.begin(9), a.row('t', [row(2)], 9), a.vgtid(vector(6)), a.commit(9)])).toEqual([
      { shard: '-80', kind: 'transaction', gtid: set(6), rows: ['insert t 2 x'], tables: ['t'], statements: [] },
    ]);
  });

  test('events of types that do not exist yet are passed over (G9)', () => {
    const grouper = grouperOf(['-80']);
    expect(
      units(grouper, [
        a.begin(9),
        a.unknown(99),
        a.field('t', 9),
        a.unknown(21),
        a.unknown(22),
        a.row('t', [row(1)], 9),
        a.unknown(17),
        a.vgtid(vector(5)),
        a.unknown(99),
        a.commit(9),
      ]),
    ).toMatchObject([{ gtid: set(5), rows: ['insert t 1 x'] }]);
  });

  test('FIELDs of several tables may come before any of their rows (G51), and without rows (G53)', () => {
    const grouper = grouperOf(['-80']);
    expect(
      units(grouper, [
        a.begin(9),
        a.field('t', 9),
        a.field('u', 9),
        a.field('w', 9),
        a.row('u', [row(1)], 9),
        a.row('t', [row(2)], 9),
        a.vgtid(vector(5)),
        a.commit(9),
      ]),
    ).toMatchObject([{ rows: ['insert u 1 x', 'insert t 2 x'], tables: ['t', 'u', 'w'] }]);
  });

  test('rows of a table without its FIELD in this RPC are an error that reconnects (G54)', () => {
    const grouper = grouperOf(['-80', '80-']);
    units(grouper, [b.begin(9), b.field('t', 9), b.vgtid(vector(1, 2)), b.commit(9)]);
    expect(() => units(grouper, [a.begin(9), a.row('t', [row(1)], 9)])).toThrowError(
      expect.objectContaining({ code: 'PROTOCOL', category: 'retry', table: 't', shard: '-80' }),
    );
  });

  test('rows of unwanted tables need no FIELD and leave an empty transaction', () => {
    const grouper = grouperOf(['-80'], { catalog: catalogOf({ optionsFor: ({ table }) => (table === 't' ? {} : undefined) }) });
    expect(
      units(grouper, [a.begin(9), a.row('u', [row(1)], 9), a.field('u', 9), a.row('u', [row(1)], 9), a.vgtid(vector(5)), a.commit(9)]),
    ).toEqual([{ shard: '-80', kind: 'transaction', gtid: set(5), rows: [], tables: [], statements: [] }]);
  });

  test('a change without images is none, and those around it keep their ordinals', () => {
    const grouper = grouperOf(['-80']);
    const group = [a.begin(9), a.field('t', 9), a.row('t', [row(1), {}, row(2)], 9), a.vgtid(vector(5)), a.commit(9)];
    const [unit] = grouper.push(response(...group));
    expect(unit?.kind === 'group' && unit.changes.map((one) => `${one.ordinal} ${changeText(one)}`)).toEqual([
      '0 insert t 1 x',
      '2 insert t 2 x',
    ]);
    expect(units(grouper, [a.begin(9), a.row('t', [{}], 9), a.vgtid(vector(6)), a.commit(9)])).toMatchObject([{ rows: [], gtid: set(6) }]);
  });

  test("rows of the tablets' heartbeat tables are signs of life, not changes, whatever users call their tables", () => {
    const grouper = grouperOf(['-80']);
    const internal = [
      a.field('heartbeat', 9, [{ name: 'ts', type: 'INT64' }], true),
      a.row('heartbeat', [{ after: ['1'] }], 9, undefined, true),
    ];
    expect(
      units(
        grouper,
        [a.begin(9), ...internal, a.vgtid(vector(5)), a.commit(9)],
        [a.begin(9), a.field('heartbeat', 9), a.row('heartbeat', [row(1)], 9), a.vgtid(vector(6)), a.commit(9)],
      ),
    ).toMatchObject([
      { rows: [], tables: [] },
      { rows: ['insert heartbeat 1 x'], tables: ['heartbeat'] },
    ]);
    expect(grouper.keyspaceHeartbeats.get('commerce/-80')).toBe(1);
  });

  test('a table name may hold dots: only the known keyspace is cut off, if it is there at all (G105)', () => {
    const grouper = grouperOf(['-80']);
    const bare = new ShardEvents('-80', 'commerce', '');
    expect(
      units(grouper, [
        a.begin(9),
        a.field('a.b', 9),
        a.row('a.b', [row(1)], 9),
        bare.field('a.b', 9),
        bare.row('a.b', [row(2, 'y')], 9),
        a.vgtid(vector(5)),
        a.commit(9),
      ])[0]?.rows,
    ).toEqual(['insert a.b 1 x', 'insert a.b 2 y']);
  });

  test('lag is told by the clock of the source (G59), and not of events without a time (G58)', () => {
    const grouper = grouperOf(['-80']);
    const [unit] = grouper.push(response(a.begin(9), a.vgtid(vector(5)), a.commit(9)));
    expect(unit).toMatchObject({ timestamp: 9, lagMs: 250 });
    const [copied] = grouper.push(response(a.begin(), a.vgtid(vector(5)), a.commit()));
    expect(copied).toMatchObject({ timestamp: 0, lagMs: undefined });
  });

  test('the commit time is that of the COMMIT, not of the statements (G57)', () => {
    const [unit] = grouperOf(['-80']).push(response(a.begin(7), a.field('t', 7), a.row('t', [row(1)], 8), a.vgtid(vector(5)), a.commit(9)));
    expect((unit as GroupUnit).changes[0]?.commitTime).toBe(9);
  });
});

describe('copy', () => {
  test('a copied row is known by having no time (G58); of two vectors the last counts (G27)', () => {
    const grouper = grouperOf(['-80']);
    const pending = (key: number): VectorEntry[] => [{ shard: '-80', gtid: set(3), pending: [{ table: 't', key }] }];
    expect(
      units(
        grouper,
        [a.begin(), a.field('t')],
        [a.vgtid([{ shard: '-80', gtid: set(3) }])],
        [a.row('t', [row(1)]), a.row('t', [row(2)]), a.vgtid(pending(2)), a.commit()],
      ),
    ).toEqual([{ shard: '-80', kind: 'copied', gtid: set(3), rows: ['copy t 1 x', 'copy t 2 x'], tables: ['t'], statements: [] }]);
    expect(grouper.push(response(a.begin(), a.row('t', [row(3)]), a.vgtid(pending(3)), a.commit()))[0]?.vgtid?.pending[0]?.table).toBe('t');
  });

  test('the BEGIN of an empty table without a COMMIT: the second keeps its FIELD (G45)', () => {
    const grouper = grouperOf(['-80']);
    expect(
      units(
        grouper,
        [a.begin(), a.field('e')],
        [a.begin(), a.vgtid(vector(3)), a.commit()],
        [a.begin(9), a.row('e', [row(1)], 9), a.vgtid(vector(4)), a.commit(9)],
      ),
    ).toEqual([
      { shard: '-80', kind: 'copied', gtid: set(3), rows: [], tables: ['e'], statements: [] },
      { shard: '-80', kind: 'transaction', gtid: set(4), rows: ['insert e 1 x'], tables: [], statements: [] },
    ]);
  });

  test('servers that leave out the BEGIN of later packets are understood (G46)', () => {
    const grouper = grouperOf(['-80']);
    expect(
      units(
        grouper,
        [a.begin(), a.field('t'), a.row('t', [row(1)]), a.vgtid(vector(3)), a.commit()],
        [a.row('t', [row(2)]), a.vgtid(vector(3)), a.commit()],
        [a.vgtid(vector(3)), a.commit()],
      ),
    ).toMatchObject([
      { kind: 'copied', rows: ['copy t 1 x'] },
      { kind: 'copied', rows: ['copy t 2 x'], gtid: set(3) },
      { kind: 'checkpoint', gtid: set(3) },
    ]);
  });

  test('COPY_COMPLETED carries no position, not even one that waits (G48); the one without a shard is not needed (G49)', () => {
    const grouper = grouperOf(['-80']);
    expect(units(grouper, [a.copyCompleted(), finalCopyCompleted()], [a.vgtid(vector(3)), a.copyCompleted()], [a.other()])).toEqual([
      { shard: '-80', kind: 'copy-completed' },
      { shard: '-80', kind: 'copy-completed' },
      { shard: '-80', kind: 'checkpoint', gtid: set(3) },
    ]);
  });

  test('a second FIELD of a table under way tells of a copy that VTGate restarted (G108)', () => {
    const grouper = grouperOf(['-80']);
    const packet = (id: number): WireEvent[] => [a.begin(), a.field('t'), a.row('t', [row(id)]), a.vgtid(vector(3)), a.commit()];
    const restarted = [packet(1), packet(1)].map((events) => (grouper.push(response(...events))[0] as GroupUnit).copyRestarted);
    expect(restarted).toEqual([undefined, 't']);
  });

  test('a statement behind a copy that VTGate began again stands for itself: it does not go with the group that was open (G108)', () => {
    const grouper = grouperOf(['-80']);
    const opened = [a.begin(), a.field('t'), a.row('t', [row(1)])];
    const catchUp = [a.vgtid(vector(6)), a.ddl('truncate table u', 9), a.vgtid(vector(7)), a.other(9)];
    expect(units(grouper, opened, catchUp, [a.begin(), a.field('t'), a.row('t', [row(1)]), a.vgtid(vector(8)), a.commit()])).toMatchObject([
      { kind: 'statement', gtid: set(6), statements: ['truncate table u'] },
      { kind: 'checkpoint', gtid: set(7) },
      { kind: 'copied', gtid: set(8), rows: ['copy t 1 x'], tables: ['t'] },
    ]);
  });

  test('rows do not count as copied for want of a time in another group', () => {
    const grouper = grouperOf(['-80'], { phase: () => 'catchup' });
    const phases = [
      grouper.push(response(a.begin(), a.field('t'), a.row('t', [row(1)]), a.vgtid(vector(3)), a.commit())),
      grouper.push(response(a.begin(9), a.row('t', [row(2)], 9), a.vgtid(vector(4)), a.commit(9))),
    ]
      .flat()
      .map((unit) => (unit as GroupUnit).changes[0]?.phase);
    expect(phases).toEqual(['copy', 'catchup']);
  });
});

describe('shards that join (G123)', () => {
  test('the first unit of one brings the whole vector, once', () => {
    const grouper = grouperOf(['-80']);
    const moved: VectorEntry[] = [{ shard: '80-', gtid: set(2) }];
    const seen = [
      grouper.push(response(b.begin(9), b.field('t', 9), b.row('t', [row(1)], 9), b.vgtid(moved), b.commit(9))),
      grouper.push(response(b.vgtid(moved), b.other(9))),
    ].flat();
    expect(seen.map((unit) => unit.vector?.map((entry) => entry.shard))).toEqual([['80-'], undefined]);
    expect(seen.map(unitText)[0]?.rows).toEqual(['insert t 1 x']);
  });

  test('all that join by one reshard tell of it once, and their changes count it at once', () => {
    const grouper = grouperOf([], { shards: [{ keyspace: 'commerce', shard: '0', gtid: set(1) }], reshards: 3 });
    const seen = [a, b].flatMap((shard) =>
      grouper.push(response(shard.begin(9), shard.field('t', 9), shard.row('t', [row(1)], 9), shard.vgtid(vector(4, 6)), shard.commit(9))),
    );
    expect(seen.map((unit) => unit.vector?.map((entry) => entry.shard))).toEqual([['-80', '80-'], undefined]);
    expect(seen.flatMap((unit) => (unit as GroupUnit).changes.map((change) => change.sequence))).toEqual([
      [4, 4n, 0],
      [4, 6n, 0],
    ]);
  });

  test('a shard that traffic is switched back to joins again', () => {
    const zero = new ShardEvents('0');
    const grouper = grouperOf([], { shards: [{ keyspace: 'commerce', shard: '0', gtid: set(1) }] });
    const change = (shard: ShardEvents, seen: readonly VectorEntry[]): Unit[] =>
      grouper.push(response(shard.begin(9), shard.field('t', 9), shard.row('t', [row(1)], 9), shard.vgtid(seen), shard.commit(9)));
    const seen = [
      change(zero, [{ shard: '0', gtid: set(2) }]),
      change(b, vector(4, 6)),
      change(a, vector(5, 6)),
      change(zero, [{ shard: '0', gtid: set(3) }]),
    ].flat();
    expect(seen.map((unit) => unit.vector?.map((entry) => entry.shard))).toEqual([undefined, ['-80', '80-'], undefined, ['0']]);
    expect(seen.flatMap((unit) => (unit as GroupUnit).changes.map((one) => one.sequence[0]))).toEqual([0, 1, 1, 2]);
  });

  test('a shard that a reshard left alone keeps its count', () => {
    const grouper = grouperOf(['-80', '80-']);
    const narrow = new ShardEvents('-40');
    const now: VectorEntry[] = [
      { shard: '80-', gtid: set(1) },
      { shard: '-40', gtid: set(4) },
      { shard: '40-80', gtid: set(4) },
    ];
    const seen = [
      grouper.push(response(narrow.begin(9), narrow.field('t', 9), narrow.row('t', [row(1)], 9), narrow.vgtid(now), narrow.commit(9))),
      grouper.push(response(b.begin(9), b.field('t', 9), b.row('t', [row(2)], 9), b.vgtid(now), b.commit(9))),
    ].flat();
    expect(seen.flatMap((unit) => (unit as GroupUnit).changes.map((one) => one.sequence[0]))).toEqual([1, 0]);
  });
});

describe('sequence', () => {
  test('counts the transactions of the shard up to its own, the same before the vector is known', () => {
    const big = 'x'.repeat(60);
    const grouper = grouperOf([], {
      shards: [{ keyspace: 'commerce', shard: '-80', gtid: set(4) }],
      transactionBytes: 100,
      hugeTransaction: 'split',
      reshards: 2,
    });
    const seen = [
      ...grouper.push(response(a.begin(9, one(5)), a.field('t', 9), a.row('t', [row(1)], 9), a.commit(9, one(5)))),
      ...grouper.push(response(a.begin(9, one(6)), a.row('t', [row(1, big)], 9), a.row('t', [row(2, big)], 9), a.row('t', [row(3)], 9))),
      ...grouper.push(response(a.vgtid(vector(6)), a.commit(9, one(6)))),
      ...grouper.push(response(a.begin(9, one(7)), a.row('t', [row(1)], 9), a.vgtid(vector(7)), a.commit(9, one(7)))),
    ];
    expect(seen.flatMap((unit) => (unit as GroupUnit).changes.map((change) => change.sequence))).toEqual([
      [2, 5n, 0],
      [2, 6n, 0],
      [2, 6n, 1],
      [2, 6n, 2],
      [2, 7n, 0],
    ]);
  });
});

describe('transactions above the limit', () => {
  const text = 'x'.repeat(50);
  const rows = (from: number, to: number): WireEvent[] =>
    Array.from({ length: to - from }, (_, index) => a.row('t', [row(from + index, text)], 9));
  const split = (applied?: { gtid: string; applied: number; parts: number }): ReturnType<typeof grouperOf> =>
    grouperOf(['-80'], {
      transactionBytes: 200,
      hugeTransaction: 'split',
      ...(applied ? { skip: [{ keyspace: 'commerce', shard: '-80', ...applied }] } : {}),
    });
  const ids = (found: readonly Unit[]): number[] =>
    found.flatMap((unit) => (unit.kind === 'group' ? unit.changes.map((change) => Number(change.after?.['id'])) : []));
  const whole = (from = 0, to = 10, n = 5): WireEvent[] => [
    a.begin(9, one(n)),
    a.field('t', 9),
    ...rows(from, to),
    a.vgtid(vector(n)),
    a.commit(9, one(n)),
  ];

  test('fail by name and size unless they may be split', () => {
    const grouper = grouperOf(['-80'], { transactionBytes: 200 });
    expect(() => grouper.push(response(...whole()))).toThrowError(
      expect.objectContaining({ code: 'TRANSACTION_TOO_LARGE', shard: '-80', position: one(5) }),
    );
  });

  test('do not count what is not kept: rows of tables nobody wants there', () => {
    const grouper = grouperOf(['-80'], { transactionBytes: 200, catalog: catalogOf({ optionsFor: () => undefined }) });
    expect(units(grouper, whole())).toMatchObject([{ rows: [] }]);
  });

  test('cannot be split where the server tells no GTID', () => {
    expect(() => split().push(response(a.begin(9), a.field('t', 9), ...rows(0, 10)))).toThrowError(
      expect.objectContaining({ code: 'TRANSACTION_TOO_LARGE' }),
    );
  });

  test('come in parts that together are the whole; only the last has the position', () => {
    const parts = split().push(response(...whole())) as GroupUnit[];
    expect(ids(parts)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.map((one) => one.part?.index)).toEqual(parts.map((_, index) => index));
    expect(parts.map((one) => one.part?.last)).toEqual(parts.map((_, index) => index === parts.length - 1));
    expect(parts.map((one) => one.vgtid?.gtid)).toEqual(parts.map((_, index) => (index === parts.length - 1 ? set(5) : undefined)));
    let before = 0;
    for (const one of parts) {
      expect(one.part?.before).toBe(before);
      before += one.changes.length;
    }
    expect(parts.flatMap((one) => one.changes.map((change) => change.ordinal))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('a part has no position, even when its vector came before its last rows', () => {
    const parts = split().push(response(a.begin(9, one(5)), a.field('t', 9), a.vgtid(vector(5)), ...rows(0, 10), a.commit(9, one(5))));
    expect(parts.map((part) => part.vgtid?.gtid)).toEqual(parts.map((_, index) => (index === parts.length - 1 ? set(5) : undefined)));
    expect(parts.length).toBeGreaterThan(2);
  });

  test('go on after any part when they are replayed, and after a second BEGIN of the same GTID (G60)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }), fc.boolean(), (cut, applied, alsoResumed) => {
        const grouper = alsoResumed ? split({ gtid: one(5), applied, parts: 1 }) : split();
        const first = grouper.push(response(a.begin(9, one(5)), a.field('t', 9), ...rows(0, cut)));
        const second = grouper.push(response(a.begin(9, one(5)), ...rows(0, 10), a.vgtid(vector(5)), a.commit(9, one(5))));
        const all = [...first, ...second] as GroupUnit[];
        expect(ids(all)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].slice(alsoResumed ? applied : 0));
        expect(all.filter((unit) => unit.part?.last !== false).length).toBe(1);
        const indexes = all.map((unit) => unit.part?.index ?? 0);
        expect(indexes).toEqual(indexes.map((_, index) => index + (alsoResumed ? 1 : 0)));
        // The next transaction is nobody's replay.
        expect(ids(grouper.push(response(...whole(0, 2, 6))))).toEqual([0, 1]);
      }),
    );
  });

  test('a resumed one is remembered when another tablet sends others before it', () => {
    const grouper = split({ gtid: one(5), applied: 4, parts: 1 });
    expect(ids(grouper.push(response(...whole(20, 22, 6))))).toEqual([20, 21]);
    expect(ids(grouper.push(response(a.begin(9, one(5)), ...rows(0, 6), a.vgtid(vector(6)), a.commit(9, one(5)))))).toEqual([4, 5]);
    expect(ids(grouper.push(response(a.begin(9, one(5)), ...rows(0, 2), a.vgtid(vector(6)), a.commit(9, one(5)))))).toEqual([0, 1]);
  });

  test('another GTID after a cut is a transaction of its own', () => {
    const grouper = split();
    const first = grouper.push(response(a.begin(9, one(5)), a.field('t', 9), ...rows(0, 7)));
    expect(ids(first).length).toBeGreaterThan(0);
    expect(ids(grouper.push(response(...whole(30, 32, 6))))).toEqual([30, 31]);
    const rest = grouper.push(response(a.begin(9, one(5)), ...rows(0, 7), a.vgtid(vector(6)), a.commit(9, one(5))));
    expect([...ids(first), ...ids(rest)]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('a copy is never split nor refused for its size', () => {
    const grouper = grouperOf(['-80'], { transactionBytes: 10 });
    expect(
      units(grouper, [
        a.begin(),
        a.field('t'),
        ...Array.from({ length: 5 }, (_, id) => a.row('t', [row(id, text)])),
        a.vgtid(vector(3)),
        a.commit(),
      ])[0]?.rows?.length,
    ).toBe(5);
  });
});

interface OpenGroup {
  readonly rows: string[];
  readonly statements: string[];
  readonly copied: boolean;
}

/** One shard the slow and obvious way. */
class Model {
  readonly #shard: string;
  #open: OpenGroup | undefined;
  #held: number | undefined;
  #told: string[] = [];
  readonly known = new Set<string>();

  constructor(shard: string) {
    this.#shard = shard;
  }

  step(action: Action): UnitText | undefined {
    const { kind } = action;
    if (this.#open?.copied && (kind === 'ddl' || kind === 'other')) this.#open = undefined;
    switch (kind) {
      case 'begin':
        this.#held = undefined;
        this.#open = { rows: [], statements: [], copied: action.copied };
        return undefined;
      case 'field':
        if (!this.known.has(action.table)) this.#told.push(action.table);
        this.known.add(action.table);
        return undefined;
      case 'row':
        if (!this.#open) {
          this.#held = undefined;
          this.#open = { rows: [], statements: [], copied: action.copied };
        }
        this.#open.rows.push(`${action.copied ? 'copy' : 'insert'} ${action.table} ${action.id} x`);
        return undefined;
      case 'vgtid':
        this.#held = action.n;
        return undefined;
      case 'commit':
        if (this.#open) return this.#group(this.#open);
        return this.#held === undefined ? undefined : this.#end('checkpoint');
      case 'rollback':
        this.#open = undefined;
        this.#held = undefined;
        return undefined;
      case 'ddl':
        if (!this.#open) return { ...this.#end('statement'), statements: [action.statement] };
        this.#open.statements.push(action.statement);
        return undefined;
      case 'other':
        return this.#open || this.#held === undefined ? undefined : this.#end('checkpoint');
      case 'copyCompleted':
        return { shard: this.#shard, kind: 'copy-completed' };
      default:
        return undefined;
    }
  }

  #group({ rows, statements, copied }: OpenGroup): UnitText {
    const unit = { ...this.#end(copied ? 'copied' : 'transaction'), rows, tables: this.#told, statements };
    this.#open = undefined;
    this.#told = [];
    return unit;
  }

  #end(kind: string): UnitText {
    const gtid = this.#held === undefined ? {} : { gtid: set(this.#held) };
    this.#held = undefined;
    return { shard: this.#shard, kind, ...gtid };
  }
}

type Action =
  | { readonly kind: 'begin'; readonly copied: boolean }
  | { readonly kind: 'field' | 'row'; readonly table: string; readonly id: number; readonly copied: boolean }
  | { readonly kind: 'vgtid'; readonly n: number }
  | { readonly kind: 'ddl'; readonly statement: string }
  | { readonly kind: 'commit' | 'rollback' | 'other' | 'copyCompleted' | 'journal' | 'heartbeat' | 'unknown' };

const table = fc.constantFrom('t', 'u', 'a.b');
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('begin' as const), copied: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('field' as const), table, id: fc.constant(0), copied: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('row' as const), table, id: fc.nat({ max: 9 }), copied: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('vgtid' as const), n: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ddl' as const), statement: fc.constantFrom('truncate t', 'drop table u') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'rollback' as const,
        'other' as const,
        'copyCompleted' as const,
        'journal' as const,
        'heartbeat' as const,
        'unknown' as const,
      ),
    }),
  },
);

function wireOf(source: ShardEvents, step: Action): WireEvent {
  switch (step.kind) {
    case 'begin':
      return source.begin(step.copied ? 0 : 9);
    case 'field':
      return source.field(step.table, step.copied ? 0 : 9);
    case 'row':
      return source.row(step.table, [row(step.id)], step.copied ? 0 : 9);
    case 'vgtid':
      return source.vgtid([
        { shard: '-80', gtid: set(step.n) },
        { shard: '80-', gtid: set(step.n) },
      ]);
    case 'commit':
      return source.commit(9);
    case 'rollback':
      return source.rollback(9);
    case 'ddl':
      return source.ddl(step.statement, 9);
    case 'other':
      return source.other(9);
    case 'copyCompleted':
      return source.copyCompleted();
    case 'journal':
      return source.journal();
    case 'heartbeat':
      return heartbeat();
    case 'unknown':
      return source.unknown(77);
  }
}

describe('any events in any order', () => {
  test('give what the model of a shard gives, however they are packed and mixed with those of another shard', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ second: fc.boolean(), step: action, split: fc.boolean() }), { maxLength: 60 }), (script) => {
        const models = [new Model('-80'), new Model('80-')] as const;
        const grouper = grouperOf(['-80', '80-']);
        const expected: UnitText[] = [];
        const actual: UnitText[] = [];
        let packet: WireEvent[] = [];
        for (const { second, step, split } of script) {
          const model = models[second ? 1 : 0];
          if (step.kind === 'row' && !model.known.has(step.table)) continue;
          const unit = model.step(step);
          if (unit) expected.push(unit);
          packet.push(wireOf(second ? b : a, step));
          if (!split) continue;
          actual.push(...units(grouper, packet));
          packet = [];
        }
        actual.push(...units(grouper, packet));
        expect(actual).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('broken bytes end in a named error, with nothing handed out that was not complete', () => {
    const script = [a.begin(9), a.field('t', 9), a.row('t', [row(1), row(2)], 9), a.vgtid(vector(5)), a.commit(9)];
    const good = response(...script);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
        fc.nat({ max: good.length }),
        (changes, cut) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of changes) bytes[at] = value;
          for (const buffer of [bytes, good.subarray(0, cut)]) {
            try {
              for (const unit of grouperOf(['-80']).push(buffer))
                if (unit.kind === 'group') unit.changes.forEach((change) => void change.key);
            } catch (error) {
              if (!VStreamError.is(error)) throw error;
            }
          }
        },
      ),
      { numRuns: 400 },
    );
    expect(
      grouperOf(['-80'])
        .push(good)
        .flatMap((unit) => (unit as GroupUnit).changes.map(changeText)),
    ).toEqual(['insert t 1 x', 'insert t 2 x']);
  });
});
