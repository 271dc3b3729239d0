/** One table read from a snapshot of each shard, beside the stream: what leaves it, and what makes it useless. */
import { expect, test } from 'vitest';
import { catalogOf, changeText } from '../../test/support/stream-fixture.js';
import { response, ShardEvents, type VectorEntry, type WireEvent } from '../../test/support/wire-events.js';
import { startEmbeddedVtgate } from '../embedded/index.js';
import { VStreamError } from '../errors.js';
import { systemClock } from '../internal/clock.js';
import { Recorder } from '../observe/recorder.js';
import { createTransport } from '../transport/grpc.js';
import type { Transport } from '../transport/transport.js';
import { TabletType } from '../wire/gen/topodata_pb.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import { RpcWatch } from './rpc-watch.js';
import { readSnapshot, type SnapshotPart } from './snapshot.js';
import { validateStreamOptions } from './validate.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const left = new ShardEvents('-80');
const right = new ShardEvents('80-');
const vector = (shard: ShardEvents, n: number, key?: number): VectorEntry[] => [
  { shard: shard.shard, gtid: set(n), pending: key === undefined ? [] : [{ table: 't', key }] },
];
const rows = (shard: ShardEvents, n: number, key: number, ...ids: number[]): WireEvent[] => [
  shard.begin(),
  ...ids.map((id) => shard.row('t', [{ after: [String(id), 'x'] }])),
  shard.vgtid(vector(shard, n, key)),
  shard.commit(),
];
const end = (shard: ShardEvents, n: number): WireEvent[] => [shard.begin(), shard.vgtid(vector(shard, n)), shard.commit()];
const fields = (shard: ShardEvents, n: number): WireEvent[] => [shard.begin(), shard.field('t'), shard.vgtid(vector(shard, n))];
const change = (shard: ShardEvents, n: number, id: number): WireEvent[] => [
  shard.begin(9),
  shard.row('t', [{ after: [String(id), 'new'] }], 9),
  shard.vgtid(vector(shard, n)),
  shard.commit(9),
];

const refusing = {
  execute: (): Promise<never> => Promise.reject(new VStreamError('PERMISSION_DENIED', 'no SQL here')),
  rotate: () => 'vtgate:15991',
  close: () => Promise.resolve(),
};

function scripted(messages: readonly (readonly WireEvent[])[], requests: VStreamRequest[] = []): Transport {
  return {
    address: 'vtgate:15991',
    async *open(request) {
      requests.push(request);
      for (const message of messages) yield response(...message);
    },
    ...refusing,
  };
}

function read(transport: Transport, shards: readonly string[], signal = new AbortController().signal): AsyncGenerator<SnapshotPart> {
  const stream = validateStreamOptions({ source: { vtgate: transport.address }, tables: { 'commerce.t': true } });
  const { logger } = stream;
  const clock = systemClock;
  const source = { shards: [], tables: [], tabletType: TabletType.PRIMARY, expireSeconds: new Map(), rowImages: new Map() };
  const watch = new RpcWatch({ clock, logger, recorder: new Recorder(clock), transport, stream, source }, () => source.tables);
  const tools = { transport, clock, catalog: catalogOf(), stream, watch, tabletType: TabletType.PRIMARY, signal };
  return readSnapshot(
    {
      table: { keyspace: 'commerce', table: 't', where: '`id` < 90' },
      shards: shards.map((shard) => ({ keyspace: 'commerce', shard })),
      reshards: 0,
    },
    tools,
  );
}

const text = (part: SnapshotPart): string => {
  if (part.kind === 'rows') return `${part.shard} ${part.changes.map(changeText).join(', ')}`;
  return part.kind === 'done' ? `${part.shard} done ${part.rows} ${part.gtid}` : `${part.shard} fields`;
};

async function all(parts: AsyncGenerator<SnapshotPart>, seen: string[] = []): Promise<string[]> {
  for await (const part of parts) seen.push(text(part));
  return seen;
}

test('copied rows of each shard and the position they were read at; an empty table is one without rows', async () => {
  const requests: VStreamRequest[] = [];
  const transport = scripted(
    [fields(left, 5), rows(left, 5, 2, 1, 2), fields(right, 8), end(right, 8), rows(left, 5, 3, 3), end(left, 5)],
    requests,
  );
  expect(await all(read(transport, ['-80', '80-']))).toEqual([
    '-80 fields',
    '-80 copy t 1 x, copy t 2 x',
    '80- fields',
    `80- done 0 ${set(8)}`,
    '-80 copy t 3 x',
    `-80 done 3 ${set(5)}`,
  ]);
  expect(requests).toMatchObject([
    {
      vgtid: {
        shardGtids: [
          { shard: '-80', gtid: '' },
          { shard: '80-', gtid: '' },
        ],
      },
      filter: { rules: [{ match: 't', filter: 'select * from `t` where `id` < 90' }] },
      flags: { tablesToCopy: ['t'] },
    },
  ]);
});

test("heartbeat rows of the tablets, which newer ones send during a copy, are no changes before the table's end (G120)", async () => {
  const beat = (n: number): WireEvent[] => [
    left.begin(9),
    left.row('heartbeat', [{ after: ['1', 'x'] }], 9, undefined, true),
    left.vgtid(vector(left, n)),
    left.commit(9),
  ];
  const transport = scripted([beat(4), fields(left, 5), beat(6), rows(left, 5, 2, 1, 2), end(left, 5)]);
  expect(await all(read(transport, ['-80']))).toEqual(['-80 fields', '-80 copy t 1 x, copy t 2 x', `-80 done 2 ${set(5)}`]);
});

test('changes that a finished shard sends while others are copied are dropped', async () => {
  const transport = scripted([
    [...fields(right, 8), ...end(right, 8)],
    change(right, 9, 70),
    [right.vgtid(vector(right, 10)), right.ddl('truncate table t', 9)],
    [...fields(left, 5), ...end(left, 5)],
  ]);
  expect(await all(read(transport, ['-80', '80-']))).toEqual(['80- fields', `80- done 0 ${set(8)}`, '-80 fields', `-80 done 0 ${set(5)}`]);
});

test.each([
  ['began again from its last key', [fields(left, 5), rows(left, 5, 2, 1, 2), [left.begin(), left.field('t')], rows(left, 7, 3, 3)]],
  ['went on behind its snapshot without the rows', [fields(left, 5), change(left, 6, 70)]],
  ['goes on at another snapshot', [fields(left, 5), rows(left, 5, 2, 1, 2), rows(left, 7, 3, 3)]],
  ['is copied again after its end', [fields(left, 5), end(left, 5), rows(left, 6, 1, 1)]],
  ['ended without a position', [[left.copyCompleted()]]],
])('a shard that %s is an error that retrying mends', async (_, messages) => {
  await expect(all(read(scripted(messages), ['-80', '80-']))).rejects.toMatchObject({ code: 'STREAM_LOST', category: 'retry', table: 't' });
});

test('the end of the RPC before the end of the table is an error', async () => {
  const seen: string[] = [];
  await expect(all(read(scripted([[...fields(left, 5), ...rows(left, 5, 2, 1, 2)]]), ['-80']), seen)).rejects.toMatchObject({
    code: 'STREAM_ENDED',
  });
  expect(seen).toEqual(['-80 fields', '-80 copy t 1 x, copy t 2 x']);
});

const table = {
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'v', type: 'varchar(40)' },
  ],
  rows: Array.from({ length: 60 }, (_, id) => ({ id, v: 'x'.repeat(30) })),
};

test('what is written while the snapshot is read is neither in it nor behind it, and an abort ends the reading', async () => {
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { commerce: { tables: { t: table } } }, packetBytes: 200 });
  vtgate.faults.atCopyPoint((point) => {
    if (point.at !== 'rows') return;
    vtgate.engine.write('commerce', [
      { op: 'insert', table: 't', row: { id: 70 + point.rows, v: 'new' } },
      { op: 'delete', table: 't', where: { id: 59 - point.rows } },
    ]);
  });
  await using transport = closing(createTransport({ vtgate: [vtgate.address], maxMessageBytes: 1 << 24 }, {}));
  const seen = await all(read(transport, ['0']));
  const ids = seen.flatMap((one) => [...one.matchAll(/copy t (\d+)/g)].map(([, id]) => Number(id)));
  expect(ids).toEqual(table.rows.map(({ id }) => id));
  const now = vtgate.engine.rows('commerce', 't').map(({ id }) => Number(id));
  expect(now.some((id) => id >= 70)).toBe(true);
  expect(ids.some((id) => !now.includes(id))).toBe(true);
  const abort = new AbortController();
  const parts = read(transport, ['0'], abort.signal);
  expect((await parts.next()).value?.kind).toBe('fields');
  abort.abort();
  for await (const part of parts) expect(part.kind).not.toBe('done');
});

function closing(transport: Transport): Transport & AsyncDisposable {
  return Object.assign(transport, { [Symbol.asyncDispose]: () => transport.close() });
}
