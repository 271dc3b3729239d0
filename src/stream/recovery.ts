/** After an RPC failed: give up, or wait and open the next one, here or at another VTGate. Layer 3. */
import { isPassing, VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { Position } from '../position/position.js';
import type { Backoff } from '../supervise/backoff.js';
import { Repeats } from '../supervise/repeats.js';
import { remedy } from '../supervise/verdict.js';
import type { TablePresence } from './table-presence.js';

/** An RPC that lived this long without a stall was no failure, whatever ended it and whether or not the servers could be asked. */
const WELL_MS = 120_000;

export type NextStep =
  | { readonly kind: 'give-up'; readonly error: VStreamError }
  /** `said`: in words that tell more than an interruption does. */
  | { readonly kind: 'wait'; readonly ms: number; readonly move: boolean; readonly said: boolean };

export interface RecoveryOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly presence: TablePresence;
  /** The user asked the server to end RPCs of some age: that is no failure. */
  readonly endsByAge: boolean;
}

export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #repeats: Repeats;
  #stalls = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#repeats = new Repeats(options.clock);
  }

  /** `undecodable` errors were looked at already, and may still pass. */
  failed(error: VStreamError, position: Position): NextStep {
    const { backoff, presence, endsByAge } = this.#options;
    const passing = error.code === 'TRANSACTION_UNDECODABLE' || isPassing(error);
    if (!passing && !presence.mayBeStale(error)) return { kind: 'give-up', error: presence.explained(error) };
    const lasting = this.#repeats.failed(error, position);
    if (lasting) return { kind: 'give-up', error: lasting };
    if (error.code === 'STREAM_ENDED' && endsByAge) backoff.reset();
    const ms = backoff.next();
    const stalled = error.code === 'STREAM_STALLED';
    if (stalled) this.#stalls++;
    if (ms === undefined || (stalled && remedy(this.#stalls) === 'report')) return { kind: 'give-up', error: this.#repeats.spent(error) };
    return { kind: 'wait', ms, move: !stalled || remedy(this.#stalls) === 'move', said: !passing };
  }

  /** True while a failure is not proven to be over. */
  get open(): boolean {
    return this.#repeats.open;
  }

  /** A shard's position moved; true when that ends the trouble. */
  movedOn(keyspace: string, shard: string): boolean {
    return this.#repeats.movedOn(keyspace, shard);
  }

  /**
   * The RPC under way lives for so long. An idle stream never moves: it is well when it has all there is, or when nothing was wrong with it
   * for long. But a stall ends only when its shard moves or has all there is: that of a copy is told after longer than this.
   */
  lives(caughtUp: boolean, ms: number): void {
    if (caughtUp || (ms > WELL_MS && this.#stalls === 0)) this.over();
    else if (ms > WELL_MS) this.#options.backoff.reset();
  }

  over(): void {
    this.#repeats.over();
    this.#options.backoff.reset();
    this.#options.presence.moved();
    this.#stalls = 0;
  }
}

export function streamEnded(address: string): VStreamError {
  return new VStreamError('STREAM_ENDED', `VTGate at ${address} ended the stream without an error`, {
    next: 'The client reconnects from its last position.',
  });
}

/** A position that no server will ever serve again. */
export function isUnusable({ code }: VStreamError): boolean {
  return code === 'POSITION_PURGED' || code === 'POSITION_AHEAD' || code === 'POSITION_FOREIGN';
}
