/** Processes at work: one server, one client for each way to receive, measured in turns. */
import { availableParallelism } from 'node:os';
import { KEYSPACE, tableName } from './frames.js';
import { canPin, type Kind, type Measure, type Measured, type Prepare, type Prepared, Worker } from './protocol.js';
import { SHAPES } from './shapes.js';
import type { Phase } from './frames.js';

/** One thing to measure: a way to receive rows of a shape. */
export interface Case {
  readonly kind: Kind;
  readonly shape: string;
  readonly phase: Phase;
  readonly rows: number;
  readonly types?: Readonly<Record<string, string>> | undefined;
  /** A table of a real VTGate instead of the replay server; `rows` is how many it has. */
  readonly source?: { readonly address: string; readonly keyspace: string; readonly table: string } | undefined;
}

/** A round is the cost of one pass over a case's rows. */
export interface Result {
  readonly case: Case;
  /** The pass that warmed the process up: half the rows, all of them from a real VTGate. */
  readonly first: Measured;
  readonly rounds: readonly Measured[];
  readonly bytesPerRow: number;
  readonly usPerRow: number;
}

export class Lab {
  readonly #pinned = availableParallelism() > 1 && canPin();
  readonly #server: Worker<Prepare, Prepared>;
  readonly #clients = new Map<string, Worker<Measure, Measured>>();
  readonly #execArgv: readonly string[];

  /** `execArgv`: for the client processes, `--cpu-prof` for example. */
  constructor(execArgv: readonly string[] = []) {
    this.#execArgv = execArgv;
    this.#server = new Worker('./server.js', this.#pinned ? 0 : undefined, ['--max-semi-space-size=64']);
  }

  /**
   * Each case `rounds` times, in turns, after one pass of half the rows to warm it up. A client process for each case.
   * `peer` is what else has its turn in each round.
   */
  async measure(cases: readonly Case[], rounds: number, peer?: () => Promise<void>): Promise<Result[]> {
    const results: { case: Case; first: Measured; rounds: Measured[] }[] = [];
    for (const one of cases)
      results.push({ case: one, first: await this.#pass(one, Math.max(2_000, Math.ceil(one.rows / 2))), rounds: [] });
    for (let round = 0; round < rounds; round++) {
      for (const result of results) result.rounds.push(await this.#pass(result.case, result.case.rows));
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

  async #pass(one: Case, rows: number): Promise<Measured> {
    const { kind, shape, phase, types, source } = one;
    if (source) {
      const measured = await this.#client(one).ask({ kind, phase, types, ...source, expected: undefined });
      // The floor counts no rows.
      if (measured.rows !== 0 && measured.rows !== one.rows) {
        throw new Error(`${source.keyspace}.${source.table} has ${measured.rows} rows: say --rows=${measured.rows}`);
      }
      return { ...measured, rows: one.rows };
    }
    const prepared = await this.#server.ask({ shape, phase, rows });
    const found = SHAPES[shape];
    if (!found) throw new Error(`no shape ${shape}`);
    const { address, ...expected } = prepared;
    return this.#client(one).ask({ kind, phase, keyspace: KEYSPACE, table: tableName(found), address, expected, types });
  }

  #client({ kind, shape, phase, types }: Case): Worker<Measure, Measured> {
    const key = JSON.stringify([kind, shape, phase, types]);
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

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** The median over rounds of a / b: what a busy machine does to one of a pair it does to the other. */
export function ratio(a: Result, b: Result): number {
  return median(a.rounds.map((pass, round) => pass.cpuUs / pass.rows / cost(b.rounds[round])));
}

/** The median over rounds of a - b, microseconds a row. */
export function above(a: Result, b: Result): number {
  return median(a.rounds.map((pass, round) => pass.cpuUs / pass.rows - cost(b.rounds[round])));
}

function cost(pass: Measured | undefined): number {
  return pass ? pass.cpuUs / pass.rows : Number.NaN;
}
