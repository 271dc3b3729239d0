/** The state of a stream in the keyspace it streams: every write of the state is a transaction of the stream itself (design: life of a change). */
import { expect, test } from 'vitest';
import { type EmbeddedVtgate, ManualClock as ServerClock, startEmbeddedVtgate } from '../src/embedded/index.js';
import { deferred } from '../src/internal/async.js';
import { silentLogger } from '../src/observe/logger.js';
import { Recorder } from '../src/observe/recorder.js';
import type { RunOptions } from '../src/pipeline/options.js';
import { Runner } from '../src/pipeline/runner.js';
import { validateRunOptions } from '../src/pipeline/validate.js';
import { table } from '../src/schema/define.js';
import type { Batch } from '../src/stream/change.js';
import { ManualClock } from './support/manual-clock.js';
import { RawClient } from './support/raw-client.js';

/** Well below what makes a client suspect that heartbeats fail. */
const STEP_SECONDS = 3;

/** A run whose minutes pass at a word: the clocks of client and server move together. */
class Minutes implements AsyncDisposable {
  readonly batches: Batch[] = [];
  readonly copied = deferred();
  readonly vtgate: EmbeddedVtgate;
  readonly recorder: Recorder;
  readonly #clock: ManualClock;
  readonly #serverClock: ServerClock;
  readonly #ending = new AbortController();
  readonly #finished: Promise<unknown>;
  readonly #prober: RawClient;

  private constructor(vtgate: EmbeddedVtgate, serverClock: ServerClock, more: Partial<RunOptions>) {
    this.vtgate = vtgate;
    this.#serverClock = serverClock;
    this.#clock = new ManualClock();
    this.recorder = new Recorder(this.#clock);
    this.#prober = new RawClient(vtgate.address);
    const options = validateRunOptions({
      name: 'items',
      source: { vtgate: vtgate.address, keyspace: 'shop' },
      state: { keyspace: 'shop', table: 'vstream_state' },
      sink: (batch: Batch) => {
        this.batches.push(batch);
        if (batch.progress?.type === 'copy-completed') this.copied.resolve();
      },
      logger: silentLogger,
      ...more,
    });
    this.#finished = new Runner(options, this.recorder, this.#clock, () => 0.5).run(this.#ending.signal);
    this.#finished.catch((error: unknown) => this.copied.reject(error));
  }

  static async start(more: Partial<RunOptions> = {}): Promise<Minutes> {
    const clock = new ServerClock();
    const item = { columns: [{ name: 'id', type: 'bigint', key: true }], rows: [{ id: 1 }, { id: 2 }] };
    const vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { item } } }, clock });
    const minutes = new Minutes(vtgate, clock, more);
    await minutes.copied.promise;
    return minutes;
  }

  /** Transactions of the shard so far. */
  get transactions(): number {
    return Number(/-(\d+)$/.exec(this.vtgate.engine.executed('shop'))?.[1]);
  }

  /** Lets a minute pass, in steps; returns how many transactions it saw. */
  async pass(): Promise<number> {
    const before = this.transactions;
    for (let seconds = 0; seconds < 60; seconds += STEP_SECONDS) {
      this.#serverClock.advance(STEP_SECONDS * 1_000);
      await this.#clock.advance(STEP_SECONDS * 1_000);
      // What this step set off has been sent and answered once later calls are.
      for (let call = 0; call < 2; call += 1) await this.#prober.sql('', 'show keyspaces');
      await this.vtgate.quiet();
    }
    return this.transactions - before;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#finished;
    this.#prober.close();
    await this.vtgate.close();
  }
}

test('an idle stream writes its state at most twice a minute, and its own writes cause no others', async () => {
  await using minutes = await Minutes.start();
  const writes: number[] = [];
  for (let minute = 0; minute < 8; minute += 1) writes.push(await minutes.pass());
  expect(
    writes.every((count) => count <= 2),
    String(writes),
  ).toBe(true);
  // It does renew its lease, and its position does follow: purged logs must not strand it.
  expect(writes.at(-1)).toBeGreaterThan(0);
  const stored = JSON.parse(String(minutes.vtgate.engine.rows('shop', 'vstream_state')[0]?.['position'])) as { shards: { gtid: string }[] };
  const behind = minutes.transactions - Number(/-(\d+)$/.exec(stored.shards[0]?.gtid ?? '')?.[1]);
  expect(behind).toBeLessThanOrEqual(3);
});

test('rows are stored at once, and the quiet returns after them', async () => {
  await using minutes = await Minutes.start();
  await minutes.pass();
  for (let id = 10; id < 20; id += 1) minutes.vtgate.engine.transaction('shop', '0', [{ op: 'insert', table: 'item', row: { id } }]);
  const busy = await minutes.pass();
  expect(minutes.batches.flatMap((batch) => [...batch.changes]).filter((change) => change.op === 'insert')).toHaveLength(10);
  expect(busy).toBeLessThanOrEqual(4);
  expect([await minutes.pass(), await minutes.pass()].every((count) => count <= 2)).toBe(true);
});

test.each([
  ['every table', undefined],
  ['a pattern', ['*']],
] as const)('%s does not take the state table: nothing of it reaches the sink or the counts', async (_, tables) => {
  await using minutes = await Minutes.start(tables ? { tables } : {});
  await minutes.pass();
  await minutes.pass();
  expect(new Set(minutes.batches.flatMap((batch) => [...batch.changes, batch.schema, batch.progress].map((one) => one?.table)))).toEqual(
    new Set(['item', undefined]),
  );
  expect(minutes.recorder.snapshot()).toMatchObject({ rows: 2, lastError: undefined });
  for (const { filter } of minutes.vtgate.requests) expect(filter?.rules.map((rule) => rule.match)).toEqual(['item']);
});

test('a dead letter in the streamed keyspace is one write more, and sets off no other', async () => {
  const refuse = ({ text }: { readonly text: string }): string => {
    if (text === '13') throw new Error('unlucky');
    return text;
  };
  await using minutes = await Minutes.start({
    tables: { '*': table({ types: { id: refuse } }) },
    onBadRow: 'dead-letter',
    deadLetter: { keyspace: 'shop', table: 'bad_rows' },
  });
  await minutes.pass();
  minutes.vtgate.engine.transaction('shop', '0', [{ op: 'insert', table: 'item', row: { id: 13 } }]);
  const busy = await minutes.pass();
  expect(minutes.vtgate.engine.rows('shop', 'bad_rows')).toHaveLength(1);
  // The letter, and what an idle minute may write.
  expect(busy).toBeLessThanOrEqual(3);
  expect([await minutes.pass(), await minutes.pass()].every((count) => count <= 2)).toBe(true);
  expect(new Set(minutes.batches.flatMap(({ changes }) => changes.map((change) => change.table)))).toEqual(new Set(['item']));
  expect(minutes.recorder.snapshot()).toMatchObject({ badRows: 1, incomplete: [{ reason: 'row-dead-lettered' }] });
});
