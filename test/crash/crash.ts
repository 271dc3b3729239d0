/**
 * Kills the client at random moments while the shop keeps writing, then compares the sink with the source. Every choice comes
 * from the seed; what remains of chance is how the operating system runs two processes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { type EmbeddedVtgate, type EngineClock, realClock, seededRandom, startEmbeddedVtgate } from '../../src/embedded/index.js';
import { must } from '../../src/internal/must.js';
import { FileLetterBox } from '../../src/pipeline/letter-file.js';
import { readback } from '../../src/sinks/duckdb/query.js';
import { RowSchema } from '../../src/wire/gen/query_pb.js';
import { type Met, Meetings } from './met.js';
import { Shop, shopKeyspace, SHARDS } from './shop.js';

export interface CrashOptions {
  readonly seed: number;
  /** Stop after so many kills. */
  readonly kills?: number | undefined;
  /** The last of these comes once the client has met every case there is. */
  readonly meetsAll?: boolean | undefined;
  /** Or after this time, milliseconds. */
  readonly forMs?: number | undefined;
  /**
   * The sink stores no positions: changes come at least once, so that none is counted as doubled, and a table without a key, which is
   * a log at the sink, is not compared.
   */
  readonly apart?: boolean | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

export interface CrashResult {
  readonly kills: number;
  readonly faults: number;
  /** Rows in the source at the end. */
  readonly rows: number;
  /** Transactions whose ledger entry never reached the log, and unreadable rows that are no dead letter. */
  readonly lost: number;
  /** Changes in the log or among the dead letters more than once, by shard, GTID and ordinal; and changes applied to copied rows that hold them. */
  readonly duplicated: number;
  /** Rows that differ between source and sink, over all tables. */
  readonly different: number;
  /** In lives that were killed: the last one, which nobody disturbs, does not count. */
  readonly met: Met;
  /** The first differences, for a message. */
  readonly examples: readonly string[];
}

type LetterPlace = { readonly path: string } | { readonly keyspace: string; readonly table: string };

/** Where the worker writes. */
interface Place {
  readonly path: string;
  readonly letters: LetterPlace;
  readonly apart: boolean;
}

const PACES = ['10ms', '100ms', '1s'];

/** Characters of a worker's log that are kept. */
const LAST_WORDS = 20_000;

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url));

export async function crash(options: CrashOptions): Promise<CrashResult> {
  const random = seededRandom(options.seed);
  const folder = await mkdtemp(join(tmpdir(), 'vstream-crash-'));
  const path = join(folder, 'sink.duckdb');
  const letters: LetterPlace =
    options.seed % 2 === 0 ? { path: join(folder, 'letters.jsonl') } : { keyspace: 'vstream', table: 'bad_rows' };
  const { apart = false } = options;
  const place = { path, letters, apart };
  const clock = new LeaseClock();
  const vtgate = await startEmbeddedVtgate({
    keyspaces: { vstream: {}, shop: shopKeyspace() },
    seed: options.seed,
    packetBytes: 2_000,
    clock,
  });
  const shop = new Shop(vtgate.engine, random);
  const begun = performance.now();
  const numbers = new Numbers();
  const met = new Meetings();
  let kills = 0;
  let faults = 0;
  try {
    while (options.kills !== undefined ? kills < options.kills : performance.now() - begun < (options.forMs ?? 0)) {
      const after = 1 + Math.floor(random() ** 2 * 40);
      const isLast = options.meetsAll === true && kills + 1 === options.kills;
      faults += await life(vtgate, shop, place, options.seed, after, random, numbers, met, isLast);
      kills++;
      clock.endLeases();
      if (kills % 10 === 0) options.log?.(`${kills} kills, ${shop.writes} changes written`);
    }
    await settle(vtgate, place, options.seed, numbers);
    const tables = apart ? shop.tables.filter((table) => table !== 'bare') : shop.tables;
    const different = await compare(vtgate, tables, path);
    const log = await ledger(vtgate, path);
    const left = await leftOut(vtgate, letters);
    const duplicated = left.duplicated + (apart ? 0 : log.duplicated + numbers.held);
    return { kills, faults, met: met.all, ...different, lost: log.lost + left.lost, duplicated };
  } finally {
    await vtgate.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Real time, but the database's clock can jump past the lease of a process that was just killed. */
class LeaseClock implements EngineClock {
  #ahead = 0;
  readonly after = realClock.after;

  now(): number {
    return realClock.now() + this.#ahead;
  }

  endLeases(): void {
    this.#ahead += 6_000;
  }
}

interface Worker {
  readonly process: ChildProcess;
  /** What it wrote last: one that fails by itself cannot be asked afterwards. */
  lastWords(): string;
}

function startWorker(vtgate: EmbeddedVtgate, place: Place, seed: number, checkpointInterval: string, until?: string): Worker {
  const worker = fork(WORKER, [JSON.stringify({ address: vtgate.address, ...place, seed, checkpointInterval, until })], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let words = '';
  worker.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS);
    if (process.env['CRASH_LOG']) process.stderr.write(text);
  });
  return { process: worker, lastWords: () => words };
}

/** What a worker says of each batch it has committed, over all its lives: rows hold every change up to the one they were copied at. */
class Numbers {
  readonly #copied = new Map<string, number>();
  held = 0;
  /** Tables copied on a shard. */
  readonly ended = new Set<string>();

  take(event: unknown): void {
    if (typeof event !== 'object' || event === null || !('applied' in event) || !('numbers' in event)) return;
    if ('ended' in event && typeof event.ended === 'string') this.ended.add(event.ended);
    for (const [name, number] of Object.entries(event.numbers as Record<string, number>)) {
      const copied = this.#copied.get(name) ?? 0;
      if (event.applied === 'copy') this.#copied.set(name, Math.max(copied, number));
      else if (number <= copied) this.held++;
    }
  }
}

/** One life of the worker: killed after so many of its steps, at once or a moment later, and perhaps harmed before. */
function life(
  vtgate: EmbeddedVtgate,
  shop: Shop,
  place: Place,
  seed: number,
  after: number,
  random: () => number,
  numbers: Numbers,
  met: Meetings,
  meetsAll: boolean,
): Promise<number> {
  // Apart, the rows of many batches go before the position behind them. Of lives that all end before it, none would come far.
  const pace = place.apart ? must(PACES[Math.floor(random() * PACES.length)], 'a pace') : '10ms';
  const { process: worker, lastWords } = startWorker(vtgate, place, seed, pace);
  let steps = 0;
  let faults = 0;
  return new Promise((resolve, reject) => {
    let failure: string | undefined;
    worker.on('message', (event) => {
      if (typeof event === 'object' && event !== null && 'failed' in event) {
        failure = String(event.failed);
        return;
      }
      numbers.take(event);
      met.take(event);
      if (typeof event === 'object' && event !== null && 'table' in event) shop.copies(String(event.table));
      shop.work();
      // A worker that was killed hears nothing any more.
      // Ranges come before tables that were never copied: too many, and those never come.
      const range = !meetsAll && random() < 0.1 ? rangeOf(numbers.ended, random) : undefined;
      if (range) worker.send(range, () => undefined);
      steps++;
      if (random() < 0.05) {
        faults++;
        harm(vtgate, random);
      }
      if (steps < after) return;
      if (meetsAll && met.missing.length > 0) {
        provoke(met.missing, shop, steps, () => rangeOf(numbers.ended, random), worker);
        return;
      }
      // At the step itself, or somewhere in the work that follows it.
      if (random() < 0.5) worker.kill('SIGKILL');
      else setImmediate(() => worker.kill('SIGKILL'));
    });
    // `close` comes when its last words were read as well. One that ends without being killed has failed, whatever it says.
    worker.on('close', (code, signal) => {
      if (failure === undefined && signal === 'SIGKILL') resolve(faults);
      else reject(new Error(`the worker failed by itself: ${failure ?? `it ended with ${signal ?? code}`}\n${lastWords()}`));
    });
    worker.on('error', reject);
  });
}

/** Now and then: what chance has not brought so far. */
function provoke(
  missing: Meetings['missing'],
  shop: Shop,
  steps: number,
  range: () => ReturnType<typeof rangeOf>,
  worker: ChildProcess,
): void {
  if (steps % 10 !== 0) return;
  if (missing.includes('truncates')) shop.truncate();
  if (missing.includes('moved')) shop.move();
  const wanted = missing.includes('ranges') ? range() : undefined;
  if (wanted) worker.send(wanted, () => undefined);
}

/** A range of a table that was copied before. */
function rangeOf(tables: ReadonlySet<string>, random: () => number): { readonly table: string; readonly where: string } | undefined {
  const below = (limit: number): number => Math.floor(random() * limit);
  const table = [...tables][below(tables.size)];
  switch (table) {
    // Without a key.
    case undefined:
    case 'bare':
      return undefined;
    case 'pair':
      return { table, where: `a between ${below(10)} and ${10 + below(10)}` };
    case 'ledger':
      return { table, where: `entry >= ${below(200)}` };
    default: {
      const id = below(table === 'item' ? 600 : 12);
      return { table, where: random() < 0.5 ? `id >= ${id} and id < ${id * 2}` : `id < ${id}` };
    }
  }
}

function harm(vtgate: EmbeddedVtgate, random: () => number): void {
  const shard = SHARDS[Math.floor(random() * 2)] as string;
  const choice = Math.floor(random() * 5);
  if (choice === 0) vtgate.faults.cutMidFrame();
  else if (choice === 1) vtgate.faults.cut();
  else if (choice === 2) vtgate.faults.restartShardInsideRpc('shop', shard);
  else if (choice === 3) vtgate.faults.failWith(14, 'error streaming from tablet', { atEvent: 'any', nth: 1 + Math.floor(random() * 20) });
  else vtgate.faults.duplicateAfterResume(1);
}

/** A last life that nobody disturbs: up to now, and then to its end. */
function settle(vtgate: EmbeddedVtgate, place: Place, seed: number, numbers: Numbers): Promise<void> {
  const { process: worker, lastWords } = startWorker(vtgate, place, seed, '10ms', 'now');
  return new Promise((resolve, reject) => {
    let last: unknown;
    worker.on('message', (event) => {
      numbers.take(event);
      last = event;
    });
    worker.on('close', () => {
      if (last === 'finished') resolve();
      else reject(new Error(`the last run ended with ${JSON.stringify(last)}\n${lastWords()}`));
    });
    worker.on('error', reject);
  });
}

async function compare(
  vtgate: EmbeddedVtgate,
  tables: readonly string[],
  path: string,
): Promise<Pick<CrashResult, 'rows' | 'different' | 'examples'>> {
  let rows = 0;
  let different = 0;
  const examples: string[] = [];
  for (const table of tables) {
    if (table === 'ledger') continue;
    const source = counted(vtgate.engine.rows('shop', table).filter(isReadable).map(line));
    const found = await readback(path, `select * from main."${table}"`);
    const sink = netted(found);
    rows += vtgate.engine.rows('shop', table).length;
    for (const name of new Set([...source.keys(), ...sink.keys()])) {
      const [inSource, inSink] = [source.get(name) ?? 0, sink.get(name) ?? 0];
      if (inSource === inSink) continue;
      different += Math.abs(inSource - inSink);
      if (examples.length < 10) examples.push(`${table} ${name}: ${inSource} in the source, ${inSink} at the sink`);
    }
  }
  return { rows, different, examples };
}

/** How often each row is there. A table without a key is a log at the sink: an insert counts one, a delete takes one away. */
function netted(rows: readonly Record<string, unknown>[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const own = Object.entries(row).filter(([name]) => !name.startsWith('_vstream'));
    const name = line(Object.fromEntries(own));
    counts.set(name, (counts.get(name) ?? 0) + (row['_vstream_op'] === 'delete' ? -1 : 1));
  }
  return counts;
}

function line(row: object): string {
  const sorted = Object.entries(row as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  // Columns added later may be missing from one side's row where they are NULL.
  return JSON.stringify(sorted.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [name, String(value)]));
}

function counted(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of lines) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

/** The ledger at the sink is a log of changes: each entry of the source is there, and no change of a transaction twice. */
async function ledger(vtgate: EmbeddedVtgate, path: string): Promise<Pick<CrashResult, 'lost' | 'duplicated'>> {
  const log = await readback(
    path,
    'select entry, _vstream_op as op, _vstream_shard as shard, _vstream_gtid as gtid, _vstream_ordinal as ordinal from main.ledger',
  );
  const entries = new Set(log.map((row) => String(row['entry'])));
  const lost = vtgate.engine.rows('shop', 'ledger').filter((row) => !entries.has(String(row['entry']))).length;
  // A copied row has no GTID of its own: its key and the copy's generation are what may not repeat.
  const names = counted(
    log.map((row) => (row['op'] === 'copy' ? `copy ${String(row['entry'])}` : `${row['shard']} ${row['gtid']} ${row['ordinal']}`)),
  );
  let duplicated = 0;
  for (const count of names.values()) duplicated += count - 1;
  return { lost, duplicated };
}

function isReadable(row: object): boolean {
  return Object.values(row).every((value) => !(value instanceof Uint8Array));
}

/** Rows nobody can read are dead letters, each once: a change by its transaction, a copied row by its key and the copy's generation. */
async function leftOut(vtgate: EmbeddedVtgate, place: LetterPlace): Promise<Pick<CrashResult, 'lost' | 'duplicated'>> {
  const letters = await lettersIn(vtgate, place);
  const ids = new Set(letters.map(({ id }) => id));
  const lost = vtgate.engine.rows('shop', 'odd').filter((row) => !isReadable(row) && !ids.has(String(row['id']))).length;
  let duplicated = 0;
  for (const count of counted(letters.map(({ name }) => name)).values()) duplicated += count - 1;
  return { lost, duplicated };
}

/** The key in each letter, and a name no other letter may have. Not by its id: what the client takes for one must not hide a second. */
async function lettersIn(vtgate: EmbeddedVtgate, place: LetterPlace): Promise<readonly { readonly id: string; readonly name: string }[]> {
  const rows: readonly Readonly<Record<string, unknown>>[] =
    'path' in place
      ? await inFile(place.path)
      : vtgate.engine.rows(place.keyspace, place.table).map((row) => ({ ...row, shard: row['source_shard'], after: row['after_image'] }));
  return rows.map(({ shard, gtid, ordinal, generation, after }) => {
    const { lengths, values } = fromBinary(RowSchema, Uint8Array.from(after as Uint8Array));
    const id = Buffer.from(values.subarray(0, Number(lengths[0]))).toString();
    return { id, name: `${String(shard)} ${gtid ? `${String(gtid)} ${String(ordinal)}` : `${id} of ${String(generation)}`}` };
  });
}

/** A row that came again after a crash has a second line; the reader of the file counts it once. */
async function inFile(path: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const box = new FileLetterBox(path, { now: () => 0 });
  const out: Readonly<Record<string, unknown>>[] = [];
  for (const { head } of (await box.list()).letters) {
    const letter = await box.read(head);
    out.push({ ...letter, after: Buffer.from(letter.after ?? '', 'base64') });
  }
  return out;
}
