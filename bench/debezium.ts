/** Debezium Vitess next to the client: a JVM of its own for each copy (bench/peers/debezium, a Maven project). */
import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { canPin } from './protocol.js';

/** What some rows cost. */
export interface Span {
  readonly rows: number;
  /** User and system time of the whole JVM, microseconds. */
  readonly cpuUs: number;
  readonly wallMs: number;
}

/** One copy of a table in a fresh JVM. */
export interface DebeziumPass {
  /** After the first batch of rows came. */
  readonly whole: Span;
  /** The second half of the rows, when the JVM has compiled what is hot. */
  readonly warm: Span;
  readonly peakRssMb: number;
  /** Time spent in garbage collection. */
  readonly collectingMs: number;
}

export interface Table {
  readonly address: string;
  readonly keyspace: string;
  readonly table: string;
}

/** A copy that takes longer than this has gone wrong: a tenth of the slowest rate seen. */
const ROWS_PER_SECOND_AT_LEAST = 2_500;
const FOLDER = fileURLToPath(new URL('../../peers/debezium/', import.meta.url));
const HEAP = '1g';

/** Builds the peer, which downloads Debezium the first time. A text says why it cannot be had. */
export function buildDebezium(): { readonly skipped: string } | { run(source: Table, rows: number): Promise<DebeziumPass> } {
  for (const program of ['java', 'mvn']) {
    if (spawnSync(program, ['-version'], { stdio: 'ignore' }).error) return { skipped: `there is no ${program} on the PATH` };
  }
  const built = spawnSync('mvn', ['--batch-mode', '--quiet', 'compile'], { cwd: FOLDER, encoding: 'utf8', timeout: 600_000 });
  if (built.status !== 0) {
    const reason =
      `${built.stdout}${built.stderr}`.split('\n').find((line) => line.includes('ERROR')) ?? String(built.error ?? built.status);
    return { skipped: `mvn could not build bench/peers/debezium: ${reason}` };
  }
  return { run: copyOnce };
}

async function copyOnce({ address, keyspace, table }: Table, rows: number): Promise<DebeziumPass> {
  const classes = [`${FOLDER}target/classes`, (await readFile(`${FOLDER}target/classpath.txt`, 'utf8')).trim()].join(delimiter);
  const host = address.slice(0, address.lastIndexOf(':'));
  const port = address.slice(host.length + 1);
  const seconds = 60 + Math.ceil(rows / ROWS_PER_SECOND_AT_LEAST);
  const java = ['java', `-Xms${HEAP}`, `-Xmx${HEAP}`, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classes, 'Peer'];
  const pinned = availableParallelism() > 1 && canPin();
  const [command, ...args] = [...(pinned ? ['taskset', '-c', '1'] : []), ...java, host, port, keyspace, table, `${rows}`, `${seconds}`];
  // What it logs is shown only where the copy failed: closing the engine always logs an error.
  const { stdout } = await promisify(execFile)(command, args, { timeout: (seconds + 30) * 1000 }).catch((error: { stderr?: string }) => {
    throw new Error(`the copy by Debezium failed:\n${error.stderr ?? ''}`, { cause: error });
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as DebeziumPass;
}
