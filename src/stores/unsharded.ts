/** Keyspaces that can hold a table of the client: those without shards, as its rows have no vindex. Layer 3. */
import { runStatement, type Executor } from '../sql/statement.js';
import { showShards, showVSchemaKeyspaces } from '../sql/topology.js';
import { serverStatusOf } from '../transport/status.js';
import type { StoreOptions } from './store.js';

export interface UnusableKeyspace {
  readonly what: 'sharded' | 'missing';
  /** Unsharded ones to choose from. */
  readonly others: readonly string[];
}

/** Undefined when `keyspace` is unsharded. */
export async function unusableKeyspace(
  executor: Executor,
  keyspace: string,
  options: StoreOptions = {},
): Promise<UnusableKeyspace | undefined> {
  const found = await keyspaces(executor, options);
  const sharded = found.get(keyspace);
  if (sharded === false) return undefined;
  return { what: sharded ? 'sharded' : 'missing', others: [...found].filter(([, one]) => !one).map(([name]) => name) };
}

/** Name to sharded or not; counts shards where the server knows no `show vschema keyspaces`. */
async function keyspaces(executor: Executor, options: StoreOptions): Promise<ReadonlyMap<string, boolean>> {
  try {
    const rows = await runStatement(executor, showVSchemaKeyspaces(), options);
    return new Map(rows.map(({ keyspace, sharded }) => [keyspace, sharded]));
  } catch (error) {
    if (serverStatusOf(error)?.from !== 'sql') throw error;
  }
  const counts = new Map<string, boolean>();
  for (const { keyspace } of await runStatement(executor, showShards(), options)) counts.set(keyspace, counts.has(keyspace));
  return counts;
}
