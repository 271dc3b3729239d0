/** Conformance of sinks: versions of one key that several shards sent, in any order. Layer 6. */
import type { TableVersion } from '../schema/table.js';
import type { Row } from '../schema/values.js';
import { MOVING, movingRows, playMoves } from './moving-rows.js';
import { onBench } from './sink-bench.js';
import type { SinkCase, SinkHarness } from './sink-conformance.js';

const row = (id: bigint, a: string, b = 0): Row => ({ id, a, b });
const insert = (version: TableVersion, shard: string, after: Row, generation = 1) =>
  ({ op: 'insert', version, shard, after, generation }) as const;
const update = (version: TableVersion, shard: string, before: Row, after: Row) =>
  ({ op: 'update', version, shard, before, after }) as const;
const remove = (version: TableVersion, shard: string, before: Row) => ({ op: 'delete', version, shard, before }) as const;

export const moveCases: readonly SinkCase[] = [
  {
    title: 'a stale upsert of the shard a row has left hides the row only until that shard removes it, in one batch or several',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('stale', MOVING);
        await bench.start(version);
        const steps = (id: bigint) => [
          [insert(version, '80-', row(id, 'moved'))],
          [update(version, '-80', row(id, 'old'), row(id, 'stale'))],
          [remove(version, '-80', row(id, 'stale'))],
        ];
        await bench.apply(bench.batches.transactions(...steps(1n)));
        for (const step of steps(2n)) await bench.apply(bench.batches.transactions(step));
        const [first = [], ...others] = steps(3n);
        await bench.apply(bench.batches.transactions(first), bench.batches.transactions(...others));
        const [one = [], two = [], three = []] = steps(4n);
        await bench.apply(bench.batches.transactions(one, two));
        await bench.reopen();
        await bench.apply(bench.batches.transactions(three));
        await bench.expect(
          version,
          [1n, 2n, 3n, 4n].map((id) => row(id, 'moved')),
        );
      }),
  },
  {
    title: 'what happens to a row on its own shard counts while a stale version of another shard hides it',
    needs: ['deletes'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('hidden', MOVING);
        await bench.start(version);
        const ids = [1n, 2n, 3n];
        await bench.apply(
          bench.batches.copy(
            version,
            '80-',
            ids.map((id) => row(id, 'moved', 7)),
          ),
          bench.batches.copy(
            version,
            '-80',
            ids.map((id) => row(id, 'stale', 1)),
          ),
        );
        await bench.apply(
          bench.batches.transactions(
            [remove(version, '80-', row(1n, 'moved'))],
            [update(version, '80-', row(2n, 'moved'), { id: 2n, a: 'partial' })],
            [update(version, '80-', row(3n, 'moved'), row(4n, 'renamed'))],
          ),
        );
        await bench.apply(bench.batches.transactions(ids.map((id) => remove(version, '-80', row(id, 'stale')))));
        await bench.expect(version, [row(2n, 'partial', 7), row(4n, 'renamed')]);
      }),
  },
  {
    title: 'a truncate or sweep of stale rows brings back what they hid, after a restart too; of hidden rows it removes them',
    needs: ['deletes', 'sweep', 'truncate'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('cleared', MOVING);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '80-', [row(1n, 'moved'), row(2n, 'moved')]));
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'stale'), row(2n, 'stale'), row(3n, 'own')]));
        await bench.reopen();
        await bench.apply(
          bench.batches.transactions([insert(version, '-80', row(2n, 'newer'), 2), insert(version, '-80', row(3n, 'own'), 2)]),
        );
        await bench.sink?.sweep?.(version, '-80', 2, bench.context());
        await bench.apply(bench.batches.transactions([insert(version, '-80', row(1n, 'again'), 2)]));
        await bench.reopen();
        await bench.sink?.truncate?.(version, '-80', bench.context());
        await bench.expect(version, [row(1n, 'moved'), row(2n, 'moved')]);
        await bench.apply(bench.batches.copy(version, '-80', [row(1n, 'here'), row(2n, 'here')], 3));
        await bench.sink?.truncate?.(version, '80-', bench.context());
        await bench.expect(version, [row(1n, 'here'), row(2n, 'here')]);
        await bench.sink?.truncate?.(version, '-80', bench.context());
        await bench.expect(version, []);
      }),
  },
  {
    title: 'a hidden row comes back with the columns its table has got since',
    needs: ['deletes', 'evolve'],
    run: (harness) =>
      onBench(harness, ['-80', '80-'], async (bench) => {
        const version = bench.table('grown', MOVING);
        await bench.start(version);
        await bench.apply(bench.batches.copy(version, '80-', [row(1n, 'moved')]), bench.batches.copy(version, '-80', [row(1n, 'stale')]));
        const wider: TableVersion = { ...bench.table('grown', { ...MOVING, b: 'bigint', c: 'varchar(5)' }, 2) };
        await bench.columns(wider, version);
        await bench.apply(
          bench.batches.transactions([update(wider, '80-', row(1n, 'moved'), { ...row(1n, 'grown'), b: 5_000_000_000n, c: 'new' })]),
        );
        await bench.apply(bench.batches.transactions([remove(version, '-80', row(1n, 'stale'))], [remove(wider, '-80', row(1n, 'stale'))]));
        await bench.expect(wider, [{ id: 1n, a: 'grown', b: 5_000_000_000n, c: 'new' }]);
      }),
  },
  ...[
    ['-80', '80-'],
    ['-40', '40-80', '80-'],
  ].map(
    (shards): SinkCase => ({
      title: `rows that move between ${shards.length} shards end as the source has them, however streams are merged and batches cut`,
      needs: ['deletes', 'sweep', 'truncate'],
      run: async (harness) => {
        for (let seed = 1; seed <= 2; seed++) await endsAsSource(harness, shards, seed);
      },
    }),
  ),
];

/** One random history of 60 writes; a failure names the seed. */
export function endsAsSource(harness: SinkHarness, shards: readonly string[], seed: number): Promise<void> {
  return onBench(harness, shards, async (bench) => {
    const below = seeded(seed);
    const version = bench.table('moving', MOVING);
    await bench.start(version);
    const { streams, rows } = movingRows(version, shards, 60, below);
    await playMoves(bench, version, streams, below);
    await bench.expect(version, rows).catch((cause: unknown) => {
      throw new Error(`with seed ${seed} and shards ${shards.join(' ')} the rows are not those of the source`, { cause });
    });
  });
}

/** The same whole numbers for the same seed. */
function seeded(seed: number): (limit: number) => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
