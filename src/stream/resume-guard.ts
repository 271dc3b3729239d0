/**
 * Keeps out what the position of an RPC's start already holds. Pure state. Layer 3.
 * A server that resumes too early sends it again: handed out, it would double rows of tables without a key, and a TRUNCATE would take
 * rows that came after it.
 */
import { containsGtids, type GtidSet, isSymbolicGtid, parseGtidSet } from '../position/gtid.js';
import type { ShardPosition } from '../position/position.js';
import type { Unit } from './grouper.js';

export class ResumeGuard {
  /** The sets the RPC began with, until the first transaction beyond them. */
  readonly #starts = new Map<string, GtidSet>();

  constructor(shards: readonly ShardPosition[]) {
    for (const { keyspace, shard, gtid } of shards) {
      const set = isSymbolicGtid(gtid) ? undefined : parseGtidSet(gtid);
      if (set) this.#starts.set(`${keyspace}/${shard}`, set);
    }
  }

  isRepeat(unit: Unit): boolean {
    // Most of the time there is nothing left to compare with, and this is asked for each transaction.
    if (this.#starts.size === 0) return false;
    const { kind, keyspace, shard, vgtid } = unit;
    const key = `${keyspace}/${shard}`;
    const start = this.#starts.get(key);
    if (!start || !vgtid || kind === 'copy-completed' || (kind === 'group' && unit.copied)) return false;
    const set = parseGtidSet(vgtid.gtid);
    if (set && containsGtids(start, set)) return true;
    // Commit order: after the first that is new, all are.
    this.#starts.delete(key);
    return false;
  }
}
