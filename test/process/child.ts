/** A worker process: what it says, and what is done to it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deferred } from '../../src/internal/async.js';

const fileOf = (script: string): string => fileURLToPath(new URL(`./${script}`, import.meta.url));

export type Said = Readonly<Record<string, unknown>>;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Child implements AsyncDisposable {
  readonly said: Said[] = [];
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  #watchers: (() => void)[] = [];
  #exit: Exit | undefined;

  /** `script` is a file of this folder; `options` its one argument. */
  constructor(options: object, script = 'worker.mjs') {
    this.#process = fork(fileOf(script), [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const exited = deferred<Exit>();
    this.exited = exited.promise;
    this.#process.on('message', (event) => {
      this.said.push(event as Said);
      this.#wake();
    });
    this.#process.on('exit', (code, signal) => {
      this.#exit = { code, signal };
      exited.resolve(this.#exit);
      this.#wake();
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Resolves with the `nth` thing said that has this member; rejects when the process ends without it. */
  async until(member: string, nth = 1): Promise<Said> {
    for (;;) {
      const found = this.said.filter((one) => member in one)[nth - 1];
      if (found) return found;
      if (this.#exit)
        throw new Error(`the worker ended (${JSON.stringify(this.#exit)}) without ${member}: ${JSON.stringify(this.said.slice(-5))}`);
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  count(member: string): number {
    return this.said.filter((one) => member in one).length;
  }

  /** `go`: the batch that waits may be written; `open`: and all after it. */
  say(word: 'go' | 'open'): void {
    this.#process.send(word);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#exit) this.#process.kill('SIGKILL');
    await this.exited;
  }

  #wake(): void {
    for (const wake of this.#watchers.splice(0)) wake();
  }
}
