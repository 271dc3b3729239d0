/** Whether tables were moved away from a keyspace. Layer 2. */
import type { Statement } from './statement.js';
import { quoted, shardTarget } from './target.js';

/**
 * Reads no row of the tables. Once MoveTables has switched their traffic, the primaries of the keyspace they came from refuse any
 * statement on one of them, also after the workflow was completed with its data kept: `TABLE_MOVED`, without the name of the table.
 * VTGate tries for 20 s before it says so. Needs the right to read the tables.
 */
export function readNothing(keyspace: string, shard: string, tables: readonly string[]): Statement<void> {
  return {
    target: shardTarget(keyspace, shard),
    text: tables.map((table) => `select 1 from ${quoted(table)} where 1 != 1`).join(' union all '),
    read: () => {},
  };
}
