/**
 * A transaction the server itself cannot decode, which ends the stream again after every reconnect (measured.md section 6: a
 * panic on partial JSON). Which one it is, and when to step over it. Pure. Layer 3.
 */
import { countGtids, formatGtidSet, type GtidSet, isSymbolicGtid, parseGtidSet, subtractGtids, unionGtids } from '../position/gtid.js';

export interface UndecodableEvidence {
  /** GTID set of the shard after the last transaction received, with its flavour. */
  readonly position: string;
  /** What tablets of the shard executed, with or without flavour; those that answered. */
  readonly executed: readonly string[];
  /** The set up to the failing transaction, where the server's text gives it. */
  readonly failedAt: string | undefined;
}

export type UndecodableVerdict =
  /** `position` is the shard's with that transaction in it. */
  | { readonly kind: 'found'; readonly gtid: string; readonly position: string }
  /** It is one of these: the next transaction of each server. Their order cannot be told from sets. */
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  /** No transaction after the position is known: nobody answered, or none is missing and something else fails. */
  | { readonly kind: 'unknown' };

/**
 * The next transaction in the binary log is the one that fails. Sets do not hold the order of different servers' transactions,
 * but one server's come in order of their numbers: so the lowest missing number, if one server alone has any.
 */
export function findUndecodable({ position, executed, failedAt }: UndecodableEvidence): UndecodableVerdict {
  // Before its first snapshot a shard has no next transaction.
  const known = isSymbolicGtid(position) ? undefined : parseGtidSet(position);
  if (!known) return { kind: 'unknown' };
  const named = failedAt === undefined ? undefined : parseGtidSet(failedAt);
  const exact = named && subtractGtids(named, known);
  // The tablet's own set is the authority where it leaves one transaction only.
  if (exact && countGtids(exact) === 1n) return found(known, lowest(exact)[0] as Candidate);
  const sets = executed.map((set) => parseGtidSet(set)).filter((set) => set !== undefined);
  const all = sets.reduce<GtidSet>((union, set) => unionGtids(union, set), new Map());
  const candidates = lowest(subtractGtids(all, known));
  const [first] = candidates;
  if (!first) return { kind: 'unknown' };
  if (candidates.length > 1) return { kind: 'ambiguous', candidates: candidates.map(({ source, number }) => `${source}:${number}`) };
  return found(known, first);
}

interface Candidate {
  readonly source: string;
  readonly number: bigint;
}

function lowest(set: GtidSet): Candidate[] {
  return [...set].flatMap(([source, [first]]) => (first ? [{ source, number: first[0] }] : []));
}

function found(known: GtidSet, { source, number }: Candidate): UndecodableVerdict {
  const position = formatGtidSet(unionGtids(known, new Map([[source, [[number, number]]]])));
  return { kind: 'found', gtid: `${source}:${number}`, position };
}

export type UndecodableAction =
  /** A passing cause is possible still: reconnect once. */
  | 'reconnect'
  /** The same place again: the policy decides. */
  | 'decide'
  /** Stepping over transactions has not moved the stream: something else is wrong. */
  | 'give-up';

/** Steps in a row from which the stream did not move: as many neighbouring transactions may be undecodable. */
export const MAX_STEPS = 20;

/** Remembers where a stream met undecodable transactions. One per stream. */
export class UndecodableHistory {
  readonly #shards = new Map<string, { gtid: string; steps: number; stepped: boolean }>();

  /** The stream ended so on this shard, at this position. */
  met(shard: string, gtid: string): UndecodableAction {
    const known = this.#shards.get(shard);
    if (known?.gtid === gtid) {
      if (!known.stepped) return known.steps >= MAX_STEPS ? 'give-up' : 'decide';
      known.stepped = false;
      return 'reconnect';
    }
    // Another position: the stream moved past what was stepped over, and the step counts.
    this.#shards.set(shard, { gtid, steps: 0, stepped: false });
    return 'reconnect';
  }

  /** A transaction was added to the shard's position; it has to prove itself by the stream moving on. */
  stepped(shard: string, gtid: string): void {
    const steps = (this.#shards.get(shard)?.steps ?? 0) + 1;
    this.#shards.set(shard, { gtid, steps, stepped: true });
  }
}
