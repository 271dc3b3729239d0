/** Processes at work: one server, one client for each way to receive, measured in turns. */
import { availableParallelism } from 'node:os';
import { KEYSPACE, tableName } from './frames.js';
import { canPin, type Kind, type Measure, type Measured, type Prepare, type Prepared, Worker } from './protocol.js';
import { type Shape, SHAPES } from './shapes.js';
import type { Phase } from './frames.js';
import { LEAST_ROUNDS } from './budget.js';

/** One thing to measure: a way to receive rows of a shape. */
export interface Case {
  readonly kind: Kind;
  readonly shape: string;
  readonly phase: Phase;
  /** One stream of so many rows for each round; without it one stream for all rounds, which are windows of it. */
  readonly rows?: number | undefined;
  readonly types?: Readonly<Record<string, string>> | undefined;
  /** A table of a real VTGate instead of the replay server; `rows` is how many it has. */
  readonly source?: { readonly address: string; readonly keyspace: string; readonly table: string } | undefined;
}

/** What a window has to use before it ends, CPU milliseconds. */
export interface Times {
  /** Until generated code is optimised and the heap has its size. */
  readonly warmMs: number;
  readonly windowMs: number;
}

/** A window holds several collections, or it is one of them that is measured. */
const TIMES: Times = { warmMs: 800, windowMs: 150 };

/**
 * V8 counts the memory of messages as alive until a thread of its own has freed it. Where little else is allocated that makes it mark the
 * whole heap every 15 MB received, or not, by chance: up to twice the cost. Freed at once, the figures of two runs can be compared. And pauses
 * between windows are the benchmark's: no time for V8 to collect at leisure, and to drop code with it.
 */
export const STEADY: readonly string[] = ['--no-concurrent-array-buffer-sweeping', '--no-memory-reducer'];

/** More than any case reads: nothing is sent that nobody asks for, and a message is built once. */
const ENDLESS_BYTES = 6e9;

/** A round is a window of a case's stream, or a pass over its rows. */
export interface Result {
  readonly case: Case;
  /** What warmed the process up. */
  readonly first: Measured;
  readonly rounds: readonly Measured[];
  readonly bytesPerRow: number;
  /** Median of the rounds. */
  readonly usPerRow: number;
}

export class Lab {
  readonly #times: Times;
  readonly #expected = new Map<string, Prepared>();
  readonly #pinned = availableParallelism() > 1 && canPin();
  readonly #server: Worker<Prepare, Prepared>;
  readonly #clients = new Map<string, Worker<Measure, Measured>>();
  readonly #execArgv: readonly string[];

  /** `execArgv`: for the client processes, `--cpu-prof` for example. */
  constructor(execArgv: readonly string[] = [], times: Times = TIMES) {
    this.#times = times;
    this.#execArgv = execArgv;
    this.#server = new Worker('./server.js', this.#pinned ? 0 : undefined, ['--max-semi-space-size=64']);
  }

  /**
   * Each case `rounds` times, in turns, once it is warm; less often when `until` has passed, as `performance.now()` tells. A client
   * process for each case. `peer` is what else has its turn in each round.
   */
  async measure(
    cases: readonly Case[],
    rounds: number,
    { peer, until = Infinity }: { readonly peer?: () => Promise<void>; readonly until?: number } = {},
  ): Promise<Result[]> {
    const results: { case: Case; first: Measured; rounds: Measured[] }[] = [];
    for (const one of cases) results.push({ case: one, first: await this.#warm(one), rounds: [] });
    for (let round = 0; round < rounds && (round < LEAST_ROUNDS || performance.now() < until); round++) {
      for (const { case: one, rounds: measured } of results)
        measured.push(one.rows === undefined ? await this.#window(one, this.#times.windowMs) : await this.#pass(one, one.rows));
      await peer?.();
    }
    return results.map(({ case: one, first, rounds: measured }) => ({
      case: one,
      first,
      rounds: measured,
      bytesPerRow: (measured[0]?.bytes ?? 0) / (measured[0]?.rows ?? 1),
      usPerRow: median(measured.map((pass) => pass.cpuUs / pass.rows)),
    }));
  }

  #warm(one: Case): Promise<Measured> {
    // The floor has less code to be optimised; a message holds few long rows, and what runs once a message is optimised later then.
    const factor = (one.kind === 'floor' ? 0.5 : 1) * (one.rows === undefined && bytesOf(one.shape) > 2000 ? 3 : 1);
    const warmMs = this.#times.warmMs * factor;
    return one.rows === undefined ? this.#window(one, warmMs) : this.#pass(one, Math.max(2_000, Math.ceil(one.rows / 2)));
  }

  async #window(one: Case, window: number): Promise<Measured> {
    const key = keyOf(one);
    let prepared = this.#expected.get(key);
    // The stream of a new client.
    if (!this.#clients.has(key) || !prepared) {
      prepared = await this.#server.ask({ shape: one.shape, phase: one.phase, rows: Math.ceil(ENDLESS_BYTES / bytesOf(one.shape)) });
      this.#expected.set(key, prepared);
    }
    return this.#client(one).ask(this.#request(one, prepared, window));
  }

  async #pass(one: Case, rows: number): Promise<Measured> {
    const { kind, shape, phase, types, source } = one;
    if (source) {
      const measured = await this.#client(one).ask({ kind, phase, types, ...source, expected: undefined });
      // The floor counts no rows.
      if (measured.rows !== 0 && measured.rows !== one.rows) {
        throw new Error(`${source.keyspace}.${source.table} has ${measured.rows} rows: say --rows=${measured.rows}`);
      }
      return { ...measured, rows: one.rows ?? 0 };
    }
    return this.#client(one).ask(this.#request(one, await this.#server.ask({ shape, phase, rows }), undefined));
  }

  #request({ kind, shape, phase, types }: Case, { address, ...expected }: Prepared, window: number | undefined): Measure {
    return { kind, phase, keyspace: KEYSPACE, table: tableName(shapeOf(shape)), address, expected, types, window };
  }

  #client(one: Case): Worker<Measure, Measured> {
    const key = keyOf(one);
    let client = this.#clients.get(key);
    if (!client) this.#clients.set(key, (client = new Worker('./client.js', this.#pinned ? 1 : undefined, this.#execArgv)));
    return client;
  }

  /** Ends the client processes, so that the next cases start with the memory they need. */
  endClients(): void {
    for (const client of this.#clients.values()) client.end();
    this.#clients.clear();
  }

  end(): void {
    this.endClients();
    this.#server.end();
  }
}

const keyOf = ({ kind, shape, phase, types }: Case): string => JSON.stringify([kind, shape, phase, types]);

function shapeOf(name: string): Shape {
  const shape = SHAPES[name];
  if (!shape) throw new Error(`no shape ${name}; there are ${Object.keys(SHAPES).join(', ')}`);
  return shape;
}

/** About, on the wire. */
function bytesOf(name: string): number {
  return shapeOf(name)
    .cells(1000)
    .reduce((sum, cell) => sum + (cell?.length ?? 0) + 1, 60);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** The lowest round, microseconds a row: what a busy machine cannot make better. */
export function lowest({ rounds }: Result): number {
  return Math.min(...rounds.map(cost));
}

/** The median over rounds of a / b: what a busy machine does to one of a pair it does to the other. */
export function ratio(a: Result, b: Result): number {
  return median(a.rounds.map((pass, round) => pass.cpuUs / pass.rows / cost(b.rounds[round])));
}

/**
 * What is kept in the baseline: the lower one of the median of pairs and the ratio of the lowest rounds. Another process makes one of
 * them worse now and then, a slower client both.
 */
export function steadyRatio(a: Result, b: Result): number {
  return Math.min(ratio(a, b), lowest(a) / lowest(b));
}

/** The median over rounds of a - b, microseconds a row. */
export function above(a: Result, b: Result): number {
  return median(a.rounds.map((pass, round) => pass.cpuUs / pass.rows - cost(b.rounds[round])));
}

function cost(pass: Measured | undefined): number {
  return pass ? pass.cpuUs / pass.rows : Number.NaN;
}
