/**
 * What each shard of a stream is doing, judged from signs of life. Pure: times are monotonic milliseconds. Layer 3.
 *
 * A silent stream is either idle or dead, and VTGate does not say which: its heartbeats are its own and prove nothing about a
 * tablet (G135), its liveness error is over all shards together (G136). What proves life of a shard, best first: rows of the
 * keyspace heartbeat, a moving position, and a position that has reached what the shard executed. Silence counts only for the
 * time in which this side was able to read.
 */

export type VerdictName =
  /** Nothing to do: the shard executed nothing that has not arrived. */
  | 'idle'
  /** Events arrive. */
  | 'live'
  /** Behind, and moving, or held back by this side. */
  | 'lagging'
  /** Held up, and the servers say that a rule of the tablet throttler holds streams back there (supervise/throttled.ts). */
  | 'throttled'
  /** Behind, or unknown, and not moving for longer than allowed: the stream has to be restarted. */
  | 'stalled'
  | 'ended';

export type StallCause = 'vtgate-silent' | 'heartbeat-stopped' | 'no-progress' | 'replica-behind' | 'copy-silent';

export interface Verdict {
  readonly name: VerdictName;
  /** Why it is stalled. */
  readonly cause?: StallCause;
  /** Why it lags: the event loop of this process, the source, or there a replica that does not follow its primary. */
  readonly behind?: 'event-loop' | 'source' | 'replica';
  /** Since when nothing moved that should, milliseconds; of a stalled shard. */
  readonly silentMs?: number;
}

/** Signs of one RPC, common to its shards. */
export interface StreamSigns {
  readonly now: number;
  /** When this RPC was opened. Nothing before counts. */
  readonly openedAt: number;
  /** The last message of any kind, VTGate's heartbeats included; undefined = none in this RPC. */
  readonly lastMessageAt: number | undefined;
  /** Milliseconds since that time in which the consumer held the reading back: other shards' batches must not hide a silent one. */
  away(since: number): number;
  /** The end of the last block of the event loop that was long enough to matter; undefined = none. */
  readonly blockedUntil: number | undefined;
}

/** Signs of one shard. */
export interface ShardSigns {
  readonly phase: 'copy' | 'stream' | 'ended';
  /** When its position moved, or in a copy: rows, a last key or a table's end came. */
  readonly lastProgressAt: number | undefined;
  /** The last row of the keyspace heartbeat; undefined = none was ever seen (tablets without `--heartbeat-enable`). */
  readonly lastHeartbeatAt: number | undefined;
  /** The servers said at that time that a rule throttles streams on this shard. */
  readonly throttledAt?: number | undefined;
  /**
   * The last answer to `gtid_executed` on the streamed tablet type; undefined = never asked or not allowed.
   * `missing` = transactions the shard executed that have not arrived; `missingSince` = when a poll first saw the oldest of
   * those still missing, undefined when nothing is.
   */
  readonly executed?: Missing | undefined;
  /** The same of the primary, where another type is streamed: what its replicas have not executed is missing here as well. */
  readonly primary?: Missing | undefined;
}

export interface Missing {
  readonly missing: bigint;
  readonly missingSince: number | undefined;
}

export interface VerdictLimits {
  /** Silence of VTGate itself. Default: three of its heartbeats, and 15 s at least. */
  readonly vtgateMs: number;
  /** Silence of a shard's keyspace heartbeats, which come each second by default. Default 30 s. */
  readonly heartbeatMs: number;
  /** A shard that is behind and does not move. Default 60 s. */
  readonly progressMs: number;
  /** The same in a copy: a scan, a sort of a table without key, or a throttler can be silent for long (G119). Default 10 min. */
  readonly copyMs: number;
  /** An idle stream counts as live for this long after its last event. Default 10 s. */
  readonly liveMs: number;
  /** Missing transactions seen for longer than this make a moving shard `lagging`. Default 10 s. */
  readonly lagMs: number;
}

export function verdictLimits(heartbeatIntervalMs: number, more: Partial<VerdictLimits> = {}): VerdictLimits {
  return {
    vtgateMs: Math.max(3 * heartbeatIntervalMs, 15_000),
    heartbeatMs: 30_000,
    progressMs: 60_000,
    copyMs: 600_000,
    liveMs: 10_000,
    lagMs: 10_000,
    ...more,
  };
}

export function judgeShard(stream: StreamSigns, shard: ShardSigns, limits: VerdictLimits): Verdict {
  if (shard.phase === 'ended') return { name: 'ended' };
  const { now } = stream;
  const silence = silences(stream);

  const vtgate = silence(latestOf(stream.lastMessageAt, shard.lastProgressAt, shard.lastHeartbeatAt));
  if (vtgate > limits.vtgateMs) return stalled('vtgate-silent', vtgate);

  const sinceProgress = silence(shard.lastProgressAt);
  if (shard.throttledAt !== undefined && shard.throttledAt > (shard.lastProgressAt ?? -Infinity)) return { name: 'throttled' };
  if (shard.phase === 'copy') {
    // gtid_executed says nothing here: binary log events wait while a table is copied (G62).
    if (sinceProgress > limits.copyMs) return stalled('copy-silent', sinceProgress);
    return { name: 'live' };
  }

  // Heartbeat rows travel the whole way of a change. Their end is a stall even when nothing is known to be missing.
  if (shard.lastHeartbeatAt !== undefined) {
    const sinceHeartbeat = silence(latestOf(shard.lastHeartbeatAt, shard.lastProgressAt));
    if (sinceHeartbeat > limits.heartbeatMs) return stalled('heartbeat-stopped', sinceHeartbeat);
  }

  const { missingSince } = shard.executed ?? {};
  if (missingSince !== undefined) {
    const stuck = silence(latestOf(missingSince, shard.lastProgressAt));
    if (stuck > limits.progressMs) return stalled('no-progress', stuck);
    if (now - missingSince > limits.lagMs) return { name: 'lagging', behind: recentlyBlocked(stream, limits) ? 'event-loop' : 'source' };
    return { name: 'live' };
  }
  const unreplicated = shard.primary?.missingSince;
  if (unreplicated !== undefined) {
    const stuck = silence(latestOf(unreplicated, shard.lastProgressAt));
    if (stuck > limits.progressMs) return stalled('replica-behind', stuck);
    if (now - unreplicated > limits.lagMs) return { name: 'lagging', behind: 'replica' };
  }
  // Neither missing nor moving is idle: restarting a healthy idle stream would only make noise.
  return { name: shard.lastProgressAt !== undefined && now - shard.lastProgressAt <= limits.liveMs ? 'live' : 'idle' };
}

/** Milliseconds of listening since a time, or since the RPC was opened. While this side does not read, nothing can arrive: that is no silence of the server. */
export function silences({ now, openedAt, blockedUntil, away }: StreamSigns): (at: number | undefined) => number {
  return (at) => {
    const since = latest(openedAt, blockedUntil, at);
    return Math.max(0, now - since - away(since));
  };
}

/** Behind, and nothing came for long enough to ask why. */
export function isHeldUp(stream: StreamSigns, shard: ShardSigns, limits: VerdictLimits): boolean {
  const silence = silences(stream);
  const longAgo = (at: number | undefined): boolean => silence(at) > limits.lagMs;
  if (shard.phase === 'ended' || !longAgo(shard.lastProgressAt)) return false;
  if (shard.phase === 'copy' || shard.executed?.missingSince !== undefined || shard.primary?.missingSince !== undefined) return true;
  return shard.lastHeartbeatAt !== undefined && longAgo(shard.lastHeartbeatAt);
}

export type Remedy =
  /** Cancel the RPC and open it again. */
  | 'restart'
  /** The same through the next VTGate. */
  | 'move'
  /** Give up: `STREAM_STALLED`. */
  | 'report';

/** What to do about the n-th stall since the shard last moved, from 1. Restarts of a stream that moves in between start over. */
export function remedy(stalls: number, limit = 5): Remedy {
  if (stalls <= 1) return 'restart';
  return stalls < limit ? 'move' : 'report';
}

function recentlyBlocked(stream: StreamSigns, limits: VerdictLimits): boolean {
  return stream.blockedUntil !== undefined && stream.now - stream.blockedUntil <= limits.lagMs;
}

function stalled(cause: StallCause, silentMs: number): Verdict {
  return { name: 'stalled', cause, silentMs };
}

function latest(first: number, ...others: readonly (number | undefined)[]): number {
  return Math.max(first, ...others.map((one) => one ?? -Infinity));
}

function latestOf(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
