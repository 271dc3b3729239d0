/** All rows of a table on one shard, read beside the stream, as batches: the table is done there with the first of them. Pure. Layer 3. */
import { shardNames } from '../copy/changes.js';
import { containsGtids, parseGtidSet } from '../position/gtid.js';
import type { ShardCopy } from '../position/plan.js';
import type { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import type { BatchContent } from './batch.js';
import { CopyBuilder } from './builders.js';
import type { FieldNotice } from './tables.js';
import type { GroupUnit } from './units.js';

export interface SnapshotRows extends TableRef {
  readonly shard: string;
  /** The set all rows were read at; holds the shard's position. */
  readonly gtid: string;
  readonly fields: readonly FieldNotice[];
  readonly units: readonly GroupUnit[];
}

type Content = Omit<BatchContent, 'position'>;

/**
 * Rows and the end of the table move the position at once: a crash leaves the table either not begun on that shard or done. Where
 * the snapshot is ahead of the shard, the position says so.
 */
export function fromSnapshot(
  position: Position,
  { keyspace, table, shard, gtid, units }: SnapshotRows,
  filter: (changes: GroupUnit['changes']) => GroupUnit['changes'],
): { position: Position; contents: Content[] } {
  const { plan, since } = position;
  const generation = plan.shard(keyspace, table, shard)?.generation ?? 1;
  const rows = units.reduce((sum, unit) => sum + unit.changes.length, 0);
  const state: ShardCopy = { state: 'done', generation, rows };
  const builder = new CopyBuilder({ keyspace, table }, shard, generation);
  for (const unit of units) builder.add(filter(unit.changes), unit);
  const { changes, bytes } = builder;
  const contents: Content[] = changes.length > 0 ? [{ kind: 'copy', changes, bytes, copy: { keyspace, table, shard, generation } }] : [];
  contents.push({ kind: 'progress', progress: { type: 'table-end', keyspace, table, shard, generation, rows, sweep: false } });
  const reached = isAtOrAhead(position.gtid(keyspace, shard) ?? '', gtid);
  return {
    position: position.with({
      plan: plan.withShard(keyspace, table, shard, state, shardNames(position, keyspace)),
      since: reached ? since : since.with(keyspace, shard, table, { generation, gtid }),
    }),
    contents,
  };
}

/** True when the first set holds all of the second. */
export function isAtOrAhead(gtid: string, other: string): boolean {
  const [a, b] = [parseGtidSet(gtid), parseGtidSet(other)];
  return a !== undefined && b !== undefined && containsGtids(a, b);
}
