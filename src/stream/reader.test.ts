import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { deferred } from '../internal/async.js';
import { MessageReader } from './reader.js';

/** A stream that gives what it is told to, when it is told to. */
class Source implements AsyncIterable<Uint8Array> {
  readonly #waiting: ((result: IteratorResult<Uint8Array> | Promise<never>) => void)[] = [];
  readonly #queue: (IteratorResult<Uint8Array> | Promise<never>)[] = [];
  reads = 0;
  returned = false;

  give(...bytes: number[]): void {
    this.#put({ done: false, value: Uint8Array.from(bytes) });
  }

  end(): void {
    this.#put({ done: true, value: undefined });
  }

  fail(error: Error): void {
    // oxlint-disable promise/no-promise-in-callback -- it is what the callback of a read may be given
    const failure = Promise.reject(error);
    failure.catch(() => {});
    this.#put(failure);
  }

  #put(result: IteratorResult<Uint8Array> | Promise<never>): void {
    const next = this.#waiting.shift();
    if (next) next(result);
    else this.#queue.push(result);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => {
        this.reads++;
        const ready = this.#queue.shift();
        if (ready) return Promise.resolve(ready);
        return new Promise((resolve) => this.#waiting.push(resolve));
      },
      return: () => {
        this.returned = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

function setUp(): { source: Source; clock: ManualClock; reader: MessageReader } {
  const [source, clock] = [new Source(), new ManualClock()];
  return { source, clock, reader: new MessageReader(source, clock) };
}

const message = (...bytes: number[]) => ({ kind: 'message', message: Buffer.from(bytes) });

describe('reading with a limit', () => {
  test('gives a message that is there at once, asked with or without waiting', async () => {
    const { source, reader } = setUp();
    source.give(1);
    source.give(2);
    expect(await reader.next(0)).toEqual(message(1));
    expect(await reader.next(1000)).toEqual(message(2));
    expect(await reader.next(0)).toEqual({ kind: 'quiet' });
  });

  test('is quiet once the time is over, and loses nothing that comes later', async () => {
    const { source, clock, reader } = setUp();
    const first = reader.next(100);
    await clock.advance(100);
    expect(await first).toEqual({ kind: 'quiet' });
    source.give(7);
    expect(await reader.next(100)).toEqual(message(7));
    expect(source.reads).toBe(1);
  });

  test('wakes as soon as a message comes, and leaves no timer behind', async () => {
    const { source, clock, reader } = setUp();
    const next = reader.next(100);
    source.give(1);
    expect(await next).toEqual(message(1));
    expect(clock.pending).toEqual([]);
  });

  test('tells the end', async () => {
    const { source, reader } = setUp();
    source.give(1);
    source.end();
    expect(await reader.next(0)).toEqual(message(1));
    expect(await reader.next(0)).toEqual({ kind: 'end' });
  });

  test('rejects with the error of the stream, also when it came while nobody waited', async () => {
    const { source, clock, reader } = setUp();
    const quiet = reader.next(10);
    await clock.advance(10);
    await quiet;
    source.fail(new Error('lost'));
    await new Promise(setImmediate);
    await expect(reader.next(0)).rejects.toThrow('lost');
  });

  test('hands bytes over without copying them', async () => {
    const { source, reader } = setUp();
    source.give(1, 2);
    const result = await reader.next(0);
    expect(result.kind === 'message' && Buffer.isBuffer(result.message)).toBe(true);
  });

  test('closing cancels the stream; a read under way may fail unheard', async () => {
    const { source, reader, clock } = setUp();
    const unheard = deferred<unknown>();
    const listen = (reason: unknown): void => unheard.resolve(reason);
    process.on('unhandledRejection', listen);
    try {
      const next = reader.next(10);
      await clock.advance(10);
      await next;
      await reader.close();
      expect(source.returned).toBe(true);
      source.fail(new Error('cancelled'));
      await new Promise(setImmediate);
      unheard.resolve('nothing');
      expect(await unheard.promise).toBe('nothing');
    } finally {
      process.off('unhandledRejection', listen);
    }
  });
});
