/**
 * `current` has to be resolved on every shard before anything is handed out: a vector that still says `current` cannot be resumed
 * (G30). The first vector of each shard is its start; what other shards send meanwhile waits its turn. Pure state. Layer 3.
 */
import { VStreamError } from '../errors.js';
import { isSymbolicGtid } from '../position/gtid.js';
import type { Position } from '../position/position.js';
import type { Unit } from './grouper.js';

export class Resolving {
  readonly #waiting: Set<string>;
  readonly #starts = new Map<string, string>();
  /** What came after a shard's start, in order. */
  readonly held: Unit[] = [];

  readonly #limit: number;
  #bytes = 0;

  private constructor(waiting: Set<string>, limit: number) {
    this.#waiting = waiting;
    this.#limit = limit;
  }

  /** Undefined when every shard has a position. `limit`: bytes of rows of other shards that may wait. */
  static of(position: Position, limit: number): Resolving | undefined {
    const symbolic = position.shards.filter((one) => one.gtid === 'current').map((one) => `${one.keyspace}/${one.shard}`);
    return symbolic.length > 0 ? new Resolving(new Set(symbolic), limit) : undefined;
  }

  /** Shards whose start is not known yet. */
  get waiting(): readonly string[] {
    return [...this.#waiting];
  }

  /** @throws VStreamError `STREAM_LOST` (retry) when more waits than may: memory is not spent on a shard that does not answer */
  take(unit: Unit): void {
    const key = `${unit.keyspace}/${unit.shard}`;
    const gtid = unit.vgtid?.gtid ?? '';
    if (!this.#waiting.has(key)) this.#hold(unit);
    else if (!isSymbolicGtid(gtid)) {
      this.#waiting.delete(key);
      this.#starts.set(key, gtid);
    }
  }

  #hold(unit: Unit): void {
    this.held.push(unit);
    if (unit.kind === 'group') this.#bytes += unit.bytes;
    if (this.#bytes <= this.#limit) return;
    const [keyspace, shard] = (this.waiting[0] as string).split('/');
    throw new VStreamError('STREAM_LOST', `shard ${keyspace}/${shard} did not say where it stands while others sent ${this.#bytes} bytes`, {
      keyspace,
      shard,
      next: 'The client asks again; if this stays, look at the tablets of that shard.',
    });
  }

  /** The position with every start in it; undefined while one is missing. */
  resolved(position: Position): Position | undefined {
    if (this.#waiting.size > 0) return undefined;
    const shards = position.shards.map((one) => ({ ...one, gtid: this.#starts.get(`${one.keyspace}/${one.shard}`) ?? one.gtid }));
    return position.with({ shards });
  }
}
