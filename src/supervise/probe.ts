/** Asks the servers about a position: the effect beside positions.ts. Layer 3. */
import type { ShardPosition } from '../position/position.js';
import { isSymbolicGtid } from '../position/gtid.js';
import { selectServerGtids } from '../sql/gtids.js';
import { runStatement, type Executor } from '../sql/statement.js';
import type { TabletKind } from '../sql/target.js';
import { showShards } from '../sql/topology.js';
import { serverStatusOf } from '../transport/status.js';
import { judgePosition, type PositionVerdict, type TabletAnswer } from './positions.js';

export interface ShardVerdict {
  readonly shard: ShardPosition;
  readonly verdict: PositionVerdict;
}

/** Statements under way at once: enough for 256 shards in a second, too few to be noticed. */
const AT_ONCE = 8;

/**
 * Judges each shard's position by the streamed tablet type and the primary. A statement that fails at the server (rights, no
 * tablet of the type) makes that answer unknown; a lost connection is thrown, as nothing was learned.
 */
export async function probePositions(
  executor: Executor,
  shards: readonly ShardPosition[],
  type: TabletKind,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly ShardVerdict[]> {
  const serving = new Set((await runStatement(executor, showShards(type), options)).map(({ keyspace, shard }) => `${keyspace}/${shard}`));
  const ask = async (keyspace: string, shard: string, kind: TabletKind): Promise<TabletAnswer | undefined> => {
    try {
      return await runStatement(executor, selectServerGtids(keyspace, shard, kind), options);
    } catch (error) {
      if (serverStatusOf(error)?.from === 'sql') return undefined;
      throw error;
    }
  };
  const judge = async (shard: ShardPosition): Promise<ShardVerdict> => {
    const shardExists = serving.has(`${shard.keyspace}/${shard.shard}`);
    if (!shardExists || isSymbolicGtid(shard.gtid)) {
      return { shard, verdict: judgePosition(shard.gtid, { shardExists, streamed: undefined, primary: undefined }) };
    }
    const streamed = await ask(shard.keyspace, shard.shard, type);
    const primary = type === 'primary' ? streamed : await ask(shard.keyspace, shard.shard, 'primary');
    return { shard, verdict: judgePosition(shard.gtid, { shardExists, streamed, primary }) };
  };
  const verdicts: ShardVerdict[] = [];
  for (let at = 0; at < shards.length; at += AT_ONCE) {
    verdicts.push(...(await Promise.all(shards.slice(at, at + AT_ONCE).map(judge))));
  }
  return verdicts;
}
