/**
 * Rows per second into the DuckDB sink on disk, with the shipped decoder reading wire bytes.
 *
 *     npm run build:bench && node bench/dist/bench/duckdb-sink.js [--rows 1000000] [--batch 20000] [--stored 1000000] [--shards 1]
 *
 * `copy`: new keys in order into an empty table. `insert`: new keys above `--stored` rows. `update`: random keys among them.
 * `mixed`: 10 % deletes, 20 % inserts, the rest updates. `--shards 2`: keys are spread over two shards.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/observe/logger.js';
import { Position } from '../src/position/position.js';
import type { RowSource } from '../src/schema/decoder.js';
import { compileDecoder } from '../src/schema/row-decoder.js';
import { duckdb, readback } from '../src/sinks/duckdb/index.js';
import type { Batch, Change, Op } from '../src/stream/change.js';
import { tableVersion } from '../src/testing/batch-builder.js';

const flag = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const ROWS = flag('rows', 1_000_000);
const BATCH = flag('batch', 20_000);
const STORED = flag('stored', 1_000_000);
const SHARDS = flag('shards', 1) === 1 ? ['0'] : ['-80', '80-'];
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : undefined;

const version = tableVersion('commerce.orders', {
  id: 'bigint key',
  customer_id: 'int',
  status: 'varchar(20)',
  total: 'decimal(12,2)',
  note: 'varchar(255)',
  created_at: 'datetime(6)',
});
const decoder = compileDecoder({ enumSetStringValues: true }, { keyspace: 'commerce', table: 'orders', shard: '0' }, {}, version);
const signal = new AbortController().signal;
const STATUS = ['placed', 'paid', 'packed', 'shipped', 'returned'];

/** Rows of one batch in one buffer, as a message holds them; `query.Row` written by hand, as making it is not measured. */
class Wire {
  readonly #buffer = Buffer.allocUnsafe(BATCH * 160 + 1_024);
  #end = 0;

  row(id: number, turn: number): { buffer: Buffer; start: number; end: number } {
    const buffer = this.#buffer;
    const cells = [
      String(id),
      String(id % 5_000),
      STATUS[(id + turn) % 5] ?? '',
      `${id % 10_000}.${String(turn % 100).padStart(2, '0')}`,
      `${id} lorem ipsum dolor sit amet consectetur adipiscing elit`,
      '2026-11-22 12:34:56.789012',
    ];
    const start = this.#end;
    let at = start;
    buffer[at++] = 0x0a;
    // A packed zig-zag length below 64 is one byte, up to 8,191 two.
    const sizeAt = at++;
    for (const cell of cells) {
      const zigzag = cell.length * 2;
      if (zigzag >= 128) buffer[at++] = (zigzag & 127) | 128;
      buffer[at++] = zigzag >= 128 ? zigzag >> 7 : zigzag;
    }
    buffer[sizeAt] = at - sizeAt - 1;
    const text = cells.join('');
    buffer[at++] = 0x12;
    if (text.length >= 128) buffer[at++] = (text.length & 127) | 128;
    buffer[at++] = text.length >= 128 ? text.length >> 7 : text.length;
    at += buffer.write(text, at, 'latin1');
    this.#end = at;
    return { buffer, start, end: at };
  }
}

function change(wire: Wire, op: Op, id: number, turn: number): Change {
  const { buffer, start, end } = wire.row(id, turn);
  const image = [start, end] as const;
  const none = [-1, -1] as const;
  const [beforeStart, beforeEnd] = op === 'update' || op === 'delete' ? image : none;
  const [afterStart, afterEnd] = op === 'delete' ? none : image;
  const source: RowSource = {
    buffer,
    beforeStart,
    beforeEnd,
    afterStart,
    afterEnd,
    dataColumns: undefined,
    jsonPartial: undefined,
    copied: op === 'copy',
  };
  return {
    op,
    table: 'orders',
    keyspace: 'commerce',
    shard: SHARDS[id % SHARDS.length],
    schema: version,
    generation: 1,
    gtid: undefined,
    ordinal: 0,
    commitTime: 1,
    phase: 'live',
    sequence: [0, 0n, 0],
    key: undefined,
    beforeCells: beforeStart < 0 ? undefined : decoder.cells(source, 'before'),
    afterCells: afterStart < 0 ? undefined : decoder.cells(source, 'after'),
  } as unknown as Change;
}

const position = new Position([{ keyspace: 'commerce', shard: '0', gtid: 'MySQL56/00000000-0000-4000-8000-000000000001:1-5' }]);
const batchOf = (changes: readonly Change[]): Batch =>
  ({ kind: 'transactions', changes, transactions: [], of: () => changes, position, bytes: 0 }) as unknown as Batch;

let seed = 42;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};

type Shape = 'copy' | 'insert' | 'update' | 'mixed';
async function measure(shape: Shape): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), 'duckdb-bench-'));
  const path = join(folder, 'bench.duckdb');
  try {
    const sink = duckdb({ path });
    await sink.open({ name: 'bench', incarnation: 'bench', epoch: 1n, logger: silentLogger, signal });
    let next = 0;
    const fill = shape === 'copy' ? 0 : STORED;
    for (let first = 0; first < fill; first += BATCH) {
      const wire = new Wire();
      const rows = Array.from({ length: Math.min(BATCH, fill - first) }, () => change(wire, 'copy', next++, 0));
      await sink.apply(batchOf(rows), { epoch: 1n, signal });
    }
    let done = 0;
    let wall = 0;
    let cpu = 0;
    for (let turn = 1; done < ROWS; turn++) {
      const wire = new Wire();
      const changes = Array.from({ length: Math.min(BATCH, ROWS - done) }, () => {
        const dice = shape === 'mixed' ? random(10) : -1;
        if (shape === 'copy') return change(wire, 'copy', next++, turn);
        if (shape === 'insert' || dice === 1 || dice === 2) return change(wire, 'insert', next++, turn);
        return change(wire, dice === 0 ? 'delete' : 'update', random(STORED), turn);
      });
      // Making the bytes is not the sink's work.
      const before = process.cpuUsage();
      const start = performance.now();
      await sink.apply(batchOf(changes), { epoch: 1n, signal });
      wall += performance.now() - start;
      const used = process.cpuUsage(before);
      cpu += used.user + used.system;
      done += changes.length;
    }
    const start = performance.now();
    await sink.close();
    const closing = performance.now() - start;
    const [rows] = await readback(path, 'select count(*)::int as n, count(distinct id)::int as keys from orders');
    if (rows?.['n'] !== rows?.['keys']) throw new Error(`keys are doubled: ${JSON.stringify(rows)}`);
    return {
      shape,
      rowsPerSecond: Math.round(done / ((wall + closing) / 1000)),
      cpuUsPerRow: Number((cpu / done).toFixed(2)),
      batch: BATCH,
      stored: fill,
      shards: SHARDS.length,
      rssMb: Math.round(process.memoryUsage.rss() / 1e6),
      fileMb: Math.round(statSync(path).size / 1e6),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const shape of ['copy', 'insert', 'update', 'mixed'] as const) {
  if (only === undefined || only === shape) console.log(JSON.stringify(await measure(shape)));
}
