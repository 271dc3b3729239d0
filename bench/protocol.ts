/** What the processes of the benchmark say to each other over Node's own channel. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Phase } from './frames.js';

/** The next VStream of the server: rows of this shape. Answered with `Prepared`. */
export interface Prepare {
  readonly shape: string;
  readonly phase: Phase;
  readonly rows: number;
}

export interface Prepared {
  readonly address: string;
  readonly rows: number;
  readonly bytes: number;
}

/** Ways to receive the same bytes. */
export type Kind =
  /** grpc-js through the shipped transport; messages are dropped. */
  | 'floor'
  /** Messages decoded with protobuf-es, and nothing made of their cells. */
  | 'protobuf-es messages'
  /** The same, and an object with the same values made of each row, as a user of the generated code would write it. */
  | 'protobuf-es'
  /** Messages decoded with protobufjs (bench/peers, installed by --peers). */
  | 'protobufjs messages'
  /** The same, and the same objects made of their rows as of protobuf-es's. */
  | 'protobufjs'
  /** `vstream()`: every row an object, handed to a loop. */
  | 'typed'
  /** A sink that takes cells, and leaves them alone. */
  | 'records'
  /** A sink that takes cells and looks at each: where it lies, whether it is NULL. */
  | 'cells'
  /** A sink that takes the text of each cell. */
  | 'texts';

export interface Measure {
  readonly kind: Kind;
  readonly address: string;
  readonly keyspace: string;
  readonly table: string;
  readonly phase: Phase;
  /** CPU milliseconds: the first such request begins a stream, later ones go on with it, each for so long. */
  readonly window?: number | undefined;
  /** Where to stop; undefined for a real VTGate: at the end of the copy. In windows, how many rows so many bytes have. */
  readonly expected: { readonly rows: number; readonly bytes: number } | undefined;
  /** Overrides by MySQL type, as in the options of a stream. */
  readonly types?: Readonly<Record<string, string>> | undefined;
}

export interface Measured {
  /** User and system time of the whole process between the first message and the last row, microseconds. */
  readonly cpuUs: number;
  readonly wallMs: number;
  /** 0 where nobody looked into the bytes. */
  readonly rows: number;
  readonly bytes: number;
  readonly rssMb: number;
  /** The highest so far in the life of the process. */
  readonly peakRssMb: number;
}

/** A process that answers each request with one message. */
export class Worker<Request, Answer> {
  readonly #child: ChildProcess;

  /** `cpu` pins the process where `taskset` exists. */
  constructor(script: string, cpu: number | undefined, execArgv: readonly string[] = []) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const node = [process.execPath, ...execArgv, path];
    const [command, ...args] = cpu === undefined ? node : ['taskset', '-c', String(cpu), ...node];
    this.#child = spawn(command as string, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  async ask(request: Request): Promise<Answer> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('a process of the benchmark has ended');
    child.send(request as object);
    const ended = new AbortController();
    try {
      const answer = await Promise.race([
        once(child, 'message', { signal: ended.signal }),
        once(child, 'exit', { signal: ended.signal }).then(() => {
          throw new Error('a process of the benchmark ended in the middle of a request');
        }),
      ]);
      return (answer as [Answer])[0];
    } finally {
      ended.abort();
    }
  }

  end(): void {
    this.#child.kill();
  }
}

/** Answers requests one after the other; ends with the parent. */
export function serve(answer: (request: never) => Promise<object>): void {
  let last = Promise.resolve();
  process.on('message', (request) => {
    last = last.then(async () => {
      process.send?.(await answer(request as never));
    });
    last.catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
  process.on('disconnect', () => process.exit(0));
}

/** True when processes can be given a core of their own. */
export function canPin(): boolean {
  return spawnSync('taskset', ['-c', '1', 'true']).status === 0;
}
