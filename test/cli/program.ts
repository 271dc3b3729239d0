/** Runs the built program as its users do: a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** `VSTREAM_TEST_DIST`: another build than the checkout's, such as an installed package. */
const DIST = process.env['VSTREAM_TEST_DIST'] ?? fileURLToPath(new URL('../../dist', import.meta.url));
const MAIN = join(DIST, 'cli', 'main.js');

export interface Ended {
  /** Exit code, or the name of the signal that ended it. */
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program extends AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Resolves when this text was seen on stdout or stderr; rejects when the program ended without it. */
  seen(text: string | RegExp): Promise<void>;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `vstream` with these arguments. Disposing kills it. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  if (!existsSync(MAIN)) throw new Error('dist/ is missing: run `npm run build` first');
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, NO_COLOR: '1', ...options.env },
  });
  return watchProgram(child);
}

/** A program that was started already. Disposing kills it. */
export function watchProgram(child: ChildProcessWithoutNullStreams): Program {
  let stdout = '';
  let stderr = '';
  const waiters = new Set<() => void>();
  const note = (): void => waiters.forEach((check) => check());
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
    note();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
    note();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? 'SIGKILL', stdout, stderr }));
  });
  return {
    child,
    ended,
    seen(text) {
      return new Promise((resolve, reject) => {
        const check = (): void => {
          const all = stdout + stderr;
          if (typeof text === 'string' ? !all.includes(text) : !text.test(all)) return;
          waiters.delete(check);
          resolve();
        };
        waiters.add(check);
        void ended.then(({ code }) => {
          check();
          reject(new Error(`the program ended with ${code} before ${String(text)} was seen:\n${stdout}${stderr}`));
        });
        check();
      });
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended.catch(() => undefined);
    },
  };
}

/** Runs `vstream` to its end. */
export async function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  await using program = startProgram(args, options);
  program.child.stdin.end();
  return await program.ended;
}

/** Runs a line of shell in which `$NODE` and `$MAIN` are the program, for redirections. */
export async function runShell(line: string): Promise<Ended> {
  const child = spawn('/bin/sh', ['-c', line], {
    env: { ...process.env, NODE: process.execPath, MAIN },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1))),
  ]);
  return { code, stdout, stderr };
}

/** The last line of a text, parsed. */
export function lastJson(text: string): unknown {
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as unknown;
}
