/**
 * A process that dies with rows at a destination that stores no positions, and without the position behind them. Rows deleted before
 * the next process starts must go there too: nothing else would say that they are gone.
 */
import { describe, expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { must } from '../src/internal/must.js';
import { memoryStore, Position, run, silentLogger, VStreamError, vstream } from '../src/index.js';
import { MemoryDestination } from '../src/testing/memory-sink.js';
import { DyingSink, reachable } from './support/dying-sink.js';

const SHARDS = ['-80', '80-'];
type Make = (n: number) => unknown;
interface KeyKind {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly key?: boolean }[];
  readonly make: Make;
}
const keyed = (type: string, make: Make): KeyKind => ({ columns: [{ name: 'k', type, key: true }], make });
/** Of every other type: test/contract/interrupted.ts. */
const KEYS: Readonly<Record<string, KeyKind>> = {
  bigint: keyed('bigint', (n) => n - 4),
  varchar: keyed('varchar(20)', (n) => ['', '-7', 'a', 'b', 'é'][n] ?? `key ${n}`),
  composite: {
    columns: [
      { name: 'k', type: 'int', key: true },
      { name: 'l', type: 'varchar(9)', key: true },
    ],
    make: (n) => n - 4,
  },
  none: { columns: [{ name: 'k', type: 'bigint' }], make: (n) => n },
};

const ROWS = 12;
const rowOf = (kind: KeyKind, n: number, v: string): Record<string, unknown> => ({
  k: kind.make(n),
  ...(kind.columns.length > 1 ? { l: `l${n}` } : {}),
  n,
  v,
});
const textOf = (row: Readonly<Record<string, unknown>>): string => `${String(row['n'])} ${String(row['v'])}`;

/** Two tables: the first gives the stream its position, the second is copied from there. */
function startShop(kind: KeyKind): Promise<EmbeddedVtgate> {
  const columns = [...kind.columns, { name: 'n', type: 'int' }, { name: 'v', type: 'varchar(40)' }];
  const rows = Array.from({ length: ROWS }, (_, n) => rowOf(kind, n, 'copied'));
  const tables = { first: { columns, rows }, second: { columns, rows } };
  return startEmbeddedVtgate({ keyspaces: { shop: { shards: SHARDS, tables } }, packetBytes: 60 });
}

interface Crash {
  readonly kind: KeyKind;
  readonly sweep: boolean;
  /** The number of the batch behind which the first process dies. */
  readonly batch: number;
  /** Rows a batch: with few, a table is no small one. */
  readonly batchChanges: number;
}

/** What is at the destination after the second process has copied everything, and what should be; undefined: the first did not die. */
async function crashed({ kind, sweep, batch, batchChanges }: Crash): Promise<{ there: string[]; wanted: string[] } | undefined> {
  await using vtgate = await startShop(kind);
  const destination = new MemoryDestination();
  const state = memoryStore();
  const options = (sink: DyingSink): Parameters<typeof run>[0] => ({
    name: 'crash',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    tables: ['first', 'second'],
    logger: silentLogger,
    state: reachable(state, sink),
    sink,
    until: 'copied',
    sinkRetry: 0,
    checkpointInterval: '1h',
    limits: { batchChanges },
  });
  const first = new DyingSink(destination, sweep, ({ batches }) => batches.length >= batch);
  const died = await run(options(first)).then(
    () => false,
    (error: unknown) => VStreamError.is(error) && error.message === 'killed',
  );
  expect(died).toBe(first.dead);
  if (!died) return undefined;
  for (const shard of SHARDS) {
    for (const table of ['first', 'second']) {
      const here = vtgate.engine.rows('shop', table, shard).map((row) => Number(row['n']));
      vtgate.engine.transaction('shop', shard, [
        ...here.filter((n) => n % 3 === 0).map((n) => ({ op: 'delete' as const, table, where: { n } })),
        ...here.filter((n) => n % 3 === 1).map((n) => ({ op: 'update' as const, table, where: { n }, set: { v: 'changed' } })),
      ]);
    }
  }
  const second = new DyingSink(destination, sweep, () => false);
  await run(options(second));
  const there: string[] = [];
  const wanted: string[] = [];
  for (const table of ['first', 'second']) {
    const { keyed: byKey, loose } = must(destination.tables.get(`shop.${table}`), 'the table at the destination');
    const stored = [...[...byKey.values()].flat(), ...loose];
    for (const shard of SHARDS) {
      // Changes of rows without a key are appended: of those tables only copied rows are compared.
      const copied = second.batches.some(({ copy }) => copy?.table === table && copy.shard === shard);
      if (kind.columns.every(({ key }) => !key) && !copied) continue;
      const list = (rows: Iterable<Readonly<Record<string, unknown>>>): string[] =>
        [...rows].map((row) => `${table} ${shard} ${textOf(row)}`);
      there.push(...list(stored.filter((row) => row.shard === shard).map(({ values }) => Object.fromEntries(values))));
      wanted.push(...list(vtgate.engine.rows('shop', table, shard)));
    }
  }
  return { there: there.sort(), wanted: wanted.sort() };
}

describe.each(Object.entries(KEYS))('rows deleted while nobody ran are gone at the destination: key %s', (name, kind) => {
  // Copied beside the stream, and with it.
  test.each([100, 3])('killed behind any batch, of %s rows at most', async (batchChanges) => {
    let deaths = 0;
    for (let batch = 1; ; batch++) {
      const result = await crashed({ kind, sweep: name === 'none', batch, batchChanges });
      if (!result) break;
      deaths = batch;
      expect(result.there, `killed behind batch ${batch}`).toEqual(result.wanted);
    }
    expect(deaths).toBeGreaterThan(10);
  });
});

test('an own loop that saves each position gets those deletes as well', async () => {
  const kind = must(KEYS['bigint'], 'a kind of key');
  await using vtgate = await startShop(kind);
  const source = { vtgate: vtgate.address, keyspace: 'shop' };
  const rows = new Set<string>();
  let saved: string | undefined;
  for await (const batch of vstream({ source, tables: ['first'], logger: silentLogger })) {
    for (const change of batch.changes) rows.add(String(change.key?.['k']));
    // Killed with rows, before the position behind them is saved.
    if (batch.kind === 'copy') break;
    saved = JSON.stringify(batch.position);
  }
  expect(rows.size).toBeGreaterThan(0);
  for (const shard of SHARDS)
    vtgate.engine.transaction(
      'shop',
      shard,
      [...vtgate.engine.rows('shop', 'first', shard)].map(({ n }) => ({ op: 'delete', table: 'first', where: { n } })),
    );
  for await (const batch of vstream({ source, tables: ['first'], from: Position.parse(saved), until: 'now', logger: silentLogger })) {
    for (const { op, key } of batch.changes) {
      if (op === 'delete') rows.delete(String(key?.['k']));
      else rows.add(String(key?.['k']));
    }
  }
  expect([...rows]).toEqual([]);
});
