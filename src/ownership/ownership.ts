/** One owner of a stream: claims, renews, writes under the fence, and tells when it is lost. Layer 3, thin effects. */
import { isPassing, messageOf, VStreamError } from '../errors.js';
import { deferred } from '../internal/async.js';
import { delay, type Clock } from '../internal/clock.js';
import { shortOwner } from '../internal/owner.js';
import type { Logger } from '../observe/logger.js';
import { DONE, failureOutcome, pendingRequests, reasonOf } from '../stores/requests.js';
import type { CheckpointStore, Claim, StatePatch, StateRecord, StateRequest } from '../stores/store.js';
import { createBackoff, type Backoff } from '../supervise/backoff.js';
import { elapsed, isHeld, type Moment, momentOf, leaseTimes, standbyWait, waitingMessage, type LeaseTimes } from './lease.js';

export interface OwnershipOptions {
  readonly store: CheckpointStore;
  readonly name: string;
  readonly part?: string | undefined;
  /** `host:pid:random`, never used by another process or a second time. */
  readonly owner: string;
  /** Default 30,000. */
  readonly leaseMs?: number | undefined;
  /** The state row lives in a streamed keyspace: see `leaseTimes`. */
  readonly quiet?: boolean | undefined;
  /** True (default): wait as hot standby. False: fail with `LEASE_HELD`. */
  readonly wait?: boolean | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the waiting. Once owned, the owner ends by `release`. */
  readonly signal?: AbortSignal | undefined;
  /** Jitter of retries. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** How long passing errors of the store are endured, milliseconds. Default 600,000. */
  readonly patienceMs?: number | undefined;
  /** Called at each look of a waiting standby. */
  readonly onWaiting?: ((holder: string, leaseRemainingMs: number) => void) | undefined;
  /**
   * An operator's wish, seen at a renewal; several may be under way. `known` is called once it cannot be missed any more by what is done
   * next. The text it resolves to is written back as the outcome, and so is an error's message; undefined = not now, ask again at the
   * next renewal.
   */
  readonly onRequest?: OnRequest | undefined;
}

const DEFAULT_LEASE_MS = 30_000;
const DEFAULT_PATIENCE_MS = 600_000;
const REPEAT_MESSAGE_MS = 60_000;
const RELEASE_MS = 5_000;

export type OnRequest = (request: StateRequest, known: () => void) => Promise<string | undefined>;

export class Ownership {
  readonly claim: Claim;
  /** As it was when claimed. */
  readonly record: StateRecord;
  /** Aborts when the stream is no longer ours; the reason is a `VStreamError`: `FENCED`, or why the lease cannot be renewed. */
  readonly lost: AbortSignal;
  readonly #options: OwnershipOptions;
  readonly #times: LeaseTimes;
  readonly #lost = new AbortController();
  readonly #stopping = new AbortController();
  /** Ends calls of the store that are under way. */
  readonly #giveUp = new AbortController();
  readonly #backoff: Backoff;
  #renewedAt: Moment;
  #offered: StatePatch = {};
  #tail: Promise<unknown> = Promise.resolve();
  #writing = 0;
  #cancelTimer: (() => void) | undefined;
  readonly #handling = new Set<string>();
  #heldWaiters: (() => void)[] = [];

  private constructor(options: OwnershipOptions, times: LeaseTimes, claim: Claim, record: StateRecord, sentAt: Moment) {
    this.#options = options;
    this.#times = times;
    this.claim = claim;
    this.record = record;
    this.lost = this.#lost.signal;
    this.#renewedAt = sentAt;
    this.#backoff = backoffOf(options);
    this.#schedule();
  }

  /**
   * @throws VStreamError `LEASE_HELD` without `wait`, `ABORTED` (or the signal's reason) when told to stop waiting, and the
   *   store's errors once they do not pass
   */
  static async acquire(options: OwnershipOptions): Promise<Ownership> {
    const { store, name, part = '', owner, clock, logger, signal } = options;
    const times = leaseTimes(options.leaseMs ?? DEFAULT_LEASE_MS, options.quiet);
    const backoff = backoffOf(options);
    let waited = false;
    let told = { holder: '', at: 0 };
    for (;;) {
      if (signal?.aborted) throw VStreamError.from(signal.reason, 'ABORTED');
      const sentAt = momentOf(clock);
      try {
        const result = await store.claim(name, owner, times.leaseMs, part, { signal });
        if (result.claimed) {
          if (waited) logger.info({ name, epoch: String(result.claim.epoch) }, 'took over the stream');
          return new Ownership(options, times, result.claim, result.record, sentAt);
        }
        backoff.reset();
        const { holder, leaseRemainingMs } = result;
        if (options.wait === false) throw held(name, holder, leaseRemainingMs);
        waited = true;
        options.onWaiting?.(holder, leaseRemainingMs);
        if (told.holder !== holder || clock.monotonic() - told.at >= REPEAT_MESSAGE_MS) {
          logger.info({ name, owner: holder }, waitingMessage(holder, leaseRemainingMs));
          told = { holder, at: clock.monotonic() };
        }
        await pause(clock, standbyWait(leaseRemainingMs), signal);
      } catch (error) {
        // A first claim that fails is a mistake to be told; a standby outlives the outages of its store.
        const wait = waited && isPassing(error) ? backoff.next() : undefined;
        if (wait === undefined) throw error;
        logger.warn({ name, error: messageOf(error) }, 'the state store is not reachable; still waiting for the stream');
        await pause(clock, wait, signal);
      }
    }
  }

  /** True while a write at a destination may start: the lease lasts by our own, stricter count, and nobody took the stream. */
  get held(): boolean {
    return !this.lost.aborted && isHeld(this.#renewedAt, this.#times.leaseMs, momentOf(this.#options.clock));
  }

  /**
   * Resolves at once while held; after an expiry (a paused process, an outage of the store) once a renewal proved that nobody
   * else took the stream. Await it before each write at a destination.
   * @throws VStreamError the reason of `lost`
   */
  async whenHeld(): Promise<void> {
    while (!this.held) {
      if (this.lost.aborted) throw this.lost.reason;
      if (this.#stopping.signal.aborted) throw new VStreamError('ABORTED', 'the ownership was released');
      if (this.#writing === 0) this.#renew();
      await new Promise<void>((resolve) => this.#heldWaiters.push(resolve));
    }
  }

  /**
   * Writes under the fence and renews the lease; carries what was offered. Endures passing errors of the store.
   * @throws VStreamError the reason of `lost`; never a passing error
   */
  write(patch: StatePatch): Promise<void> {
    const result = this.#tail.then(() => this.#write(patch));
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Lets the next write or renewal carry this: for what is not urgent, such as the position of an idle stream. */
  offer(patch: StatePatch): void {
    this.#offered = { ...this.#offered, ...patch };
  }

  /** Takes the requests that waited when the stream was claimed, if there are any, without waiting for a renewal. Resolves when all are known, or refused. */
  takeRequests(): Promise<unknown> | undefined {
    const waiting = pendingRequests(this.record.requests);
    return waiting.length === 0 ? undefined : Promise.all(waiting.map((request) => this.#handle(request)));
  }

  /**
   * Writes what is left (`lastError` as JSON) and frees the stream for others. Idempotent; does nothing when it is lost.
   * Tries once and for a few seconds: a store that does not answer must not hold up the end, the lease ends by itself.
   */
  async release(lastError?: string): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#cancelTimer?.();
    this.#wakeWaiters();
    const { store, clock } = this.#options;
    const giveUp = clock.after(RELEASE_MS, () => this.#giveUp.abort(new VStreamError('ABORTED', 'the state store does not answer')), false);
    try {
      await this.#tail;
      if (this.lost.aborted) return;
      const signal = this.#giveUp.signal;
      const patch: StatePatch = { ...this.#offered, ...(lastError === undefined ? {} : { lastError }) };
      if (Object.keys(patch).length > 0) await store.write(this.claim, patch, this.#times.leaseMs, { signal });
      await store.release(this.claim, { signal });
    } finally {
      giveUp();
    }
  }

  async #write(patch: StatePatch): Promise<void> {
    const { store, clock, logger, name } = this.#options;
    const whole = { ...this.#offered, ...patch };
    this.#offered = {};
    this.#writing += 1;
    try {
      for (;;) {
        if (this.lost.aborted) throw this.lost.reason;
        const sentAt = momentOf(clock);
        const answered = this.#sayWhenLate();
        try {
          const requests = await store.write(this.claim, whole, this.#times.leaseMs, { signal: this.#giveUp.signal }).finally(answered);
          this.#renewedAt = sentAt;
          this.#backoff.reset();
          for (const request of requests) void this.#handle(request);
          return;
        } catch (error) {
          const wait = isPassing(error) && !this.#stopping.signal.aborted ? this.#backoff.next() : undefined;
          if (wait === undefined) throw this.#lose(error);
          logger.warn({ name, error: messageOf(error), waitMs: Math.round(wait) }, 'the state could not be written; trying again');
          // Well within the lease, so that a short outage never reaches its end.
          await delay(clock, Math.min(wait, this.#times.renewMs), this.#stopping.signal).catch(() => undefined);
        }
      }
    } finally {
      this.#writing -= 1;
      this.#wakeWaiters();
      this.#schedule();
    }
  }

  /**
   * A database that neither answers nor fails, as one whose disk is full, is told of while the lease still lasts: the store may wait for
   * minutes, and afterwards nothing is written at the destination.
   */
  #sayWhenLate(): () => void {
    const { clock, logger, name } = this.#options;
    const { renewMs, leaseMs } = this.#times;
    const seconds = Math.round(renewMs / 1000);
    const say = (): void => {
      const leaseSeconds = Math.max(0, Math.round((leaseMs - elapsed(this.#renewedAt, momentOf(clock))) / 1000));
      logger.warn(
        { name, leaseSeconds },
        `the state has been silent for ${seconds} s; nothing is written at the destination once the lease is over`,
      );
    };
    return clock.after(renewMs, say, false);
  }

  #renew(): void {
    this.write({}).catch(() => undefined);
  }

  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#stopping.signal.aborted || this.lost.aborted || this.#writing > 0) return;
    const { clock } = this.#options;
    const wait = this.#times.renewMs - elapsed(this.#renewedAt, momentOf(clock));
    // Keeps no process alive: the stream does.
    this.#cancelTimer = clock.after(Math.max(0, wait), () => this.#renew(), false);
  }

  /** Resolves when it is known, or refused. */
  async #handle(request: StateRequest): Promise<void> {
    const { onRequest, logger, name } = this.#options;
    if (!onRequest || this.#handling.has(request.id)) return;
    this.#handling.add(request.id);
    const known = deferred();
    logger.info({ name, request: request.id, verb: request.verb, table: request.table }, `taking a request: ${wishOf(request)}`);
    const finish = async (outcome: string | undefined): Promise<void> => {
      if (outcome !== undefined && outcome !== DONE)
        logger.info({ name, request: request.id }, `refused a request: ${wishOf(request)}: ${reasonOf(outcome)}`);
      if (outcome !== undefined) await this.write({ request: { ...request, outcome } });
      this.#handling.delete(request.id);
    };
    onRequest(request, known.resolve)
      .then(finish, (error: unknown) => finish(failureOutcome(error)))
      .catch(() => undefined)
      .finally(known.resolve);
    await known.promise;
  }

  #lose(error: unknown): VStreamError {
    const reason = VStreamError.from(error, 'STATE_FAILED', { next: 'See the message; the stream can be started again.' });
    if (!this.lost.aborted && !this.#stopping.signal.aborted) this.#lost.abort(reason);
    this.#wakeWaiters();
    return reason;
  }

  #wakeWaiters(): void {
    for (const wake of this.#heldWaiters.splice(0)) wake();
  }
}

function wishOf({ verb, table, where }: StateRequest): string {
  return [verb, ...(table === undefined ? [] : [table]), ...(where === undefined ? [] : ['where', where])].join(' ');
}

function backoffOf(options: OwnershipOptions): Backoff {
  return createBackoff({
    clock: options.clock,
    random: options.random ?? Math.random,
    budgetMs: options.patienceMs ?? DEFAULT_PATIENCE_MS,
  });
}

async function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(clock, ms, signal).catch((reason: unknown) => {
    throw VStreamError.from(reason, 'ABORTED');
  });
}

function held(name: string, holder: string, leaseRemainingMs: number): VStreamError {
  const seconds = Math.max(0, Math.ceil(leaseRemainingMs / 1000));
  return new VStreamError('LEASE_HELD', `stream ${JSON.stringify(name)} is run by ${shortOwner(holder)}, lease ends in ${seconds} s`, {
    next: 'Stop that process, give this stream another name, or wait for it (leave out `--no-wait`).',
  });
}
