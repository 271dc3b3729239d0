/** Where the servers are, and set arithmetic on GTIDs done by them. Layer 2. Sets are without the `MySQL56/` prefix. */
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

export interface PositionCheck {
  /** Transactions after the position that are purged: its missing range. Empty = none. */
  readonly missing: string;
  /** Transactions of the position the server never executed. Empty = none. */
  readonly ahead: string;
  readonly purged: string;
  readonly executed: string;
  /** UUID of the server that answered; on a replica not the source of its transactions. */
  readonly serverUuid: string;
}

/** Compares a position with one tablet, by its own arithmetic. `gtids` without prefix. */
export function checkPosition(keyspace: string, shard: string, gtids: string, type: TabletKind = 'primary'): Statement<PositionCheck> {
  return {
    target: shardTarget(keyspace, shard, type),
    text:
      'select gtid_subtract(@@global.gtid_purged, :gtids), gtid_subtract(:gtids, @@global.gtid_executed), ' +
      '@@global.gtid_purged, @@global.gtid_executed, @@global.server_uuid',
    binds: { gtids },
    read: (result) => {
      const row = onlyRow(result);
      return {
        missing: oneLine(row.text(0)),
        ahead: oneLine(row.text(1)),
        purged: oneLine(row.text(2)),
        executed: oneLine(row.text(3)),
        serverUuid: row.text(4),
      };
    },
  };
}

/** What `from` has and `without` has not. */
export function gtidSubtract(keyspace: string, shard: string, from: string, without: string): Statement<string> {
  return {
    target: shardTarget(keyspace, shard),
    text: 'select gtid_subtract(:from_set, :without_set)',
    binds: { from_set: from, without_set: without },
    read: (result) => oneLine(onlyRow(result).text(0)),
  };
}

/** True when every GTID of `inner` is in `outer`. */
export function gtidSubset(keyspace: string, shard: string, inner: string, outer: string): Statement<boolean> {
  return {
    target: shardTarget(keyspace, shard),
    text: 'select gtid_subset(:inner_set, :outer_set)',
    binds: { inner_set: inner, outer_set: outer },
    read: (result) => onlyRow(result).bigint(0) === 1n,
  };
}

function oneLine(set: string): string {
  return set.replace(/\s+/g, '');
}
