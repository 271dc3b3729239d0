/** Where a stream begins: a stored position over `from`, and the copy plan of what is selected now. Pure. Layer 3. */
import { startWithoutCopy, withPlan } from '../copy/changes.js';
import { reopen } from '../copy/opened.js';
import { newPlan, reconcilePlan } from '../copy/steps.js';
import { highestGeneration } from '../position/plan.js';
import { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import type { Source } from './discover.js';
import type { ValidatedStream } from './validated.js';

export interface BeginningOptions {
  readonly stream: ValidatedStream;
  readonly source: Source;
  /** A stored position; wins over `from`. */
  readonly stored: Position | undefined;
  /** A position of another life of the stream, whose rows the sink still holds: a new copy takes later generations. */
  readonly earlier: Position | undefined;
}

export function firstPosition({ stored, earlier, stream, source }: BeginningOptions): Position {
  const tables = source.tables.map((one) => ({
    ...one,
    copy: one.definition.copy !== false,
    generation: 1 + usedGenerations(earlier, one),
  }));
  const known = stored ?? (stream.from.kind === 'position' ? stream.from.position : undefined);
  if (known) {
    const plan = known.plan.size > 0 ? reconcilePlan(known.plan, tables) : newPlan(tables.map((one) => ({ ...one, copy: false })));
    // With the count of reshards of its own, where it has one: sequences go on from there.
    const shards = source.shards.map(
      ({ keyspace, shard }) =>
        known.shards.find((one) => one.keyspace === keyspace && one.shard === shard) ?? { keyspace, shard, gtid: '' },
    );
    return reopen(
      startWithoutCopy(withPlan(known, plan).with({ shards })),
      ({ keyspace, table }) => source.tables.find((one) => one.keyspace === keyspace && one.table === table)?.start,
    );
  }
  const copies = stream.from.kind === 'beginning';
  const plan = newPlan(tables.map((one) => ({ ...one, copy: copies && one.copy })));
  return startWithoutCopy(
    new Position(
      source.shards.map(({ keyspace, shard }) => ({ keyspace, shard, gtid: '' })),
      plan,
    ),
  );
}

function usedGenerations(earlier: Position | undefined, { keyspace, table }: TableRef): number {
  const entry = earlier?.plan.table(keyspace, table);
  return entry ? highestGeneration(entry) : 0;
}
