/**
 * Whether a stored position can be used, decided from what servers answered. Pure. Layer 3.
 *
 * VTGate says nothing when a position is purged, ahead or of another cluster: the stream stays open with heartbeats and no
 * events (measured.md section 4). SQL tells (section 5), but any tablet of the type may answer, so an answer is a hint: a
 * `purged` at start is told, a stream that makes progress proves it wrong.
 */
import { VStreamError } from '../errors.js';
import { formatGtidSet, isSymbolicGtid, parseGtidSet, subtractGtids, type GtidSet } from '../position/gtid.js';
import type { ShardPosition } from '../position/position.js';

/** What one tablet answered; sets without prefix. */
export interface TabletAnswer {
  readonly purged: string;
  readonly executed: string;
}

export interface PositionEvidence {
  /** The shard serves now. */
  readonly shardExists: boolean;
  /** Of the streamed tablet type; undefined = it could not be asked (rights, no tablet). */
  readonly streamed: TabletAnswer | undefined;
  /** Of the primary; the same object when that is streamed. */
  readonly primary: TabletAnswer | undefined;
}

export type PositionVerdict =
  /** `behind`: transactions the position has and the streamed tablet has not yet: replica lag. */
  | { readonly verdict: 'ok'; readonly behind?: string }
  /** `missing`: the range that is gone. `onPrimary`: the primary still has it. */
  | { readonly verdict: 'purged'; readonly missing: string; readonly onPrimary: boolean }
  /** `ahead`: transactions even the primary never executed, of servers it knows: lost in a failover, or restored from a backup. */
  | { readonly verdict: 'ahead'; readonly ahead: string }
  /** `ahead`: transactions of servers the primary never heard of: another cluster. */
  | { readonly verdict: 'foreign'; readonly ahead: string }
  | { readonly verdict: 'unknown-shard' }
  | { readonly verdict: 'undecodable' }
  /** Nobody could be asked: warned of, never blocking. */
  | { readonly verdict: 'unknown' };

/** @param gtid of the stored position, with flavour prefix */
export function judgePosition(gtid: string, evidence: PositionEvidence): PositionVerdict {
  if (!evidence.shardExists) return { verdict: 'unknown-shard' };
  // '' asks for a copy, `current` for now: nothing to compare.
  if (isSymbolicGtid(gtid)) return { verdict: 'ok' };
  const position = parseGtidSet(gtid);
  // Without its prefix the server refuses the set as well ("unknown GTIDSet flavor").
  if (!position || !gtid.includes('/')) return { verdict: 'undecodable' };
  const streamed = evidence.streamed && parseAnswer(evidence.streamed);
  const primary = evidence.primary && parseAnswer(evidence.primary);
  const authority = primary ?? streamed;
  if (!authority) return { verdict: 'unknown' };
  const ahead = subtractGtids(position, authority.executed);
  if (ahead.size > 0) {
    const unheardOf = [...ahead.keys()].some((server) => !authority.executed.has(server));
    // A replica alone that is behind proves nothing: the primary could not be asked.
    if (!primary) return { verdict: 'ok', behind: plain(ahead) };
    return { verdict: unheardOf ? 'foreign' : 'ahead', ahead: plain(ahead) };
  }
  const reader = streamed ?? authority;
  const missing = subtractGtids(reader.purged, position);
  if (missing.size > 0) {
    const onPrimary = primary !== undefined && subtractGtids(primary.purged, position).size === 0;
    return { verdict: 'purged', missing: plain(missing), onPrimary };
  }
  const behind = subtractGtids(position, reader.executed);
  return behind.size > 0 ? { verdict: 'ok', behind: plain(behind) } : { verdict: 'ok' };
}

/** The error of a verdict that stops a stream, or undefined when it may go on. */
export function positionError(verdict: PositionVerdict, { keyspace, shard, gtid }: ShardPosition): VStreamError | undefined {
  const where = `${keyspace}/${shard}`;
  const details = { keyspace, shard, position: gtid };
  switch (verdict.verdict) {
    case 'ok':
    case 'unknown':
      return undefined;
    case 'purged':
      return new VStreamError(
        'POSITION_PURGED',
        `the position of ${where} is purged: transactions ${clip(verdict.missing)} are gone from its binary logs`,
        {
          ...details,
          next: verdict.onPrimary
            ? "Stream from `tabletType: 'primary'`, which still has them; or copy this shard again (`onPurged: 'recopy'`)."
            : "Copy this shard again (`onPurged: 'recopy'`), or begin anew with `vstream state reset NAME`.",
        },
      );
    case 'ahead':
      return new VStreamError(
        'POSITION_AHEAD',
        `the position of ${where} has transactions ${clip(verdict.ahead)} that its primary never executed`,
        {
          ...details,
          next: "They were lost in a failover or a restore: compare the destination, then copy this shard again (`onPurged: 'recopy'`).",
        },
      );
    case 'foreign':
      return new VStreamError(
        'POSITION_FOREIGN',
        `the position of ${where} has transactions ${clip(verdict.ahead)} of a server that ${where} never knew`,
        {
          ...details,
          next: "Check that `vtgate` is the cluster of this position; if it is, copy this shard again (`onPurged: 'recopy'`).",
        },
      );
    case 'unknown-shard':
      return new VStreamError('SHARD_NOT_FOUND', `the position names the shard ${where}, which does not serve`, {
        ...details,
        next: 'The shards changed since it was stored, or the name is wrong: see `show vitess_shards`. After a reshard `vstream state reset NAME` copies again.',
      });
    case 'undecodable':
      return new VStreamError('POSITION_INVALID', `the position of ${where} is not a GTID set with its flavour`, {
        ...details,
        next: 'Give a set such as `MySQL56/uuid:1-5`.',
      });
  }
}

interface ParsedAnswer {
  readonly purged: GtidSet;
  readonly executed: GtidSet;
}

function parseAnswer({ purged, executed }: TabletAnswer): ParsedAnswer | undefined {
  const sets = [parseGtidSet(purged), parseGtidSet(executed)] as const;
  return sets[0] && sets[1] && { purged: sets[0], executed: sets[1] };
}

function plain(set: GtidSet): string {
  const text = formatGtidSet(set);
  return text.slice(text.indexOf('/') + 1);
}

/** A set can be pages long; the start of it names the servers. */
function clip(set: string): string {
  return set.length > 200 ? `${set.slice(0, 200)}…` : set;
}
