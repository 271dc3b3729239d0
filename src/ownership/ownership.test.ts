import { describe, expect, test } from 'vitest';
import { VStreamError } from '../errors.js';
import { deferred } from '../internal/async.js';
import { silentLogger } from '../observe/logger.js';
import { Position } from '../position/position.js';
import { memoryStore } from '../stores/memory.js';
import type { CheckpointStore, StatePatch, StateRequest } from '../stores/store.js';
import { ManualClock, settle } from '../../test/support/manual-clock.js';
import { Ownership, type OwnershipOptions } from './ownership.js';

const at = (n: number): Position =>
  new Position([{ keyspace: 'k', shard: '0', gtid: `MySQL56/00000000-0000-0000-0000-000000000001:1-${n}` }]);
const outage = (): VStreamError => new VStreamError('CONNECT_FAILED', 'VTGate v:1 refuses connections');

interface World {
  readonly clock: ManualClock;
  /** What the operator and other processes see. */
  readonly records: CheckpointStore;
  /** What the owner under test sees. */
  readonly store: CheckpointStore;
  readonly writes: { at: number; patch: StatePatch }[];
  readonly logged: string[];
  /** Failures of the next writes. */
  failures: number;
  readonly options: (more?: Partial<OwnershipOptions>) => OwnershipOptions;
}

function world(storeClock?: ManualClock): World {
  const clock = new ManualClock();
  const records = memoryStore({ clock: storeClock ?? clock });
  const writes: World['writes'] = [];
  const logged: string[] = [];
  const made: World = {
    clock,
    records,
    writes,
    logged,
    failures: 0,
    store: {
      ...records,
      description: 'memory',
      async write(claim, patch, leaseMs, options) {
        if (made.failures > 0) {
          made.failures -= 1;
          throw outage();
        }
        writes.push({ at: clock.monotonic(), patch });
        return records.write(claim, patch, leaseMs, options);
      },
    },
    options: (more = {}) => ({
      store: made.store,
      name: 's',
      owner: 'a:1:x',
      leaseMs: 30_000,
      clock,
      random: () => 0,
      logger: { ...silentLogger, info: (_fields, message) => logged.push(message) },
      ...more,
    }),
  };
  return made;
}

const codeOf = (signal: AbortSignal): string | undefined => (VStreamError.is(signal.reason) ? signal.reason.code : undefined);

describe('renewal', () => {
  test('an idle owner renews at a third of the lease and keeps a standby out', async () => {
    const { clock, records, writes, options } = world();
    const ownership = await Ownership.acquire(options());
    await clock.advance(95_000);
    expect(writes.map((one) => one.at)).toEqual([10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 80_000, 90_000]);
    expect((await records.claim('s', 'b:2:y', 30_000)).claimed).toBe(false);
    expect(ownership.held).toBe(true);
    await ownership.release();
  });

  test('a store that neither answers nor fails is told of while the lease lasts, and not once it answered', async () => {
    const { clock, store, options } = world();
    const said: unknown[] = [];
    const logger = { ...silentLogger, warn: (fields: object, message: string) => void said.push([message, fields, clock.monotonic()]) };
    const answer = deferred();
    const slow: CheckpointStore = {
      ...store,
      description: 'slow',
      write: async (...call) => (await answer.promise, store.write(...call)),
    };
    const ownership = await Ownership.acquire(options({ store: slow, logger }));
    await clock.advance(45_000);
    const message = 'the state has been silent for 10 s; nothing is written at the destination once the lease is over';
    expect(said).toEqual([[message, { name: 's', leaseSeconds: 10 }, 20_000]]);
    expect(ownership.held).toBe(false);
    answer.resolve();
    await clock.advance(95_000);
    expect(said).toHaveLength(1);
    expect(ownership.held).toBe(true);
    await ownership.release();
    expect(clock.pending).toEqual([]);
  });

  test('with the state in a streamed keyspace an idle stream writes twice a minute at most, checkpoints included', async () => {
    const { clock, records, writes, options } = world();
    const ownership = await Ownership.acquire(options({ quiet: true }));
    for (let second = 0; second < 600; second += 1) {
      await clock.advance(1_000);
      ownership.offer({ position: at(second + 1) });
    }
    expect(writes.length).toBeLessThanOrEqual(20);
    expect(writes.length).toBeGreaterThanOrEqual(19);
    expect((await records.read('s'))?.position?.gtid('k', '0')).toMatch(/:1-5\d\d$/);
    await ownership.release();
    expect((await records.read('s'))?.position?.equals(at(600))).toBe(true);
  });

  test('a write renews as well, and puts the next renewal off', async () => {
    const { clock, writes, options } = world();
    const ownership = await Ownership.acquire(options());
    await clock.advance(9_000);
    await ownership.write({ position: at(1) });
    await clock.advance(9_999);
    expect(writes.map((one) => one.at)).toEqual([9_000]);
    await clock.advance(1);
    expect(writes.map((one) => one.at)).toEqual([9_000, 19_000]);
    await ownership.release();
  });

  test('the lease counts from before its write was sent, however long the answer takes', async () => {
    const { clock, options, store } = world();
    const answered = async <T>(answer: Promise<T>): Promise<T> => {
      const value = await answer;
      clock.freeze(20_000);
      return value;
    };
    const slow: CheckpointStore = {
      ...store,
      description: 'slow',
      claim: (...args) => answered(store.claim(...args)),
      write: (...args) => answered(store.write(...args)),
    };
    const ownership = await Ownership.acquire(options({ store: slow }));
    // The store may have begun to count 20 s ago, when it was asked.
    const endsAfter = (ms: number): boolean[] => {
      clock.freeze(ms - 1);
      const before = ownership.held;
      clock.freeze(1);
      return [before, ownership.held];
    };
    expect(endsAfter(10_000)).toEqual([true, false]);
    await ownership.write({});
    expect(endsAfter(10_000)).toEqual([true, false]);
    await ownership.release();
  });

  test('a write carries what was offered before it, and wins over it', async () => {
    const { records, options } = world();
    const ownership = await Ownership.acquire(options());
    ownership.offer({ position: at(1), lastError: 'passed' });
    await ownership.write({ position: at(2) });
    const record = await records.read('s');
    expect([record?.position?.equals(at(2)), record?.lastError]).toEqual([true, 'passed']);
    await ownership.release();
  });

  test('writes never overlap and keep their order', async () => {
    const { clock, records, options, store } = world();
    const gate = deferred();
    let running = 0;
    let most = 0;
    const order: unknown[] = [];
    const slow: CheckpointStore = {
      ...store,
      description: 'slow',
      async write(claim, patch, leaseMs) {
        running += 1;
        most = Math.max(most, running);
        await gate.promise;
        order.push(patch.config);
        running -= 1;
        return records.write(claim, patch, leaseMs);
      },
    };
    const ownership = await Ownership.acquire(options({ store: slow }));
    const all = Promise.all([ownership.write({ config: '1' }), ownership.write({ config: '2' }), ownership.write({ config: '3' })]);
    await settle();
    gate.resolve();
    await all;
    expect(order).toEqual(['1', '2', '3']);
    expect(most).toBe(1);
    await ownership.release();
    expect(clock.pending).toEqual([]);
  });
});

describe('outages of the store', () => {
  test('a passing error of a write is endured and never reaches the caller', async () => {
    const made = world();
    const ownership = await Ownership.acquire(made.options());
    made.failures = 3;
    let written = false;
    const write = ownership.write({ position: at(4) }).then(() => {
      written = true;
    });
    await settle();
    expect(written).toBe(false);
    await made.clock.advance(20_000);
    await write;
    expect(ownership.lost.aborted).toBe(false);
    expect((await made.records.read('s'))?.position?.equals(at(4))).toBe(true);
    await ownership.release();
  });

  test('while the lease cannot be renewed nothing may be written at a destination; afterwards it goes on', async () => {
    const made = world();
    const ownership = await Ownership.acquire(made.options());
    made.failures = 1_000;
    await made.clock.advance(30_000);
    expect(ownership.held).toBe(false);
    let free = false;
    const waiting = ownership.whenHeld().then(() => {
      free = true;
    });
    await made.clock.advance(60_000);
    expect(free).toBe(false);
    made.failures = 0;
    await made.clock.advance(30_000);
    await waiting;
    expect(ownership.held).toBe(true);
    await ownership.release();
  });

  test('an outage beyond the patience loses the stream with the reason of the outage', async () => {
    const made = world();
    const ownership = await Ownership.acquire(made.options({ patienceMs: 120_000 }));
    made.failures = 1_000;
    await made.clock.advance(300_000);
    expect(codeOf(ownership.lost)).toBe('CONNECT_FAILED');
    await expect(ownership.write({})).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await expect(ownership.whenHeld()).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    expect(made.clock.pending).toEqual([]);
  });
});

describe('the fence', () => {
  test('a process that was stopped for longer than its lease is fenced: it can write neither state nor, after asking, data', async () => {
    const { clock, records, options } = world();
    const ownership = await Ownership.acquire(options());
    await ownership.write({ position: at(1) });
    clock.freeze(31_000);
    expect((await records.claim('s', 'b:2:y', 30_000)).claimed).toBe(true);
    expect(ownership.held).toBe(false);
    await expect(ownership.whenHeld()).rejects.toMatchObject({ code: 'FENCED' });
    await expect(ownership.write({ position: at(2) })).rejects.toMatchObject({ code: 'FENCED' });
    expect(codeOf(ownership.lost)).toBe('FENCED');
    expect((await records.read('s'))?.position?.equals(at(1))).toBe(true);
    expect(clock.pending).toEqual([]);
  });

  test('a process whose machine slept for longer than its lease is fenced before it writes, though its monotonic clock stood still', async () => {
    const storeClock = new ManualClock();
    const { clock, records, options } = world(storeClock);
    const ownership = await Ownership.acquire(options());
    storeClock.freeze(31_000);
    clock.suspend(31_000);
    expect((await records.claim('s', 'b:2:y', 30_000)).claimed).toBe(true);
    expect(ownership.held).toBe(false);
    await expect(ownership.whenHeld()).rejects.toMatchObject({ code: 'FENCED' });
  });

  test('a clock that is set forward costs a renewal, and nothing else; one that is set back nothing', async () => {
    const { clock, writes, options } = world();
    const ownership = await Ownership.acquire(options());
    clock.suspend(3_600_000);
    await ownership.whenHeld();
    expect([ownership.held, writes.length]).toEqual([true, 1]);
    clock.suspend(-7_200_000);
    await ownership.whenHeld();
    expect([ownership.held, writes.length]).toEqual([true, 1]);
    await clock.advance(10_000);
    expect(writes).toHaveLength(2);
    await ownership.release();
  });

  test('a process that was stopped goes on when nobody took the stream meanwhile', async () => {
    const { clock, options } = world();
    const ownership = await Ownership.acquire(options());
    clock.freeze(3_600_000);
    expect(ownership.held).toBe(false);
    await ownership.whenHeld();
    expect(ownership.held).toBe(true);
    await ownership.release();
  });

  test('the loss is told by the signal without any write of the caller', async () => {
    const { clock, records, options } = world();
    const ownership = await Ownership.acquire(options());
    clock.freeze(31_000);
    await records.claim('s', 'b:2:y', 30_000);
    await clock.advance(1);
    expect(codeOf(ownership.lost)).toBe('FENCED');
  });

  test('releasing a lost stream leaves the new owner alone', async () => {
    const { clock, records, options } = world();
    const ownership = await Ownership.acquire(options());
    clock.freeze(31_000);
    await records.claim('s', 'b:2:y', 30_000);
    await clock.advance(1);
    await ownership.release('{"code":"FENCED"}');
    const record = await records.read('s');
    expect([record?.owner, record?.lastError]).toEqual(['b:2:y', undefined]);
  });
});

describe('hot standby', () => {
  test('waits, says for whom, and takes over when the lease ends, with a higher epoch', async () => {
    const { clock, records, options, logged } = world();
    const first = await records.claim('s', 'db-7:42:z', 12_000);
    const seen: string[] = [];
    const acquiring = Ownership.acquire(options({ onWaiting: (holder) => seen.push(holder) }));
    await clock.advance(11_999);
    expect(logged[0]).toBe('waiting for db-7:42, lease ends in 12 s');
    expect(new Set(seen)).toEqual(new Set(['db-7:42:z']));
    await clock.advance(200);
    const ownership = await acquiring;
    expect(first.claimed && ownership.claim.epoch > first.claim.epoch).toBe(true);
    expect(logged.at(-1)).toBe('took over the stream');
    await ownership.release();
  });

  test('takes over within seconds of a release, however long the lease', async () => {
    const { clock, records, options } = world();
    const first = await records.claim('s', 'db-7:42:z', 3_600_000);
    const acquiring = Ownership.acquire(options());
    await clock.advance(10_000);
    if (first.claimed) await records.release(first.claim);
    await clock.advance(2_000);
    await (await acquiring).release();
  });

  test('outlives an outage of the store', async () => {
    const made = world();
    await made.records.claim('s', 'db-7:42:z', 30_000);
    let failing = false;
    const store: CheckpointStore = {
      ...made.store,
      description: 'memory',
      claim: (...args) => (failing ? Promise.reject(outage()) : made.records.claim(...args)),
    };
    const acquiring = Ownership.acquire(made.options({ store }));
    await made.clock.advance(1_000);
    failing = true;
    await made.clock.advance(60_000);
    failing = false;
    await made.clock.advance(60_000);
    await (await acquiring).release();
  });

  test('without waiting it fails at once and names the holder', async () => {
    const { records, options } = world();
    await records.claim('s', 'db-7:42:z', 12_000);
    await expect(Ownership.acquire(options({ wait: false }))).rejects.toMatchObject({
      code: 'LEASE_HELD',
      message: 'stream "s" is run by db-7:42, lease ends in 12 s',
    });
  });

  test('an abort ends the waiting and leaves no timer', async () => {
    const { clock, records, options } = world();
    await records.claim('s', 'db-7:42:z', 60_000);
    const stop = new AbortController();
    const acquiring = Ownership.acquire(options({ signal: stop.signal }));
    await clock.advance(3_000);
    stop.abort();
    await expect(acquiring).rejects.toMatchObject({ code: 'ABORTED' });
    expect(clock.pending).toEqual([]);
  });

  test('a store that fails at the first claim is told at once: nothing has been waited for', async () => {
    const made = world();
    const store: CheckpointStore = { ...made.store, description: 'memory', claim: () => Promise.reject(outage()) };
    await expect(Ownership.acquire(made.options({ store }))).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  });
});

describe('requests', () => {
  test('are taken at the next renewal, once, and their outcome is written back', async () => {
    const { clock, records, options } = world();
    const taken: string[] = [];
    const ownership = await Ownership.acquire(
      options({
        onRequest: async ({ id }) => {
          taken.push(id);
          return 'done';
        },
      }),
    );
    await records.request('s', { id: 'r1', verb: 'copy', table: 'orders' });
    await clock.advance(40_000);
    expect(taken).toEqual(['r1']);
    expect((await records.read('s'))?.requests).toMatchObject([{ id: 'r1', outcome: 'done' }]);
    await ownership.release();
  });

  test('one that takes longer than a renewal is not taken again meanwhile', async () => {
    const { clock, records, options } = world();
    const done = deferred<string>();
    const taken: string[] = [];
    const ownership = await Ownership.acquire(options({ onRequest: ({ id }) => (taken.push(id), done.promise) }));
    await records.request('s', { id: 'r1', verb: 'copy', table: 'k.t' });
    await clock.advance(35_000);
    expect(taken).toEqual(['r1']);
    done.resolve('done');
    await clock.advance(10_000);
    expect((await records.read('s'))?.requests).toMatchObject([{ outcome: 'done' }]);
    await ownership.release();
  });

  test('one that fails leaves its reason as the outcome; one that is not taken yet is asked again', async () => {
    const { clock, records, options, logged } = world();
    let ready = false;
    const ownership = await Ownership.acquire(
      options({
        onRequest: async () => {
          if (!ready) return undefined;
          throw new VStreamError('TABLE_NOT_FOUND', 'k.nope is not a table of this stream', { next: 'Its tables are k.t.' });
        },
      }),
    );
    await records.request('s', { id: 'r1', verb: 'copy', table: 'nope' });
    await clock.advance(20_000);
    expect((await records.read('s'))?.requests.map(({ outcome }) => outcome)).toEqual([undefined]);
    ready = true;
    await clock.advance(10_000);
    expect((await records.read('s'))?.requests).toMatchObject([
      { outcome: 'failed: k.nope is not a table of this stream. Its tables are k.t.' },
    ]);
    expect(logged.at(-1)).toBe('refused a request: copy nope: k.nope is not a table of this stream. Its tables are k.t.');
    await ownership.release();
  });

  test('several are taken together: one that waits for another does not keep it out', async () => {
    const { clock, records, options } = world();
    const resumed = deferred<string>();
    const ownership = await Ownership.acquire(
      options({
        onRequest: async ({ verb }) => {
          if (verb === 'resume') resumed.resolve('done');
          return resumed.promise;
        },
      }),
    );
    await records.request('s', { id: 'r1', verb: 'copy', table: 'k.t' });
    await clock.advance(10_000);
    await records.request('s', { id: 'r2', verb: 'resume' });
    await clock.advance(20_000);
    expect((await records.read('s'))?.requests).toMatchObject([
      { id: 'r1', outcome: 'done' },
      { id: 'r2', outcome: 'done' },
    ]);
    await ownership.release();
  });

  test('those that waited at the start are known when the taking of them is over, refused ones as well', async () => {
    const { records, options } = world();
    await (await Ownership.acquire(options())).release();
    for (const id of ['a', 'b', 'c']) await records.request('s', { id, verb: 'copy', table: id });
    const steps: string[] = [];
    const hears = deferred<() => void>();
    const onRequest = async ({ id }: StateRequest, known: () => void): Promise<string | undefined> => {
      steps.push(id);
      if (id === 'a') throw new Error('no');
      if (id === 'b') hears.resolve(known);
      else return 'done';
      return new Promise(() => {});
    };
    const ownership = await Ownership.acquire(options({ onRequest }));
    const taking = ownership.takeRequests()?.then(() => steps.push('over'));
    const known = await hears.promise;
    await settle();
    expect(steps).toEqual(['a', 'b', 'c']);
    known();
    await taking;
    expect(steps).toEqual(['a', 'b', 'c', 'over']);
    await ownership.release();
  });
});

test('release frees the stream with the last error in it, and is idempotent', async () => {
  const { records, options } = world();
  const ownership = await Ownership.acquire(options());
  await ownership.release('{"code":"SINK_FAILED"}');
  await ownership.release();
  const record = await records.read('s');
  expect([record?.owner, record?.lastError]).toEqual([undefined, '{"code":"SINK_FAILED"}']);
});

test('release does not hang on a store that does not answer', async () => {
  const { clock, options, store } = world();
  const hanging: CheckpointStore = {
    ...store,
    description: 'hanging',
    write: (_claim, _patch, _leaseMs, more) =>
      new Promise((_resolve, reject) => {
        more?.signal?.addEventListener('abort', () => reject(VStreamError.from(more.signal?.reason, 'ABORTED')));
      }),
  };
  const ownership = await Ownership.acquire(options({ store: hanging }));
  const write = ownership.write({ position: at(1) }).catch((error: unknown) => error);
  await settle();
  const released = ownership.release().then(
    () => 'released',
    () => 'gave up',
  );
  await clock.advance(5_000);
  expect(['released', 'gave up']).toContain(await released);
  expect(await write).toMatchObject({ code: 'ABORTED' });
  expect(clock.pending).toEqual([]);
});
