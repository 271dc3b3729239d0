/** The two streams of the program: data on stdout under back-pressure, everything else on stderr. */
import type { Writable } from 'node:stream';
import { VStreamError } from '../errors.js';
import { deferred } from '../internal/async.js';

export interface OutStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Standard output. Once its reader is gone (EPIPE) every write is dropped and `onGone` was called: that is no failure. Any other
 * trouble, such as a full disk behind a redirection, rejects the writes.
 */
export class Output {
  readonly #stream: OutStream;
  #gone = false;
  #failure: VStreamError | undefined;

  constructor(stream: OutStream, onGone: () => void) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') {
        this.#failure = new VStreamError('SINK_FAILED', `standard output cannot be written: ${error.message}`, {
          next: 'Check the disk or the pipe behind it.',
          cause: error,
        });
        return;
      }
      if (this.#gone) return;
      this.#gone = true;
      onGone();
    });
  }

  /** True when the reader went away. */
  get gone(): boolean {
    return this.#gone;
  }

  get isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number {
    return this.#stream.columns ?? 100;
  }

  /** Resolves when the stream wants more: whoever awaits it never buffers more than one write ahead of a slow reader. */
  async write(text: string): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#gone || text === '' || this.#stream.write(text)) return;
    const drained = deferred();
    const done = (): void => drained.resolve();
    this.#stream.once('drain', done).once('error', done).once('close', done);
    await drained.promise;
    this.#stream.off('drain', done).off('error', done).off('close', done);
    // Set by the error that ended the waiting.
    const failure = this.#failure as VStreamError | undefined;
    if (failure) throw failure;
  }

  /** Resolves when everything written is with the system; rejects when some of it never came there. */
  async flush(): Promise<void> {
    if (!this.#gone && !this.#failure) {
      const flushed = deferred();
      // The error event comes after the callback.
      this.#stream.write('', () => setImmediate(() => flushed.resolve()));
      await flushed.promise;
    }
    if (this.#failure) throw this.#failure;
  }
}

/** Colour only where a person looks, and never against NO_COLOR. */
export function wantsColour(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false;
  return Boolean(env['FORCE_COLOR']) || (stream.isTTY === true && env['TERM'] !== 'dumb');
}

export type Paint = (style: keyof typeof STYLES, text: string) => string;

const STYLES = { bold: '1', faint: '2', red: '31', green: '32', yellow: '33', blue: '34', cyan: '36' } as const;

export function painter(on: boolean): Paint {
  return on ? (style, text) => `\u001b[${STYLES[style]}m${text}\u001b[0m` : (_style, text) => text;
}
