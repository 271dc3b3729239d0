/** Positions of other clients: raw VGTID JSON, the Go client's `latest_vgtid`, Debezium's `vitess.vgtid`. Layer 1. */
import type { ShardPosition } from './position.js';

export type ForeignPosition = { readonly shards: readonly ShardPosition[] } | { readonly problem: string };

/**
 * The shards of a foreign position, or why it is none. Copies under way in it (`tablePKs`) are refused: their resume needs a
 * plan that only the client that started them has.
 */
export function importForeignPosition(value: unknown): ForeignPosition {
  const list = Array.isArray(value) ? value : listOf(value);
  if (!list) return { problem: 'this is not a position' };
  if (list.length === 0) return { problem: 'it names no shard' };
  const shards: ShardPosition[] = [];
  const seen = new Set<string>();
  for (const item of list) {
    if (typeof item !== 'object' || item === null) return { problem: 'an entry of its list of shards is not an object' };
    const entry = item as Record<string, unknown>;
    const { keyspace, shard, gtid } = entry;
    if (!isName(keyspace) || !isName(shard)) return { problem: 'an entry lacks the name of its keyspace or shard' };
    const name = `${keyspace}/${shard}`;
    if (!isName(gtid)) return { problem: `${name} has no GTID set` };
    if (seen.has(name)) return { problem: `${name} is listed twice` };
    const pending = entry['tablePKs'] ?? entry['table_p_ks'] ?? entry['tablePks'] ?? entry['table_pks'];
    if (Array.isArray(pending) && pending.length > 0)
      return { problem: `a copy is under way on ${name}, which only the client that began it can go on with` };
    seen.add(name);
    shards.push({ keyspace, shard, gtid });
  }
  return { shards };
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

function listOf(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Record<string, unknown>;
  for (const name of ['shardGtids', 'shard_gtids']) {
    const list = record[name];
    if (Array.isArray(list)) return list as readonly unknown[];
  }
  // Wrapped: the Go client's row (`latest_vgtid`) and Debezium's offset (`vitess.vgtid`, or `vgtid` holding JSON text).
  for (const name of ['latest_vgtid', 'vitess.vgtid', 'vgtid']) {
    let inner = record[name];
    if (typeof inner === 'string') inner = parsed(inner);
    if (inner !== undefined) return Array.isArray(inner) ? (inner as readonly unknown[]) : listOf(inner);
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
