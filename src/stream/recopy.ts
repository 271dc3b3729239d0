/** Policy `recopy` for positions that cannot be used: the tables of such shards are copied again, as a new generation. Layer 3. */
import type { VStreamError } from '../errors.js';
import { copyShardAgain } from '../copy/changes.js';
import type { Logger } from '../observe/logger.js';
import type { Assembler } from './assembler.js';
import type { StreamCatalog } from './catalog.js';
import type { Gaps } from './gaps.js';

export interface RecopyTools {
  readonly assembler: Assembler;
  readonly catalog: StreamCatalog;
  readonly gaps: Gaps;
  readonly logger: Logger;
}

/**
 * `failures`: one for each such shard. False, and nothing is done, when a shard is not known or has nothing to copy: without a copy it would
 * have no position to go on from. Tables that are not copied (`copy: false`) lack what is gone, and say so.
 */
export function recopyShards(failures: ReadonlySet<VStreamError>, { assembler, catalog, gaps, logger }: RecopyTools): boolean {
  const shards = [...failures].map((failure) => {
    const { keyspace, shard } = failure;
    const own = catalog.tables.filter((one) => one.keyspace === keyspace);
    return { keyspace, shard, failure, copied: own.filter(isCopied), others: own.filter((one) => !isCopied(one)) };
  });
  if (shards.some(({ shard, copied }) => shard === undefined || copied.length === 0)) return false;
  for (const { keyspace = '', shard = '', failure, copied, others } of shards) {
    // What to do next is being done.
    const { next: _done, ...fields } = failure.toJSON();
    logger.warn(fields, 'the position cannot be used; copying the tables of this shard again');
    const tables = Object.fromEntries(others.map((one) => [one.table, assembler.plan.shard(keyspace, one.table, shard)?.generation ?? 1]));
    if (others.length > 0) gaps.add({ keyspace, shard, reason: 'transaction-skipped', tables });
    assembler.replace(copyShardAgain(assembler.position, copied, keyspace, shard));
  }
  return true;
}

const isCopied = ({ definition }: { readonly definition: { readonly copy?: boolean } }): boolean => definition.copy !== false;
