/** What exists and serves, and which version answers. Layer 2. */
import { rowsOf } from './result.js';
import type { Statement } from './statement.js';
import type { TabletKind } from './target.js';

export interface ShardName {
  readonly keyspace: string;
  readonly shard: string;
}

/** Serving shards for a tablet type, in VTGate's order. After a reshard only the new ones. */
export function showShards(type: TabletKind = 'primary'): Statement<readonly ShardName[]> {
  return {
    target: `@${type}`,
    text: 'show vitess_shards',
    read: (result) =>
      rowsOf(result).map((row) => {
        const name = row.text(0);
        const slash = name.indexOf('/');
        return { keyspace: slash < 0 ? name : name.slice(0, slash), shard: slash < 0 ? '' : name.slice(slash + 1) };
      }),
  };
}

export interface Tablet extends ShardName {
  readonly cell: string;
  /** Lower case: `primary`, `replica`, `rdonly`, `spare`, … */
  readonly type: string;
  readonly serving: boolean;
  readonly alias: string;
}

/** Every tablet VTGate's health check knows. */
export function showTablets(): Statement<readonly Tablet[]> {
  return {
    target: '',
    text: 'show vitess_tablets',
    read: (result) =>
      rowsOf(result).map((row) => ({
        cell: row.text(0),
        keyspace: row.text(1),
        shard: row.text(2),
        type: row.text(3).toLowerCase(),
        serving: row.text(4) === 'SERVING',
        alias: row.text(5),
      })),
  };
}

/** Names of all keyspaces, also those without a serving shard. */
export function showKeyspaces(): Statement<readonly string[]> {
  return { target: '', text: 'show keyspaces', read: (result) => rowsOf(result).map((row) => row.text(0)) };
}

export interface KeyspaceVSchema {
  readonly keyspace: string;
  readonly sharded: boolean;
}

/** Keyspaces as VTGate routes them; a keyspace of one shard can be sharded all the same. */
export function showVSchemaKeyspaces(): Statement<readonly KeyspaceVSchema[]> {
  return {
    target: '',
    text: 'show vschema keyspaces',
    read: (result) => rowsOf(result).map((row) => ({ keyspace: row.text(0), sharded: row.text(1) === 'true' })),
  };
}
