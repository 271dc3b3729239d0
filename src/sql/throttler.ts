/**
 * What the tablet throttler says of itself, past the routing: the primary answers for its shard, as configuration and rules are the
 * same on all of its tablets. Needs no special rights; VTGate refuses both on replica targets (VT09007, VT09010). Layer 2.
 */
import { onlyRow, rowsOf } from './result.js';
import type { Statement } from './statement.js';
import { shardTarget } from './target.js';

export interface ThrottlerStatus {
  /** Rules and thresholds have no effect otherwise. */
  readonly enabled: boolean;
  /** Above which the metric of `query` holds applications back: seconds of replication lag, by default. Which tablets are above it is not said. */
  readonly threshold: number;
}

export function showThrottlerStatus(keyspace: string, shard: string): Statement<ThrottlerStatus> {
  return {
    target: shardTarget(keyspace, shard),
    text: 'show vitess_throttler status',
    read: (result) => {
      // shard, enabled, threshold, query
      const row = onlyRow(result);
      return { enabled: row.bigint(1) === 1n, threshold: Number(row.text(2)) };
    },
  };
}

export interface ThrottledApp {
  /** `vstreamer`: streams read from binary logs; `rowstreamer`: copies; `all`: what has no rule of its own. */
  readonly app: string;
  /** By the tablet's clock and time zone; a rule that is over disappears within seconds. */
  readonly expiresAt: string;
  /** Share of requests that are held back, 0 to 1. */
  readonly ratio: number;
}

export function showThrottledApps(keyspace: string, shard: string): Statement<readonly ThrottledApp[]> {
  return {
    target: shardTarget(keyspace, shard),
    text: 'show vitess_throttled_apps',
    read: (result) => rowsOf(result).map((row) => ({ app: row.text(0), expiresAt: row.text(1), ratio: Number(row.text(2)) })),
  };
}
