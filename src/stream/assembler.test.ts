/**
 * Batches and their positions. The property at the end plays whole streams of two shards, cut and resumed anywhere: after every
 * batch the position covers exactly the rows handed out, no more and no fewer.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogOf } from '../../test/support/stream-fixture.js';
import { COLUMNS, lastPk, response, ShardEvents, type VectorEntry, type WireEvent } from '../../test/support/wire-events.js';
import { newPlan, nextTable } from '../copy/steps.js';
import { countGtids, parseGtidSet } from '../position/gtid.js';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import { Assembler } from './assembler.js';
import { asBatch, type StreamBatch } from './batch.js';
import { readDdl } from './ddl.js';
import { Grouper, type Unit } from './grouper.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const one = (n: number): string => `${UUID}:${n}`;
const numberOf = (gtid: string | undefined): number => Number(countGtids(parseGtidSet(gtid ?? '') ?? new Map()));

const SHARDS = ['-80', '80-'] as const;
type ShardName = (typeof SHARDS)[number];
const sources = { '-80': new ShardEvents('-80'), '80-': new ShardEvents('80-') };
const C: TableRef = { keyspace: 'commerce', table: 'c' };

interface Options {
  readonly batchChanges: number;
  readonly batchBytes: number;
  readonly transactionBytes: number;
}

const WIDE: Options = { batchChanges: 1000, batchBytes: 1 << 20, transactionBytes: 1 << 20 };

function positionAt(n: number, plan = CopyPlan.empty): Position {
  return new Position(
    SHARDS.map((shard) => ({ keyspace: 'commerce', shard, gtid: set(n) })),
    plan,
  );
}

/** What the engine does with units, without network and time. */
class Client {
  readonly assembler: Assembler;
  readonly #grouper: Grouper;
  readonly batches: StreamBatch[] = [];
  restarts: string[] = [];

  constructor(position: Position, options: Options = WIDE) {
    this.assembler = new Assembler(position, options);
    this.assembler.setCopying(nextTable(position.plan));
    const generationOf = (ref: TableRef, shard: string): number =>
      this.assembler.plan.shard(ref.keyspace, ref.table, shard)?.generation ?? 1;
    this.#grouper = new Grouper({
      catalog: catalogOf({ generationOf }),
      shards: position.shards,
      phase: (keyspace, shard) => (this.assembler.plan.doneOn(keyspace, shard) ? 'live' : 'catchup'),
      reshards: position.reshards,
      transactionBytes: options.transactionBytes,
      hugeTransaction: 'split',
      skip: position.partial,
    });
  }

  feed(...events: readonly WireEvent[]): StreamBatch[] {
    const before = this.batches.length;
    for (const unit of this.#grouper.push(response(...events))) this.batches.push(...this.#take(unit));
    return this.batches.slice(before);
  }

  #take(unit: Unit): StreamBatch[] {
    const { assembler } = this;
    switch (unit.kind) {
      case 'group':
        return assembler.addGroup(unit, (table, shard) => {
          this.restarts.push(`${table.table} ${shard}`);
          this.#grouper.refresh();
        });
      case 'checkpoint':
        return assembler.addCheckpoint(unit);
      case 'copy-completed':
        return assembler.addCopyCompleted(unit);
      case 'statement': {
        const changes = readDdl(unit.statement).tables.map((table) => ({
          kind: 'ddl' as const,
          keyspace: unit.keyspace,
          table,
          shard: unit.shard,
          from: undefined,
          to: undefined,
          statement: unit.statement,
        }));
        return assembler.addStatement(unit, changes, []);
      }
    }
  }

  flush(): StreamBatch[] {
    const batches = this.assembler.flush();
    this.batches.push(...batches);
    return batches;
  }

  /** As when progress is due. */
  settle(): StreamBatch[] {
    const before = this.batches.length;
    this.flush();
    if (this.assembler.hasMoved) this.batches.push(this.assembler.progress({ type: 'position' }));
    return this.batches.slice(before);
  }
}

const gtids = (batch: StreamBatch | undefined): number[] => SHARDS.map((shard) => numberOf(batch?.position.gtid('commerce', shard)));
const texts = (batch: StreamBatch | undefined): unknown[] => batch?.changes.map((change) => (change.after ?? change.before)?.['v']) ?? [];
const vector = (n: number, m = n, pending: VectorEntry['pending'] = []): VectorEntry[] => [
  { shard: '-80', gtid: set(n), pending },
  { shard: '80-', gtid: set(m), pending },
];
const tx = (shard: ShardName, n: number, ...rows: string[]): WireEvent[] => {
  const source = sources[shard];
  return [
    source.begin(9, one(n)),
    ...rows.map((v, index) => source.row('t', [{ after: [String(index), v] }], 9)),
    source.vgtid(vector(n)),
    source.commit(9, one(n)),
  ];
};
const field = (shard: ShardName, table = 't', time = 9): WireEvent[] => [
  sources[shard].begin(time),
  sources[shard].field(table, time),
  sources[shard].rollback(time),
];
const packet = (shard: ShardName, n: number, ids: readonly number[], key: number | undefined): WireEvent[] => {
  const source = sources[shard];
  const pending = key === undefined ? [] : [{ table: 'c', key }];
  return [
    source.begin(),
    ...ids.map((id) => source.row('c', [{ after: [String(id), `${shard} ${id}`] }])),
    source.vgtid(vector(n, n, pending)),
    source.commit(),
  ];
};

describe('transactions', () => {
  test('wait until the batch is full or asked for, and stay whole', () => {
    const client = new Client(positionAt(1), { ...WIDE, batchChanges: 3 });
    expect(client.feed(...field('-80'), ...tx('-80', 2, 'a', 'b')).map((batch) => batch.kind)).toEqual(['schema']);
    const [first] = client.feed(...tx('-80', 3, 'c', 'd'));
    expect(texts(first)).toEqual(['a', 'b']);
    expect(gtids(first)).toEqual([2, 1]);
    const [second] = client.feed(...tx('-80', 4, 'e', 'f', 'g', 'h'));
    expect(texts(second)).toEqual(['c', 'd']);
    expect(texts(client.batches.at(-1))).toEqual(['e', 'f', 'g', 'h']);
    expect(gtids(client.batches.at(-1))).toEqual([4, 1]);
    expect(client.flush()).toEqual([]);
  });

  test('of several shards share a batch, and each moves its own shard only', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'), ...field('80-'), ...tx('-80', 5, 'a'), ...tx('80-', 7, 'b'));
    const [batch] = client.flush();
    expect(batch?.transactions.map((one) => one.shard)).toEqual(['-80', '80-']);
    expect(gtids(batch)).toEqual([5, 7]);
  });

  test('without rows hand out nothing, yet the position goes along with the next batch or with progress', () => {
    const client = new Client(positionAt(1));
    expect(client.feed(...tx('-80', 2), ...tx('80-', 3))).toEqual([]);
    expect(client.assembler.hasMoved).toBe(true);
    expect(client.assembler.hasChanges).toBe(false);
    expect(client.settle().map((batch) => [batch.kind, ...gtids(batch)])).toEqual([['progress', 2, 3]]);
    expect(client.assembler.hasMoved).toBe(false);
    client.feed(...tx('80-', 4), ...field('-80'), ...tx('-80', 3, 'a'));
    expect(gtids(client.flush()[0])).toEqual([3, 4]);
  });

  test('progress never passes over changes that wait', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'), ...tx('-80', 2, 'a'));
    expect(() => client.assembler.progress({ type: 'position' })).toThrowError(expect.objectContaining({ code: 'INTERNAL' }));
  });

  test('what was not handed out is forgotten by a rewind', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'), ...tx('-80', 2, 'a'));
    client.assembler.rewind();
    expect(client.assembler.hasMoved).toBe(false);
    expect(client.flush()).toEqual([]);
    expect(client.assembler.gtid('commerce', '-80')).toBe(set(1));
  });

  test('`current` and the empty position never enter a position (G30)', () => {
    const client = new Client(positionAt(1));
    for (const gtid of ['current', '']) client.feed(sources['-80'].vgtid([{ shard: '-80', gtid }]), sources['-80'].other(9));
    expect(client.assembler.hasMoved).toBe(false);
  });

  test('a batch finds its changes by table, with keyspace, and by the pattern that selected them', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'), ...field('-80', 'tu'), ...tx('-80', 2, 'a', 'b'));
    const [batch] = client.flush();
    const counts = ['t', 'commerce.t', 't*', 'commerce.*', 'other.t', 'u', 'x*'].map(
      (name) => asBatch(batch as StreamBatch).of(name).length,
    );
    expect(counts).toEqual([2, 2, 2, 2, 0, 0, 0]);
  });
});

describe('statements and versions', () => {
  test('a statement closes what came before it, and is alone with its position', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'), ...tx('-80', 2, 'a'));
    const batches = client.feed(sources['-80'].vgtid(vector(3, 1)), sources['-80'].ddl('drop table t, u', 9));
    expect(batches.map((batch) => [batch.kind, batch.schema?.table, ...gtids(batch)])).toEqual([
      ['transactions', undefined, 2, 1],
      // The position moves with the last of them: a crash in between repeats the statement.
      ['schema', 't', 2, 1],
      ['schema', 'u', 3, 1],
    ]);
  });

  test('a version is told once, before its first row, whichever shard sends it', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'), ...tx('-80', 2, 'a'), ...field('80-'), ...tx('80-', 2, 'b'));
    client.flush();
    expect(client.batches.map((batch) => batch.kind)).toEqual(['schema', 'transactions']);
    expect(client.batches[0]?.schema).toMatchObject({ kind: 'columns', table: 't', from: undefined, to: { version: 1 } });
  });

  test('a FIELD that a ROLLBACK threw out is still told before the next row', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'));
    expect(client.feed(...tx('-80', 2, 'a')).map((batch) => batch.kind)).toEqual(['schema']);
  });

  test('rows of the version before go out before the next is told', () => {
    const client = new Client(positionAt(1));
    client.feed(...field('-80'), ...tx('-80', 2, 'a'));
    const source = sources['-80'];
    const wider = [...COLUMNS, { name: 'w', type: 'INT64', columnType: 'bigint' } as const];
    const row = source.row('t', [{ after: ['9', 'b', '1'] }], 9);
    client.feed(source.begin(9, one(3)), source.field('t', 9, wider), row, source.vgtid(vector(3, 1)), source.commit(9, one(3)));
    client.flush();
    expect(client.batches.map((batch) => [batch.kind, ...texts(batch), ...gtids(batch)])).toEqual([
      ['schema', 1, 1],
      ['transactions', 'a', 2, 1],
      ['schema', 2, 1],
      ['transactions', 'b', 3, 1],
    ]);
    expect(client.batches[2]?.schema).toMatchObject({ from: { version: 1 }, to: { version: 2 } });
  });

  test('TRUNCATE and the like hold the plan still; a re-copy marks the table on that shard only', () => {
    const plan = newPlan([{ ...C, copy: false }]);
    const client = new Client(positionAt(1, plan));
    const unit = {
      kind: 'statement' as const,
      keyspace: 'commerce',
      shard: '-80',
      statement: 'x',
      gtid: undefined,
      vector: undefined,
      vgtid: { keyspace: 'commerce', shard: '-80', gtid: set(2), pending: [] },
      timestamp: 9,
      lagMs: 0,
    };
    const change = { kind: 'rows-changed' as const, ...C, shard: '-80', from: undefined, to: undefined, statement: 'x' };
    const [batch] = client.assembler.addStatement(unit, [change], [C]);
    expect(batch?.position.plan.shard('commerce', 'c', '-80')).toEqual({ state: 'pending', generation: 2 });
    expect(batch?.position.plan.shard('commerce', 'c', '80-')).toEqual({ state: 'done', generation: 1 });
    expect(gtids(batch)).toEqual([2, 1]);
  });
});

describe('copies', () => {
  const copying = (): Position => positionAt(3, newPlan([{ ...C, copy: true }]));

  test('batches hold one table and shard, and the last key after them', () => {
    const client = new Client(copying());
    client.feed(
      ...field('-80', 'c', 0),
      ...field('80-', 'c', 0),
      ...packet('-80', 3, [1, 2], 2),
      ...packet('80-', 3, [7], 7),
      ...packet('-80', 3, [3], 3),
    );
    const batches = client.flush();
    expect(batches.map((batch) => [batch.kind, batch.copy, texts(batch)])).toEqual([
      ['copy', { ...C, shard: '-80', generation: 1 }, ['-80 1', '-80 2', '-80 3']],
      ['copy', { ...C, shard: '80-', generation: 1 }, ['80- 7']],
    ]);
    const states = batches.map((batch) => SHARDS.map((shard) => batch.position.plan.shard('commerce', 'c', shard)?.lastPk));
    const key = (id: number): string => lastPk({ table: 'c', key: id }).toString('base64');
    expect(states).toEqual([
      [key(3), undefined],
      [key(3), key(7)],
    ]);
  });

  test('the end of a table is a batch of its own, after its last rows; the first generation needs no sweep', () => {
    const client = new Client(copying());
    client.feed(...field('-80', 'c', 0), ...packet('-80', 3, [1], 1));
    const batches = client.feed(...packet('-80', 3, [], undefined));
    expect(batches.map((batch) => [batch.kind, batch.progress])).toEqual([
      ['copy', undefined],
      ['progress', { type: 'table-end', ...C, shard: '-80', generation: 1, rows: 1, sweep: false }],
    ]);
    expect(batches.map((batch) => batch.position.plan.shard('commerce', 'c', '-80')?.state)).toEqual(['copying', 'done']);
    expect(client.assembler.plan.done).toBe(false);
    client.feed(...packet('80-', 3, [], undefined));
    expect(client.assembler.position.plan.done).toBe(true);
  });

  test('rows of a table already done on its shard are a new generation, swept at its end (G106, G108)', () => {
    const client = new Client(copying());
    client.feed(...field('-80', 'c', 0), ...packet('-80', 3, [1], 1), ...packet('-80', 3, [], undefined));
    client.feed(...packet('-80', 4, [1], 1));
    expect(client.restarts).toEqual(['c -80']);
    const batches = client.feed(...packet('-80', 4, [2], 2), ...packet('-80', 4, [], undefined));
    expect(batches.map((batch) => batch.copy?.generation ?? batch.progress?.generation)).toEqual([2, 2]);
    expect(batches[0]?.changes.map((change) => change.generation)).toEqual([2, 2]);
    expect(batches[1]?.progress).toMatchObject({ type: 'table-end', sweep: true });
    client.feed(...packet('80-', 3, [], undefined));
    expect(client.assembler.plan.done).toBe(true);
    expect(client.assembler.plan.shard('commerce', 'c', '80-')?.generation).toBe(1);
  });

  test('COPY_COMPLETED ends a copy that no group ended, never beyond changes that wait', () => {
    const client = new Client(copying());
    client.feed(...field('-80'), ...tx('-80', 4, 'a'));
    const batches = client.feed(sources['-80'].copyCompleted());
    expect(batches.map((batch) => [batch.kind, ...gtids(batch)])).toEqual([
      ['transactions', 4, 3],
      ['progress', 4, 3],
    ]);
    expect(client.feed(sources['-80'].copyCompleted())).toEqual([]);
  });

  test('an empty transaction that waits never moves a shard back behind its copied rows', () => {
    const client = new Client(copying());
    client.feed(...field('80-'), ...field('-80', 'c', 0), ...tx('-80', 4), ...packet('-80', 6, [1], 1), ...tx('80-', 5, 'b'));
    client.flush();
    expect(client.batches.filter((batch) => batch.kind !== 'schema').map((batch) => [batch.kind, ...gtids(batch)])).toEqual([
      ['copy', 6, 3],
      ['transactions', 6, 5],
    ]);
  });

  test('copied rows after changes of their shard come after them', () => {
    const client = new Client(copying());
    client.feed(...field('-80'), ...field('-80', 'c', 0), ...tx('-80', 4, 'a'));
    const batches = client.feed(...packet('-80', 4, [1], 1));
    expect(batches.map(texts)).toEqual([['a']]);
    expect(client.feed(...tx('-80', 5, 'b')).map(texts)).toEqual([['-80 1']]);
  });

  test('events without a time on a keyspace that is not being copied are no copy', () => {
    const client = new Client(copying());
    const other = new ShardEvents('0', 'billing');
    expect(client.feed(other.begin(), other.vgtid([{ shard: '0', gtid: set(2) }]), other.commit())).toEqual([]);
    expect(client.assembler.plan.toJson()).toEqual(copying().plan.toJson());
  });
});

describe('parts of a transaction', () => {
  const text = 'x'.repeat(60);
  const rows = (from: number, to: number): WireEvent[] =>
    Array.from({ length: to - from }, (_, index) =>
      sources['-80'].row('t', [{ after: [String(from + index), `${from + index}${text}`] }], 9),
    );
  const limits: Options = { ...WIDE, transactionBytes: 200 };

  test('are told by index, keep the old position, and remember how far they came', () => {
    const client = new Client(positionAt(1), limits);
    client.feed(...field('-80'), sources['-80'].begin(9, one(2)), ...rows(0, 7));
    client.feed(sources['-80'].vgtid(vector(2, 1)), sources['-80'].commit(9, one(2)));
    const parts = client.batches.filter((batch) => batch.kind === 'transactions');
    expect(
      parts.map((batch) => [
        batch.transactions[0]?.part?.index,
        batch.transactions[0]?.part?.last,
        ...gtids(batch),
        batch.position.partial[0]?.applied,
      ]),
    ).toEqual([
      [0, false, 1, 1, 3],
      [1, false, 1, 1, 6],
      [2, true, 2, 1, undefined],
    ]);
  });

  test('the last is told even when it holds no change', () => {
    const client = new Client(positionAt(1), limits);
    client.feed(
      ...field('-80'),
      sources['-80'].begin(9, one(2)),
      ...rows(0, 6),
      sources['-80'].vgtid(vector(2, 1)),
      sources['-80'].commit(9, one(2)),
    );
    expect(client.batches.at(-1)).toMatchObject({ kind: 'transactions', changes: [], transactions: [{ part: { index: 2, last: true } }] });
    expect(client.batches.at(-1)?.position.partial).toEqual([]);
  });

  test('stay remembered while other shards and other transactions move on', () => {
    const client = new Client(positionAt(1), limits);
    client.feed(...field('-80'), ...field('80-'), sources['-80'].begin(9, one(2)), ...rows(0, 3));
    client.feed(...tx('80-', 5, 'b'), ...tx('-80', 3, 'c'));
    const [batch] = client.flush();
    expect(batch?.position.partial).toEqual([{ keyspace: 'commerce', shard: '-80', gtid: one(2), applied: 3, parts: 1 }]);
    client.feed(sources['-80'].begin(9, one(2)), ...rows(0, 4), sources['-80'].vgtid(vector(3, 5)), sources['-80'].commit(9, one(2)));
    expect(client.batches.at(-1)?.changes.map((change) => change.after?.['id'])).toEqual([3n]);
    expect(client.batches.at(-1)?.position.partial).toEqual([]);
  });

  test('are forgotten once the whole comes again from a server that tells its GTID only at the end', () => {
    const partial = [{ keyspace: 'commerce', shard: '-80', gtid: one(2), applied: 3, parts: 1 }];
    const client = new Client(positionAt(1).with({ partial }), WIDE);
    client.feed(
      ...field('-80'),
      sources['-80'].begin(9),
      ...rows(0, 4),
      sources['-80'].vgtid(vector(2, 1)),
      sources['-80'].commit(9, one(2)),
    );
    const [batch] = client.flush();
    expect(batch?.changes.map((change) => change.after?.['id'])).toEqual([0n, 1n, 2n, 3n]);
    expect([gtids(batch), batch?.position.partial]).toEqual([[2, 1], []]);
  });
});

describe('a reshard', () => {
  test('replaces the shards as a whole, ends every copy and raises generations above every row', () => {
    const json: PlanJson = {
      commerce: {
        c: { state: 'done', generation: 1, shards: { '-80': { state: 'done', generation: 3 } } },
        gone: { state: 'done', generation: 2, removed: true },
      },
    };
    const assembler = new Assembler(positionAt(1, CopyPlan.fromJson(json)), WIDE);
    assembler.replaceShards([{ keyspace: 'commerce', shard: '-', gtid: set(9), pending: [] }]);
    expect(assembler.hasMoved).toBe(true);
    expect(assembler.position.toJSON()).toEqual({
      version: 1,
      shards: [{ keyspace: 'commerce', shard: '-', gtid: set(9) }],
      reshards: 1,
      copy: { commerce: { c: { state: 'done', generation: 3 }, gone: { state: 'done', generation: 2, removed: true } } },
    });
  });
});

/** What one shard does, in order: transactions, then the copy of table c from a snapshot, then more transactions. */
interface Script {
  readonly before: readonly Entry[];
  readonly copy: readonly number[];
  readonly after: readonly Entry[];
}

type Entry =
  | { readonly kind: 'tx'; readonly rows: readonly { readonly table: 't' | 'u'; readonly long: boolean }[] }
  | { readonly kind: 'other' }
  | { readonly kind: 'alter'; readonly table: 't' | 'u' };

const entry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('tx' as const),
      rows: fc.array(fc.record({ table: fc.constantFrom('t' as const, 'u' as const), long: fc.boolean() }), { maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('other' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('alter' as const), table: fc.constantFrom('t' as const, 'u' as const) }) },
);
const entries = fc.array(entry, { maxLength: 5 });
/** Sizes of the packets of the copy; an empty list is an empty table. */
const script = fc.record({ before: entries, copy: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }), after: entries });

interface Step {
  /** Position once the step is done. */
  readonly n: number;
  readonly events: (server: Server) => WireEvent[];
  /** The rows it holds, by name. */
  readonly rows: readonly string[];
  /** Last key after it, when it is part of the copy; 0 for the end of the copy. */
  readonly key?: number;
}

const versions = new Map<string, typeof COLUMNS>();
/** Each ALTER adds a column. */
function columnsOf(table: string, version: number): typeof COLUMNS {
  const name = `${table}${version}`;
  let columns = versions.get(name);
  if (!columns) {
    columns = [
      ...COLUMNS,
      ...Array.from({ length: version }, (_, index) => ({ name: `c${index}`, type: 'VARCHAR' as const, charset: 255 })),
    ];
    versions.set(name, columns);
  }
  return columns;
}

/** One RPC of one shard: remembers which FIELDs it sent. */
class Server {
  readonly #source: ShardEvents;
  readonly #sent = new Map<string, number>();

  constructor(source: ShardEvents) {
    this.#source = source;
  }

  rowsOf(table: string, version: number, time: number, rows: readonly { readonly id: number; readonly v: string }[]): WireEvent[] {
    const events: WireEvent[] = [];
    if (this.#sent.get(table) !== version) {
      this.#sent.set(table, version);
      events.push(this.#source.field(table, time, columnsOf(table, version)));
    }
    for (const { id, v } of rows)
      events.push(this.#source.row(table, [{ after: [String(id), v, ...Array.from({ length: version }, () => null)] }], time));
    return events;
  }
}

function stepsOf(shard: ShardName, { before, copy, after }: Script): Step[] {
  const source = sources[shard];
  const steps: Step[] = [];
  const version = { t: 0, u: 0 };
  let n = 1;
  const replicate = (list: readonly Entry[]): void => {
    for (const one of list) {
      n++;
      const at = n;
      if (one.kind === 'other') {
        steps.push({ n, rows: [], events: () => [source.vgtid(vector(at)), source.other(9)] });
      } else if (one.kind === 'alter') {
        version[one.table]++;
        steps.push({ n, rows: [], events: () => [source.vgtid(vector(at)), source.ddl(`alter table ${one.table} add c int`, 9)] });
      } else {
        const now = { ...version };
        const rows = one.rows.map(({ table, long }, index) => ({ table, name: `${shard} ${at}.${index}${long ? ' '.repeat(80) : ''}` }));
        steps.push({
          n,
          rows: rows.map((row) => row.name),
          events: (server) => [
            source.begin(9, `${UUID}:${at}`),
            ...rows.flatMap(({ table, name }, index) => server.rowsOf(table, now[table], 9, [{ id: index, v: name }])),
            source.vgtid(vector(at)),
            source.commit(9, `${UUID}:${at}`),
          ],
        });
      }
    }
  };
  replicate(before);
  const snapshot = n;
  let key = 0;
  for (const size of copy) {
    const ids = Array.from({ length: size }, () => ++key);
    const last = key;
    steps.push({
      n: snapshot,
      key: last,
      rows: ids.map((id) => `${shard} copied ${id}`),
      events: (server) => [
        source.begin(),
        ...server.rowsOf(
          'c',
          0,
          0,
          ids.map((id) => ({ id, v: `${shard} copied ${id}` })),
        ),
        source.vgtid(vector(snapshot, snapshot, [{ table: 'c', key: last }])),
        source.commit(),
      ],
    });
  }
  // The table is done; an empty one left its BEGIN open before (G45).
  const empty = copy.length === 0;
  steps.push({
    n: snapshot,
    key: 0,
    rows: [],
    events: (server) => [
      ...(empty ? [source.begin(), ...server.rowsOf('c', 0, 0, [])] : []),
      source.begin(),
      source.vgtid(vector(snapshot)),
      source.commit(),
    ],
  });
  steps.push({ n: snapshot, rows: [], events: () => [source.copyCompleted()] });
  replicate(after);
  return steps;
}

/** The steps a server still sends to who comes with this position. */
function from(shard: ShardName, steps: readonly Step[], position: Position): Step[] {
  const n = numberOf(position.gtid('commerce', shard));
  const copy = position.plan.shard('commerce', 'c', shard);
  return steps.filter((step) => {
    if (step.key === undefined) return step.n > n;
    if (copy?.state === 'done') return false;
    if (copy?.state !== 'copying' || step.key === 0) return true;
    return !copied(step.key, copy.lastPk);
  });
}

const copied = (key: number, last: string | undefined): boolean =>
  last !== undefined && Array.from({ length: 13 }, (_, id) => lastPk({ table: 'c', key: id }).toString('base64')).indexOf(last) >= key;

/** The rows a position says are safe. */
function covered(shard: ShardName, steps: readonly Step[], position: Position): string[] {
  const n = numberOf(position.gtid('commerce', shard));
  const copy = position.plan.shard('commerce', 'c', shard);
  const rows: string[] = [];
  for (const step of steps) {
    if (step.key === undefined) {
      if (step.n <= n) rows.push(...step.rows);
    } else if (copy?.state === 'done' || (copy?.state === 'copying' && copied(step.key, copy.lastPk))) rows.push(...step.rows);
  }
  for (const { gtid, applied, shard: of } of position.partial) {
    if (of === shard) rows.push(...(steps.find((step) => step.key === undefined && one(step.n) === gtid)?.rows.slice(0, applied) ?? []));
  }
  return rows.sort();
}

describe('whole streams', () => {
  const scripts = fc.record({ '-80': script, '80-': script });
  const limits = fc.record({
    batchChanges: fc.integer({ min: 1, max: 12 }),
    batchBytes: fc.integer({ min: 100, max: 2000 }),
    transactionBytes: fc.constantFrom(150, 400, 1 << 20),
  });
  /** Who goes next, and whether to flush or to ask for progress after it. */
  const turns = fc.infiniteStream(fc.record({ second: fc.boolean(), after: fc.constantFrom('nothing', 'nothing', 'flush', 'settle') }));

  test('cut anywhere, give every row once, in order, and after each batch the position covers exactly what was handed out', () => {
    fc.assert(
      fc.property(scripts, limits, turns, fc.array(fc.nat({ max: 30 }), { maxLength: 3 }), (plays, options, turn, cuts) => {
        const steps = { '-80': stepsOf('-80', plays['-80']), '80-': stepsOf('80-', plays['80-']) };
        const delivered: Record<ShardName, string[]> = { '-80': [], '80-': [] };
        let position = positionAt(1, newPlan([{ ...C, copy: true }]));
        for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
          const client = new Client(position, options);
          const left = { '-80': from('-80', steps['-80'], position), '80-': from('80-', steps['80-'], position) };
          const servers = { '-80': new Server(sources['-80']), '80-': new Server(sources['80-']) };
          while (left['-80'].length + left['80-'].length > 0) {
            const { second, after } = turn.next().value as { second: boolean; after: string };
            const shard: ShardName = left[second ? '80-' : '-80'].length > 0 === second ? '80-' : '-80';
            const step = left[shard].shift() as Step;
            client.feed(...step.events(servers[shard]));
            if (after === 'flush') client.flush();
            else if (after === 'settle') client.settle();
          }
          client.settle();
          // The process dies after `cut` batches: what it was told after them never happened.
          for (const batch of client.batches.slice(0, cut)) {
            check(batch, options);
            for (const change of batch.changes) delivered[change.shard as ShardName].push(change.after?.['v'] as string);
            position = Position.parse(JSON.stringify(batch.position));
            for (const shard of SHARDS)
              expect([...delivered[shard]].sort(), `${shard} after ${batch.position}`).toEqual(covered(shard, steps[shard], position));
          }
        }
        for (const shard of SHARDS) expect(delivered[shard]).toEqual(steps[shard].flatMap((step) => step.rows));
        expect(position.copied).toBe(true);
        expect(position.partial).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  function check(batch: StreamBatch, { batchChanges, batchBytes }: Options): void {
    const versions = new Map<string, unknown>();
    for (const change of batch.changes) {
      expect(versions.get(change.table) ?? change.schema).toBe(change.schema);
      versions.set(change.table, change.schema);
    }
    if (batch.kind === 'copy') {
      expect(new Set(batch.changes.map((change) => `${change.table} ${change.shard} ${change.op}`)).size).toBe(1);
      expect(batch.copy).toMatchObject({ table: 'c', shard: batch.changes[0]?.shard });
    }
    if (batch.transactions.length > 1) {
      expect(batch.changes.length).toBeLessThanOrEqual(batchChanges);
      expect(batch.bytes).toBeLessThanOrEqual(batchBytes);
      expect(batch.transactions.every((one) => one.part === undefined)).toBe(true);
    }
    expect(batch.transactions.flatMap((one) => one.changes)).toEqual(batch.kind === 'transactions' ? batch.changes : []);
    if (batch.kind === 'schema' || batch.kind === 'progress') expect(batch.changes).toEqual([]);
  }
});
