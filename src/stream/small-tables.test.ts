/** Small tables copied beside the stream: what a scripted VTGate is asked for, and what is handed out. */
import { describe, expect, test } from 'vitest';
import { engineOver, transportOf } from '../../test/support/engine-fixture.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { changeText } from '../../test/support/stream-fixture.js';
import { response, ShardEvents, type VectorEntry, type WireEvent } from '../../test/support/wire-events.js';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import type { StreamBatch } from './batch.js';
import type { Engine } from './engine.js';
import type { EngineOptions } from './engine-options.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const left = new ShardEvents('-80');
const right = new ShardEvents('80-');
type Message = readonly WireEvent[];

const vector = (on: ShardEvents, n: number, pending: VectorEntry['pending'] = []): VectorEntry[] => [
  { shard: on.shard, gtid: set(n), pending },
];
/** A table's whole copy on a shard: all rows in one packet. */
const copy = (on: ShardEvents, table: string, n: number, ...ids: number[]): Message[] => [
  [on.begin(), on.field(table)],
  ...(ids.length === 0
    ? []
    : [
        [
          ...ids.map((id) => on.row(table, [{ after: [String(id), 'x'] }])),
          on.vgtid(vector(on, n, [{ table, key: Math.max(...ids) }])),
          on.commit(),
        ],
      ]),
  [on.begin(), on.vgtid(vector(on, n)), on.commit()],
];
const transaction = (on: ShardEvents, n: number, ...events: WireEvent[]): Message => {
  const gtid = `${UUID}:${n}`;
  return [on.begin(9, gtid), ...events, on.vgtid(vector(on, n)), on.commit(9, gtid)];
};
const row = (on: ShardEvents, table: string, id: number): WireEvent => on.row(table, [{ after: [String(id), 'new'] }], 9);
const statement = (on: ShardEvents, n: number, text: string): Message => [on.vgtid(vector(on, n)), on.ddl(text, 9, `${UUID}:${n}`)];

interface Play {
  readonly scripts: readonly (readonly Message[])[];
  readonly tables: readonly string[];
  readonly shards?: readonly string[];
  readonly keyless?: readonly string[];
  readonly stored?: Position;
  readonly batchChanges?: number;
  readonly options?: Partial<EngineOptions>;
  /** Called with the number of the RPC that is opened. */
  readonly at?: (request: number, clock: ManualClock) => Promise<void> | undefined;
}

/** One list of messages per RPC; behind them the stream stays open. */
function play({ scripts, tables, shards = ['-80'], keyless = [], stored, batchChanges = 100, options, at }: Play) {
  const clock = new ManualClock();
  const requests: VStreamRequest[] = [];
  const transport = transportOf(async function* (request, { signal } = {}) {
    requests.push(request);
    const script = scripts[requests.length - 1] ?? [];
    await at?.(requests.length, clock);
    for (const message of script) yield response(...message);
    await new Promise((_, reject) => {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  });
  const engine = engineOver(transport, {
    clock,
    signal: new AbortController().signal,
    shards: shards.map((shard) => ({ keyspace: 'commerce', shard })),
    tables: Object.fromEntries(tables.map((table) => [`commerce.${table}`, {}])),
    keyless: keyless.map((table) => `commerce.${table}`),
    stored,
    limits: { batchChanges },
    options: { rowsChanged: () => 'fail', ...options },
  });
  return { engine, transport: { requests } };
}

/** Batches until `enough`, then leaves the loop. */
async function take(engine: Engine, enough: (batch: StreamBatch, seen: readonly StreamBatch[]) => boolean): Promise<StreamBatch[]> {
  const seen: StreamBatch[] = [];
  for await (const batch of engine.batches()) {
    seen.push(batch);
    if (enough(batch, seen)) break;
  }
  return seen;
}
const completed = (batch: StreamBatch): boolean => batch.progress?.type === 'copy-completed';

const asked = ({ vgtid, flags }: VStreamRequest): string =>
  `${flags?.tablesToCopy.join() || '-'} from ${vgtid?.shardGtids
    .map((one) => `${one.shard}@${one.gtid.replace(/.*:1-/, '')}${one.tablePKs.map((entry) => ` ${entry.tableName}`).join('')}`)
    .join(', ')}`;

const said = ({ kind, progress, changes, schema }: StreamBatch): string => {
  if (progress) return [progress.type, progress.table, progress.shard, progress.rows].filter((one) => one !== undefined).join(' ');
  return schema ? `${schema.kind} ${schema.table}` : `${kind}: ${changes.map((one) => `${one.shard} ${changeText(one)}`).join(', ')}`;
};
const marks = (batch: StreamBatch | undefined): string[] =>
  batch?.position.since.marks.map((one) => `${one.shard} ${Object.keys(one.tables).join()} ${one.gtid.replace(/.*:1-/, '')}`) ?? [];

const later = (plan: PlanJson[string], n: number): Position =>
  new Position([{ keyspace: 'commerce', shard: '-80', gtid: set(n) }], CopyPlan.fromJson({ commerce: plan }));

test('the first table gives the stream its position, the others are read beside it, and the stream brings what came between', async () => {
  const { engine, transport } = play({
    tables: ['a', 'b', 'c'],
    scripts: [
      copy(left, 'a', 5, 1),
      copy(left, 'b', 7, 10, 11),
      copy(left, 'c', 8),
      [
        transaction(left, 6, left.field('a', 9), row(left, 'a', 2), left.field('b', 9), row(left, 'b', 11)),
        transaction(left, 7, row(left, 'b', 12), left.field('c', 9), row(left, 'c', 20)),
        transaction(left, 8, row(left, 'b', 13), row(left, 'c', 21)),
        transaction(left, 9, row(left, 'c', 22), row(left, 'a', 3)),
      ],
    ],
  });
  const seen = await take(engine, (batch) => batch.changes.some((one) => one.table === 'c'));
  expect(transport.requests.map(asked)).toEqual(['a from -80@', 'b from -80@', 'c from -80@', '- from -80@5']);
  expect(seen.map(said)).toEqual([
    'table-start a',
    'columns a',
    'copy: -80 copy a 1 x',
    'table-end a -80 1',
    'table-start b',
    'columns b',
    'copy: -80 copy b 10 x, -80 copy b 11 x',
    'table-end b -80 2',
    'table-start c',
    'columns c',
    'table-end c -80 0',
    // Rows of b are those of 7, rows of c those of 8.
    'transactions: -80 insert a 2 new, -80 insert b 13 new',
    'copy-completed',
    'transactions: -80 insert c 22 new, -80 insert a 3 new',
  ]);
  const [rows] = seen.filter((batch) => batch.kind === 'copy').slice(1);
  expect(rows?.position.plan.isDone('commerce', 'b')).toBe(true);
  expect([rows?.position.gtid('commerce', '-80'), marks(rows)]).toEqual([set(5), ['-80 b 7']]);
  // Copied rows are numbered by their snapshot, what comes behind it by itself; what is kept out is not counted.
  expect(rows?.changes.map((one) => one.sequence)).toEqual([
    [0, 7n, 0],
    [0, 7n, 1],
  ]);
  const live = seen.filter((batch) => batch.kind === 'transactions').flatMap((batch) => batch.changes);
  expect(live.map((one) => [one.sequence[1], one.ordinal, one.phase])).toEqual([
    [6n, 0, 'catchup'],
    [8n, 0, 'catchup'],
    [9n, 0, 'live'],
    [9n, 1, 'live'],
  ]);
  expect(seen.filter((batch) => batch.position.copied).map(said)).toEqual(seen.slice(-3).map(said));
});

test('a TRUNCATE or DROP before the snapshot is in it; one behind it is not', async () => {
  const { engine } = play({
    tables: ['a', 'b'],
    stored: later({ a: { state: 'done', generation: 1, fingerprint: 'f' }, b: { state: 'done', generation: 1, fingerprint: 'f' } }, 4).with(
      {
        since: Position.parse({
          version: 1,
          shards: [{ keyspace: 'commerce', shard: '-80', gtid: set(4) }],
          since: [{ keyspace: 'commerce', shard: '-80', gtid: set(7), tables: { b: 1 } }],
        }).since,
      },
    ),
    scripts: [
      [
        statement(left, 5, 'truncate table b'),
        statement(left, 6, 'drop table a_old, b'),
        statement(left, 7, 'truncate table a'),
        statement(left, 8, 'truncate table b'),
      ],
    ],
  });
  const seen = await take(engine, (batch) => batch.schema?.table === 'b');
  expect(seen.map(said)).toEqual(['truncate a', 'copy-completed', 'truncate b']);
});

test('each shard has its own snapshot, and where a tablet is behind the stream the table is left to the stream', async () => {
  const { engine, transport } = play({
    tables: ['a', 'b'],
    shards: ['-80', '80-'],
    scripts: [
      [...copy(left, 'a', 5), ...copy(right, 'a', 5)],
      [...copy(left, 'b', 6, 1), ...copy(right, 'b', 4, 2)],
      [[...transaction(left, 6, left.field('b', 9), row(left, 'b', 1))], ...copy(right, 'b', 5, 3)],
    ],
  });
  const seen = await take(engine, completed);
  expect(transport.requests.map(asked)).toEqual(['a from -80@, 80-@', 'b from -80@, 80-@', 'b from -80@5, 80-@5 b']);
  expect(seen.filter(({ kind }) => kind === 'copy' || kind === 'transactions').map(said)).toEqual([
    'copy: -80 copy b 1 x',
    'copy: 80- copy b 3 x',
  ]);
});

describe('a table is copied with the stream', () => {
  const first = copy(left, 'a', 5);
  const withStream = async (options: Partial<Play> & Pick<Play, 'scripts'>): Promise<string[]> => {
    const { engine, transport } = play({ tables: ['a', 'b'], ...options });
    await take(engine, completed);
    return transport.requests.map(asked);
  };

  test('when it has no primary key', async () => {
    expect(await withStream({ keyless: ['b'], scripts: [first, copy(left, 'b', 6)] })).toEqual(['a from -80@', 'b from -80@5 b']);
  });

  test('when it does not fit into a batch', async () => {
    const scripts = [first, copy(left, 'b', 6, 1, 2, 3), copy(left, 'b', 6, 1, 2, 3)];
    expect(await withStream({ batchChanges: 2, scripts })).toEqual(['a from -80@', 'b from -80@', 'b from -80@5 b']);
  });

  test('when its reading fails', async () => {
    const scripts = [first, [transaction(left, 6, row(left, 'a', 1))], copy(left, 'b', 6)];
    expect(await withStream({ scripts })).toEqual(['a from -80@', 'b from -80@', 'b from -80@5 b']);
  });

  test('when the stream has stood still for ten seconds', async () => {
    const at = (request: number, clock: ManualClock): Promise<void> | undefined => (request < 4 ? clock.advance(5_000) : undefined);
    const scripts = [first, copy(left, 'b', 6, 1), copy(left, 'c', 7, 1), copy(left, 'd', 9, 1), copy(left, 'e', 9, 1)];
    expect(await withStream({ tables: ['a', 'b', 'c', 'd', 'e'], at, scripts })).toEqual([
      'a from -80@',
      'b from -80@',
      'c from -80@',
      'd from -80@5 d',
      'e from -80@',
    ]);
  });

  test('when its rows are copied again, and before a stored position has proved itself', async () => {
    const done = { state: 'done', generation: 1, fingerprint: 'f' } as const;
    const stored = later({ a: done, b: { ...done, state: 'pending', generation: 2 }, c: { ...done, state: 'pending' } }, 5);
    const scripts = [copy(left, 'b', 6), copy(left, 'c', 6)];
    expect(await withStream({ tables: ['a', 'b', 'c'], stored, scripts })).toEqual(['b from -80@5 b', 'c from -80@']);
    const untouched = later({ a: done, b: { ...done, state: 'pending' }, c: { ...done, state: 'pending' } }, 5);
    expect(await withStream({ tables: ['a', 'b', 'c'], stored: untouched, scripts })).toEqual(['b from -80@5 b', 'c from -80@']);
  });
});
