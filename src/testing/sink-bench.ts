/** One case of the sink conformance kit at work: an open sink, batches in a row, rows compared. Layer 6. */
import assert from 'node:assert/strict';
import { VStreamError, type ErrorCode } from '../errors.js';
import { silentLogger } from '../observe/logger.js';
import type { ApplyContext, OpenedSink, Sink } from '../pipeline/sink.js';
import type { TableVersion } from '../schema/table.js';
import type { Row } from '../schema/values.js';
import type { Batch } from '../stream/change.js';
import { BatchBuilder, columnsChange, tableVersion } from './batch-builder.js';
import type { SinkHarness } from './sink-conformance.js';

let counter = 0;

/** A stream and its tables under names no other case uses. */
export class Bench {
  readonly harness: SinkHarness;
  readonly name: string;
  readonly keyspace = 'conformance';
  readonly batches: BatchBuilder;
  readonly #id: string;
  sink: Sink | undefined;
  epoch = 1n;
  incarnation: string;

  constructor(harness: SinkHarness, shards: readonly string[] = ['0']) {
    this.harness = harness;
    this.#id = `${process.pid}_${Date.now().toString(36)}_${(counter += 1)}`;
    this.name = `case-${this.#id}`;
    this.incarnation = `00000000-0000-4000-8000-${String(counter).padStart(12, '0')}`;
    this.batches = new BatchBuilder(this.keyspace, shards);
  }

  /** A table of this case; `name` is made unique. */
  table(name: string, columns: Readonly<Record<string, string>>, version = 1): TableVersion {
    return tableVersion(`${this.keyspace}.${name}_${this.#id}`, columns, version);
  }

  context(epoch = this.epoch): ApplyContext {
    return { epoch, signal: new AbortController().signal };
  }

  /** A new handle, opened; the first one becomes the case's own. */
  async open(options: { epoch?: bigint; incarnation?: string } = {}): Promise<{ sink: Sink; found: OpenedSink }> {
    const sink = await this.harness.create();
    const found = await sink.open({
      name: this.name,
      incarnation: options.incarnation ?? this.incarnation,
      epoch: options.epoch ?? this.epoch,
      logger: silentLogger,
      signal: new AbortController().signal,
    });
    return { sink, found: found || {} };
  }

  async start(...versions: readonly TableVersion[]): Promise<Sink> {
    const { sink } = await this.open();
    this.sink = sink;
    for (const version of versions) await this.columns(version);
    return sink;
  }

  async columns(to: TableVersion, from?: TableVersion, shard = '0'): Promise<void> {
    await this.sink?.schema?.(columnsChange(to, shard, from), this.context());
  }

  async apply(...batches: readonly Batch[]): Promise<void> {
    for (const batch of batches) await this.sink?.apply(batch, this.context());
  }

  async reopen(): Promise<OpenedSink> {
    await this.sink?.close();
    this.epoch += 1n;
    const { sink, found } = await this.open();
    this.sink = sink;
    return found;
  }

  /** Compares the rows of a table as text, whatever numbers and bytes the reader returns. */
  async expect(
    version: TableVersion,
    expected: readonly Row[],
    columns: readonly string[] = version.columns.map((one) => one.name),
  ): Promise<void> {
    const rows = await this.harness.read({ keyspace: version.keyspace, table: version.table });
    const lines = (list: readonly Readonly<Record<string, unknown>>[]): string[] =>
      list.map((row) => JSON.stringify(columns.map((name) => plain(row[name])))).sort();
    assert.deepEqual(lines(rows), lines(expected));
  }

  async close(): Promise<void> {
    await this.sink?.close();
  }
}

function plain(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Float32Array) return Array.from(value).join();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return String(value);
}

/** Runs a case on a bench and closes what it opened, however it ends. */
export async function onBench(harness: SinkHarness, shards: readonly string[], work: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = new Bench(harness, shards);
  try {
    await work(bench);
  } finally {
    await bench.close();
  }
}

export async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(VStreamError.is(error), `not a VStreamError: ${String(error)}`);
    assert.equal(error.code, code);
    return true;
  });
}
