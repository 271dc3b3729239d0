/** A random history of a table on several shards, as the stream of each shard tells it: rows move, and copies are stale. Layer 6. */
import { must } from '../internal/must.js';
import type { TableVersion } from '../schema/table.js';
import type { Row } from '../schema/values.js';
import type { ChangeSpec } from './batch-builder.js';
import type { Bench } from './sink-bench.js';

export type Step =
  | { readonly kind: 'change'; readonly spec: ChangeSpec }
  | { readonly kind: 'copy'; readonly rows: readonly Row[]; readonly shard: string; readonly generation: number }
  | { readonly kind: 'sweep'; readonly shard: string; readonly generation: number }
  | { readonly kind: 'truncate'; readonly shard: string };

export interface MovingRows {
  /** What each shard sends, in its own order. */
  readonly streams: readonly (readonly Step[])[];
  /** What the source holds at the end: each key on one shard. */
  readonly rows: readonly Row[];
}

/** Columns the tables of these histories have. */
export const MOVING = { id: 'bigint key', a: 'varchar(20)', b: 'int' };
const KEYS = 8;

/** `below(n)` gives a whole number from 0 to n - 1. */
export function movingRows(version: TableVersion, shards: readonly string[], length: number, below: (limit: number) => number): MovingRows {
  const source = new Map<bigint, { shard: string; row: Row }>();
  const streams = new Map<string, Step[]>(shards.map((shard) => [shard, []]));
  // Each shard is copied at a moment of its own, perhaps again later: what it logged before is in the copy.
  const copies = new Map(shards.map((shard) => [shard, [below(length / 2), length / 2 + below(length)]]));
  const generations = new Map<string, number>();
  const any = <T>(list: readonly T[]): T => must(list[below(list.length)], 'an element');
  const send = (shard: string, op: 'insert' | 'update' | 'delete', images: { before?: Row; after?: Row }): void => {
    const generation = generations.get(shard);
    if (generation !== undefined) streams.get(shard)?.push({ kind: 'change', spec: { op, version, shard, generation, ...images } });
  };
  const put = (shard: string, row: Row): void => {
    source.set(row['id'] as bigint, { shard, row });
    send(shard, 'insert', { after: row });
  };
  const take = (id: bigint): Row => {
    const { shard, row } = must(source.get(id), 'a row');
    source.delete(id);
    send(shard, 'delete', { before: row });
    return row;
  };
  const write = (time: number): void => {
    const id = BigInt(below(KEYS));
    const there = source.get(id);
    if (!there) return put(any(shards), { id, a: `new ${time}`, b: time });
    const { shard, row } = there;
    const dice = below(10);
    if (dice < 4) return put(any(shards.filter((one) => one !== shard)), { ...take(id), a: `moved ${time}` });
    if (dice < 5) return void take(id);
    const to = dice < 7 ? BigInt(below(KEYS)) : id;
    if (to !== id && source.has(to)) return;
    const after = { ...row, id: to, b: time };
    source.delete(id);
    source.set(to, { shard, row: after });
    // Sometimes the image lacks a column, as partial row images do.
    send(shard, 'update', { before: row, after: below(2) === 0 ? after : { id: to, b: time } });
  };
  const truncate = (shard: string): void => {
    for (const [id, one] of source) if (one.shard === shard) source.delete(id);
    if (generations.has(shard)) streams.get(shard)?.push({ kind: 'truncate', shard });
  };
  const copy = (shard: string): void => {
    const generation = (generations.get(shard) ?? 0) + 1;
    generations.set(shard, generation);
    const rows = [...source.values()].flatMap((one) => (one.shard === shard ? [one.row] : []));
    streams.get(shard)?.push({ kind: 'copy', rows, shard, generation }, { kind: 'sweep', shard, generation });
  };
  for (let time = 0; time < length; time++) {
    for (const shard of shards) if (copies.get(shard)?.includes(time)) copy(shard);
    if (below(40) === 0) truncate(any(shards));
    else write(time);
  }
  return { streams: [...streams.values()], rows: [...source.values()].map((one) => one.row) };
}

/** Applies the streams merged and cut at random, each in its own order. */
export async function playMoves(
  bench: Bench,
  version: TableVersion,
  streams: MovingRows['streams'],
  below: (limit: number) => number,
): Promise<void> {
  const waiting = streams.map((stream) => [...stream]);
  let specs: ChangeSpec[] = [];
  const flush = async (): Promise<void> => {
    if (specs.length > 0) await bench.apply(bench.batches.transactions(...specs.map((spec) => [spec])));
    specs = [];
  };
  for (let left = waiting.filter((stream) => stream.length > 0); left.length > 0; left = left.filter((stream) => stream.length > 0)) {
    const stream = must(left[below(left.length)], 'a stream');
    for (const step of stream.splice(0, 1 + below(6))) {
      if (step.kind === 'change') {
        specs.push(step.spec);
        if (below(4) === 0) await flush();
        continue;
      }
      await flush();
      const { shard } = step;
      if (step.kind === 'copy') await bench.apply(bench.batches.copy(version, shard, step.rows, step.generation));
      else if (step.kind === 'sweep') await bench.sink?.sweep?.(version, shard, step.generation, bench.context());
      else await bench.sink?.truncate?.(version, shard, bench.context());
    }
  }
  await flush();
}
