/** What the servers executed and purged. Layer 2. Sets are without the `MySQL56/` prefix. */
import { onlyRow, rowsOf } from './result.js';
import { keyspaceTarget, shardTarget, type TabletKind } from './target.js';
import type { Statement } from './statement.js';

export interface ServerGtids {
  /** Gone from the binary logs of the server that answered. */
  readonly purged: string;
  readonly executed: string;
}

/** The sets of one tablet of the type: any may answer, so a hint. MySQL breaks long sets into lines; they are joined here. */
export function selectServerGtids(keyspace: string, shard: string, type: TabletKind = 'primary'): Statement<ServerGtids> {
  return {
    target: shardTarget(keyspace, shard, type),
    text: 'select @@global.gtid_purged, @@global.gtid_executed',
    read: (result) => {
      const row = onlyRow(result);
      return { purged: oneLine(row.text(0)), executed: oneLine(row.text(1)) };
    },
  };
}

export interface ShardGtid {
  readonly shard: string;
  readonly executed: string;
}

/** The executed set of every shard of the keyspace: the end of a bounded run, lag in transactions. */
export function showExecutedGtids(keyspace: string, type: TabletKind = 'primary'): Statement<readonly ShardGtid[]> {
  return {
    target: keyspaceTarget(keyspace, type),
    text: 'show global gtid_executed',
    // db_name, gtid_executed, shard
    read: (result) => rowsOf(result).map((row) => ({ shard: row.text(2), executed: oneLine(row.text(1)) })),
  };
}

function oneLine(set: string): string {
  return set.replace(/\s+/g, '');
}
