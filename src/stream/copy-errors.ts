/** What the server can do in the middle of a copy that the copy does not survive. Layer 3. */
import { VStreamError } from '../errors.js';

/** A table that cannot be resumed inside, copied a second time within an RPC: which rows are new cannot be told. */
export function keylessCopyRestarted(keyspace: string, shard: string, table: string): VStreamError {
  return new VStreamError(
    'STREAM_LOST',
    `VTGate restarted the copy of ${keyspace}.${table}, whose key it cannot go on behind, on shard ${shard}`,
    {
      keyspace,
      shard,
      table,
      next: 'The client copies the table on that shard again from its first row.',
    },
  );
}

export function shardsChangedInCopy(keyspace: string, before: readonly string[], now: readonly string[]): VStreamError {
  return new VStreamError(
    'SHARDS_CHANGED',
    `the shards of ${keyspace} changed during its copy: ${before.join(', ')} became ${now.join(', ')}`,
    { keyspace, next: 'Begin the copy anew on the new shards: `vstream state reset NAME`, then start again.' },
  );
}
