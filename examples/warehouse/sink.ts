/**
 * A connector for a cloud warehouse such as BigQuery: current rows by key, deletes, re-copies, each change exactly once. Of the destination it
 * needs one thing: a job that is done whole or not at all. In BigQuery that is a script of MERGE and DELETE between BEGIN TRANSACTION and
 * COMMIT TRANSACTION; here `warehouse.ts` stands in for it, behind HTTP as well.
 */
import { createHash } from 'node:crypto';
import { Position, shardRange, VStreamError, type Change, type Row, type Sink, type TableRef } from 'vstream-client';
import type { Job, Kept, Statement } from './warehouse.ts';

export function warehouse({ url }: { readonly url: string }): Sink {
  let owned: Pick<Job, 'stream' | 'owner' | 'expected'>;

  /** Rows, position and owner change together, and only while nobody else has taken the stream; resolves with the rows cleared. */
  async function run(statements: readonly Statement[], signal: AbortSignal, position?: Position): Promise<number> {
    const job: Job = { ...owned, statements, ...(position ? { position } : {}) };
    const { cleared } = await ask<{ cleared: number }>('/jobs', { method: 'POST', body: JSON.stringify(job, asJson), signal });
    return cleared;
  }

  async function ask<T>(path: string, request: RequestInit): Promise<T> {
    const response = await fetch(url + path, request);
    if (response.status === 409) throw fenced();
    // Anything thrown counts as SINK_FAILED: the batch is tried again, then the stream stops before it.
    if (!response.ok) throw new Error(`the warehouse answers ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  return {
    capabilities: { position: 'stored', deletes: true, sweep: true, schema: 'fixed' },

    async open({ name, incarnation, epoch, signal }) {
      const kept = await ask<Kept>(`/streams/${encodeURIComponent(name)}`, { signal });
      const [life, lastEpoch = 0n] = kept.owner?.split(' ') ?? [];
      if (life === incarnation && BigInt(lastEpoch) > epoch) throw fenced();
      owned = { stream: name, owner: `${incarnation} ${epoch}`, expected: kept.owner };
      // From here on an older owner is refused. What another life of the stream left stays as it is until the first batch of this one.
      if (life === undefined || life === incarnation) await run([], signal);
      return { position: kept.position === null ? undefined : Position.parse(kept.position), incarnation: life };
    },

    async apply(batch, { signal }) {
      // Rows of tables without a key are appended, under names that are the same when this batch is tried again.
      const unique = createHash('sha256').update(String(batch.position)).digest('hex');
      const statements = batch.changes.flatMap((change, at) => statementsFor(change, `${unique} ${at}`));
      await run(statements, signal, batch.position);
    },

    async truncate(table, shard, { signal }) {
      await run([{ type: 'clear', ...place(table, shard), below: null }], signal);
    },

    async sweep(table, shard, generation, { signal }) {
      return run([{ type: 'clear', ...place(table, shard), below: generation }], signal);
    },

    async sweepRange(table, shard, generation, { conditions }, { signal }) {
      return run([{ type: 'clear', ...place(table, shard), below: generation, where: conditions }], signal);
    },

    async close() {},
  };
}

function statementsFor({ op, before, after, shard, schema, generation }: Change, unique: string): Statement[] {
  const at = place(schema, shard);
  const keyOf = (row: Row): string => {
    const values = schema.key.map((name) => row[name]);
    return values.length > 0 ? JSON.stringify(values, asJson) : unique;
  };
  if (!after) return [{ type: 'delete', ...at, key: keyOf(before) }];
  const key = keyOf(after);
  // A column that was not sent keeps its value, from under the old key too.
  return [{ type: 'merge', ...at, key, was: before ? keyOf(before) : key, keep: op === 'update', generation, row: after }];
}

/** The shard as a range of keyspace ids, so that what it may touch is a comparison: rows move between shards, and shards are split. */
function place({ keyspace, table }: TableRef, shard: string): { table: string; start: string; end: string } {
  const { start, end } = shardRange(shard);
  return { table: `${keyspace}.${table}`, start, end: end || 'g' }; // 'g' is above every hex digit
}

/** What JSON lacks: 64-bit integers as text, bytes as hex. */
function asJson(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const raw = this[name]; // a Buffer has made itself an object by now
  if (raw instanceof Uint8Array) return Buffer.from(raw).toString('hex');
  return typeof value === 'bigint' ? String(value) : value;
}

const fenced = (): VStreamError =>
  new VStreamError('FENCED', 'another process has taken the stream over', { next: 'Let it run, or stop it before starting this one.' });
