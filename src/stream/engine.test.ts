/** The loop over a scripted VTGate: each RPC gives the messages of its script, then waits. */
import { describe, expect, test } from 'vitest';
import { engineOver, transportOf } from '../../test/support/engine-fixture.js';
import { changeText } from '../../test/support/stream-fixture.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { lastPk, response, ShardEvents, type VectorEntry, type WireEvent } from '../../test/support/wire-events.js';
import { VStreamError } from '../errors.js';
import { Recorder } from '../observe/recorder.js';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import type { Transport } from '../transport/transport.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import type { StreamBatch } from './batch.js';
import type { Engine } from './engine.js';
import type { EngineOptions } from './engine-options.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const a = new ShardEvents('0');
const b = new ShardEvents('0', 'billing');
const vector = (n: number, pending: VectorEntry['pending'] = [], billing = ''): VectorEntry[] => [
  { keyspace: 'commerce', shard: '0', gtid: set(n), pending },
  ...(billing === '' ? [] : [{ keyspace: 'billing', shard: '0', gtid: billing }]),
];
const insert = (n: number, ...rows: (readonly string[])[]): WireEvent[] => [
  a.begin(9),
  ...rows.map((after) => a.row('t', [{ after }], 9)),
  a.vgtid(vector(n)),
  a.commit(9),
];
const packet = (table: string, ids: readonly number[], n: number, key?: number): WireEvent[] => [
  a.begin(),
  ...ids.map((id) => a.row(table, [{ after: [String(id), 'x'] }])),
  a.vgtid(vector(n, key === undefined ? [] : [{ table, key }])),
  a.commit(),
];

/** One list of messages per RPC; behind them the stream stays open. */
function scripted(scripts: (readonly WireEvent[])[][]): Transport & { readonly requests: readonly VStreamRequest[] } {
  const requests: VStreamRequest[] = [];
  async function* open(request: VStreamRequest, { signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<Uint8Array> {
    requests.push(request);
    for (const message of scripts[requests.length - 1] ?? []) yield response(...message);
    await new Promise((_, reject) => {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
  return { ...transportOf(open), requests };
}

interface Play {
  readonly scripts: (readonly WireEvent[])[][];
  readonly tables?: readonly string[];
  readonly plan?: PlanJson;
  readonly gtid?: string;
  readonly withoutCopy?: readonly string[];
  readonly batchChanges?: number;
  readonly options?: Partial<EngineOptions>;
}

function play({ scripts, tables = ['commerce.t'], plan, gtid = set(1), withoutCopy = [], batchChanges = 1000, options = {} }: Play) {
  const transport = scripted(scripts);
  const shards = [...new Set(tables.map((name) => name.split('.')[0] ?? ''))].map((keyspace) => ({ keyspace, shard: '0' }));
  const abort = new AbortController();
  const engine = engineOver(transport, {
    clock: new ManualClock(),
    signal: abort.signal,
    shards,
    tables: Object.fromEntries(tables.map((name) => [name, { copy: !withoutCopy.includes(name) }])),
    stored: plan
      ? new Position(
          shards.map((one) => ({ ...one, gtid })),
          CopyPlan.fromJson(plan),
        )
      : undefined,
    limits: { batchChanges },
    options,
  });
  return { engine, transport, abort };
}

/** Batches until `enough`, then leaves the loop. */
async function take(engine: Engine, enough: (batch: StreamBatch) => boolean): Promise<StreamBatch[]> {
  const seen: StreamBatch[] = [];
  for await (const batch of engine.batches()) {
    seen.push(batch);
    if (enough(batch)) break;
  }
  return seen;
}

const asked = ({ vgtid, filter, flags }: VStreamRequest) => ({
  shards: vgtid?.shardGtids.map(
    (one) => `${one.keyspace}@${one.gtid}${one.tablePKs.map((entry) => ` ${entry.tableName}${entry.lastpk ? '+key' : ''}`).join('')}`,
  ),
  filter: filter?.rules.map((rule) => rule.match),
  copy: flags?.tablesToCopy,
});
const done = { state: 'done', generation: 1, fingerprint: 'f' } as const;
const pending = { state: 'pending', generation: 1, fingerprint: 'f' } as const;

describe('what is handed out', () => {
  test('after a row that cannot be decoded there is no batch, as its position would be beyond the row', async () => {
    const columns = [
      { name: 'id', type: 'INT64' as const, flags: 3 },
      { name: 'v', type: 'JSON' as const },
    ];
    const { engine } = play({
      plan: { commerce: { t: done } },
      batchChanges: 3,
      scripts: [
        [
          [a.begin(9), a.field('t', 9, columns), a.rollback(9)],
          insert(2, ['1', '{}'], ['2', '{}'], ['3', '{}']),
          // The second makes the batch of the first go out, and waits itself.
          insert(3, ['4', '{}'], ['5', '{"broken']),
          insert(4, ['6', '{}'], ['7', '{}']),
        ],
      ],
    });
    const seen: StreamBatch[] = [];
    await expect(
      (async () => {
        for await (const batch of engine.batches()) seen.push(batch);
      })(),
    ).rejects.toMatchObject({ code: 'DECODE_FAILED', table: 't' });
    expect(seen.at(-1)?.position.gtid('commerce', '0')).toBe(set(2));
  });

  test('tables are copied one RPC after the other, each beginning where the last ended', async () => {
    const { engine, transport } = play({
      tables: ['commerce.t', 'commerce.u'],
      batchChanges: 2,
      scripts: [
        [[a.begin(), a.field('t'), ...packet('t', [1], 5, 1).slice(1)], packet('t', [], 5)],
        // What does not fit into a batch is not read beside the stream.
        [[a.begin(), a.field('u'), ...packet('u', [1, 2, 3], 9, 3).slice(1)]],
        [insert(6), [a.begin(), a.field('u')], packet('u', [], 7)],
      ],
    });
    const seen = await take(engine, (batch) => batch.progress?.type === 'copy-completed');
    expect(transport.requests.map(asked)).toEqual([
      { shards: ['commerce@'], filter: ['t'], copy: ['t'] },
      { shards: ['commerce@'], filter: ['u'], copy: ['u'] },
      { shards: [`commerce@${set(5)} u`], filter: ['t', 'u'], copy: ['u'] },
    ]);
    expect(seen.map((batch) => batch.progress?.type ?? batch.kind)).toEqual([
      'table-start',
      'schema',
      'copy',
      'table-end',
      'table-start',
      'schema',
      'table-end',
      'copy-completed',
    ]);
    expect(seen.at(-1)?.position.copied).toBe(true);
  });

  test('a keyspace without a copy starts at `current` before the others are copied, and no position says so (G30)', async () => {
    const { engine, transport } = play({
      tables: ['commerce.t', 'billing.x'],
      withoutCopy: ['billing.x'],
      scripts: [
        [[b.vgtid(vector(5, [], set(8))), b.other(9)]],
        [[a.begin(), a.field('t'), ...packet('t', [1], 5, 1).slice(1)], packet('t', [2], 5, 2)],
      ],
    });
    const seen = await take(engine, (batch) => batch.kind === 'copy');
    // A copy in a keyspace fails when an exact rule names no table of it.
    expect(transport.requests.map(asked)).toEqual([
      { shards: ['billing@current'], filter: ['x'], copy: [] },
      { shards: ['commerce@', `billing@${set(8)}`], filter: ['t', '/^x$'], copy: ['t'] },
    ]);
    expect(seen.map((batch) => batch.progress?.type ?? batch.kind)).toEqual(['position', 'table-start', 'schema', 'copy']);
    for (const batch of seen) expect(batch.position.gtid('billing', '0')).toBe(set(8));
    expect(seen.at(-1)?.changes.map(changeText)).toEqual(['copy t 1 x', 'copy t 2 x']);
  });
});

describe('a changed plan', () => {
  test('before the stream knows where it begins, no position says `current` (G30)', async () => {
    const { engine } = play({
      tables: ['commerce.t'],
      withoutCopy: ['commerce.t'],
      scripts: [[[a.vgtid(vector(8)), a.other(9)]], [[a.begin(), a.field('u')], packet('u', [], 9)]],
    });
    engine.change({ kind: 'add', table: { keyspace: 'commerce', table: 'u' } });
    const seen = await take(engine, (batch) => batch.progress?.type === 'table-end');
    for (const batch of seen) expect(batch.position.gtid('commerce', '0')).not.toBe('current');
    expect(seen[0]?.position.gtid('commerce', '0')).toBe(set(8));
  });

  test('a shard that waited for a copy that is not made any more begins at once: its other tables would never be streamed', async () => {
    const { engine, transport } = play({
      tables: ['commerce.t', 'billing.x', 'billing.y'],
      withoutCopy: ['billing.y'],
      scripts: [[[b.vgtid(vector(5, [], set(8))), b.other(9)]], [[a.begin(), a.field('t'), ...packet('t', [1], 5, 1).slice(1)]]],
    });
    engine.change({ kind: 'remove', table: { keyspace: 'billing', table: 'x' } });
    const seen = await take(engine, (batch) => batch.kind === 'copy');
    expect(transport.requests.map((one) => asked(one).shards)).toEqual([['billing@current'], ['commerce@', `billing@${set(8)}`]]);
    for (const batch of seen) expect(batch.position.gtid('billing', '0')).toBe(set(8));
  });

  test('a table copied again while its copy is under way begins anew: the RPC under way does not fit any more', async () => {
    const { engine, transport } = play({
      plan: {
        commerce: {
          t: {
            ...pending,
            shards: { '0': { state: 'copying', generation: 1, lastPk: lastPk({ table: 't', key: 3 }).toString('base64') } },
          },
        },
      },
      scripts: [
        [
          [a.begin(9), a.field('t', 9), a.rollback(9)],
          insert(2, ['9', 'x']),
          [a.vgtid(vector(3, [{ table: 't', key: 3 }])), a.ddl('alter table t add column c int default 1', 9)],
          packet('t', [4], 4, 4),
        ],
        [[a.begin(), a.field('t'), ...packet('t', [1], 5, 1).slice(1)]],
      ],
      options: { rowsChanged: () => 'recopy' },
    });
    const seen = await take(engine, (batch) => batch.kind === 'copy');
    expect(transport.requests.map(asked)).toEqual([
      { shards: [`commerce@${set(1)} t+key`], filter: ['t'], copy: ['t'] },
      { shards: [`commerce@${set(3)} t`], filter: ['t'], copy: ['t'] },
    ]);
    expect(seen.at(-1)?.copy?.generation).toBe(2);
    expect(seen.flatMap((batch) => batch.changes).map(changeText)).toEqual(['insert t 9 x', 'copy t 1 x']);
  });

  test('a table that leaves and comes back is copied as a later generation', async () => {
    const { engine, transport } = play({
      tables: ['commerce.t', 'commerce.u'],
      plan: { commerce: { t: done, u: done } },
      scripts: [
        [[a.begin(9), a.field('t', 9), a.rollback(9)], insert(3, ['1', 'x'])],
        [[a.begin(), a.field('u')], packet('u', [], 4)],
      ],
    });
    const u = { keyspace: 'commerce', table: 'u' };
    engine.change({ kind: 'remove', table: u });
    const seen = await take(engine, (batch) => {
      if (batch.kind === 'transactions') engine.change({ kind: 'add', table: u });
      return batch.progress?.type === 'table-end';
    });
    expect(transport.requests.map((request) => asked(request).filter)).toEqual([['t'], ['t', 'u']]);
    expect(seen.at(-1)?.progress).toMatchObject({ table: 'u', generation: 2, sweep: true });
  });

  test('other tables in the stream make what was counted of a transaction worthless: it is handed out again', () => {
    const partial = [{ keyspace: 'commerce', shard: '0', gtid: `${UUID}:2`, applied: 5, parts: 1 }];
    const stored = new Position(
      [{ keyspace: 'commerce', shard: '0', gtid: set(1) }],
      CopyPlan.fromJson({ commerce: { t: done } }),
      0,
      partial,
    );
    expect(play({ scripts: [], options: { stored } }).engine.position.partial).toEqual(partial);
    expect(play({ scripts: [], tables: ['commerce.t', 'commerce.u'], options: { stored } }).engine.position.partial).toEqual([]);
  });
});

test('a stream that was interrupted is reconnecting until VTGate says something, however long a try hangs', async () => {
  const clock = new ManualClock();
  const recorder = new Recorder(clock);
  const states: string[] = [];
  const second = scripted([[[a.begin(9), a.field('t', 9), a.rollback(9)], insert(2, ['1', 'x'])]]);
  const open: Transport['open'] = (request, options) => {
    states.push(recorder.state);
    if (states.length === 1) throw new VStreamError('STREAM_LOST', 'the connection broke');
    return second.open(request, options);
  };
  const engine = engineOver(transportOf(open), {
    clock,
    signal: new AbortController().signal,
    shards: [{ keyspace: 'commerce', shard: '0' }],
    tables: { 'commerce.t': {} },
    stored: new Position([{ keyspace: 'commerce', shard: '0', gtid: set(1) }], CopyPlan.fromJson({ commerce: { t: done } })),
    options: { recorder },
  });
  const batches = engine.batches();
  const batch = batches.next();
  while (states.length < 2) await clock.advance(1_000);
  expect((await batch).value?.kind).toBe('schema');
  expect([...states, recorder.state]).toEqual(['streaming', 'reconnecting', 'streaming']);
  await batches.return();
});
