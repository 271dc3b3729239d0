/**
 * `current` has to be resolved on every shard before anything is handed out: a vector that still says `current` cannot be resumed
 * (G30). The first vector of each shard is its start; what other shards send meanwhile waits its turn. Pure state. Layer 3.
 */
import { isSymbolicGtid } from '../position/gtid.js';
import type { Position } from '../position/position.js';
import type { Unit } from './grouper.js';

export class Resolving {
  readonly #waiting: Set<string>;
  readonly #starts = new Map<string, string>();
  /** What came after a shard's start, in order. */
  readonly held: Unit[] = [];

  private constructor(waiting: Set<string>) {
    this.#waiting = waiting;
  }

  /** Undefined when every shard has a position. */
  static of(position: Position): Resolving | undefined {
    const symbolic = position.shards.filter((one) => one.gtid === 'current').map((one) => `${one.keyspace}/${one.shard}`);
    return symbolic.length > 0 ? new Resolving(new Set(symbolic)) : undefined;
  }

  /** Shards whose start is not known yet. */
  get waiting(): readonly string[] {
    return [...this.#waiting];
  }

  take(unit: Unit): void {
    const key = `${unit.keyspace}/${unit.shard}`;
    const gtid = unit.vgtid?.gtid ?? '';
    if (!this.#waiting.has(key)) this.held.push(unit);
    else if (!isSymbolicGtid(gtid)) {
      this.#waiting.delete(key);
      this.#starts.set(key, gtid);
    }
  }

  /** The position with every start in it; undefined while one is missing. */
  resolved(position: Position): Position | undefined {
    if (this.#waiting.size > 0) return undefined;
    const shards = position.shards.map((one) => ({ ...one, gtid: this.#starts.get(`${one.keyspace}/${one.shard}`) ?? one.gtid }));
    return position.with({ shards });
  }
}
