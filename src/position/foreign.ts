/** Positions of other clients: raw VGTID JSON, the Go client's `latest_vgtid`, Debezium's `vitess.vgtid`. Layer 1. */
import type { ShardPosition } from './position.js';

/**
 * The shards of a foreign position, or undefined when the value is none. Copies under way in it (`tablePKs`) are refused:
 * their resume needs a plan that only the client that started them has.
 */
export function importForeignPosition(value: unknown): readonly ShardPosition[] | undefined {
  const list = Array.isArray(value) ? value : listOf(value);
  if (!list || list.length === 0) return undefined;
  const shards: ShardPosition[] = [];
  const seen = new Set<string>();
  for (const item of list) {
    if (typeof item !== 'object' || item === null) return undefined;
    const entry = item as Record<string, unknown>;
    const { keyspace, shard, gtid } = entry;
    if (typeof keyspace !== 'string' || typeof shard !== 'string' || typeof gtid !== 'string') return undefined;
    if (keyspace === '' || shard === '' || gtid === '' || seen.has(`${keyspace}/${shard}`)) return undefined;
    const pending = entry['tablePKs'] ?? entry['table_p_ks'] ?? entry['tablePks'] ?? entry['table_pks'];
    if (Array.isArray(pending) && pending.length > 0) return undefined;
    seen.add(`${keyspace}/${shard}`);
    shards.push({ keyspace, shard, gtid });
  }
  return shards;
}

function listOf(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Record<string, unknown>;
  for (const name of ['shardGtids', 'shard_gtids']) if (Array.isArray(record[name])) return record[name];
  // Wrapped: the Go client's row (`latest_vgtid`) and Debezium's offset (`vitess.vgtid`, or `vgtid` holding JSON text).
  for (const name of ['latest_vgtid', 'vitess.vgtid', 'vgtid']) {
    const inner = record[name];
    if (typeof inner === 'string') {
      try {
        const parsed: unknown = JSON.parse(inner);
        return Array.isArray(parsed) ? parsed : listOf(parsed);
      } catch {
        return undefined;
      }
    }
    if (inner !== undefined) return Array.isArray(inner) ? inner : listOf(inner);
  }
  return undefined;
}
