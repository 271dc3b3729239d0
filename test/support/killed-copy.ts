/**
 * A process that dies with rows at a destination that stores no positions, and without the position behind them; rows are deleted
 * before the next process starts.
 */
import { describe, expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../../src/embedded/index.js';
import { must } from '../../src/internal/must.js';
import { memoryStore, run, silentLogger, VStreamError } from '../../src/index.js';
import { MemoryDestination } from '../../src/testing/memory-sink.js';
import { DyingSink, reachable } from './dying-sink.js';

export const SHARDS = ['-80', '80-'];
type Make = (n: number) => unknown;
export interface KeyKind {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly key?: boolean }[];
  readonly make: Make;
}
const keyed = (type: string, make: Make): KeyKind => ({ columns: [{ name: 'k', type, key: true }], make });
/** Of every other type: test/contract/interrupted.ts. */
export const KEYS = {
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
} satisfies Readonly<Record<string, KeyKind>>;

const ROWS = 12;
const rowOf = (kind: KeyKind, n: number, v: string): Record<string, unknown> => ({
  k: kind.make(n),
  ...(kind.columns.length > 1 ? { l: `l${n}` } : {}),
  n,
  v,
});
const textOf = (row: Readonly<Record<string, unknown>>): string => `${String(row['n'])} ${String(row['v'])}`;

/** Two tables: the first gives the stream its position, the second is copied from there. */
export function startShop(kind: KeyKind): Promise<EmbeddedVtgate> {
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

export function keepsDeletes(name: keyof typeof KEYS): void {
  const kind: KeyKind = KEYS[name];
  describe(`rows deleted while nobody ran are gone at the destination: key ${name}`, () => {
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
}
