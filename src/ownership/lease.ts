/**
 * Lease decisions without effects. Layer 3.
 *
 * The lease itself ends by the store's clock. The owner cannot read that clock while it works, so it counts on its own
 * from *before* it sent the write that renewed the lease: whatever the network did, the store started counting later. So the owner
 * always stops before the store lets somebody else in.
 *
 * It counts on two clocks, and the one that went further holds: the monotonic one stands still while a machine is suspended, on Linux, and
 * the wall clock can be set back. One that is set forward costs a renewal.
 */
import type { Clock } from '../internal/clock.js';
import { shortOwner } from '../internal/owner.js';

export interface LeaseTimes {
  /** How long a lease lasts. */
  readonly leaseMs: number;
  /** How long after the last write it is renewed. */
  readonly renewMs: number;
}

/** Shortest lease; below it a slow write alone would lose the stream. */
export const MIN_LEASE_MS = 1_000;
const QUIET_LEASE_MS = 90_000;
const QUIET_RENEW_MS = 30_000;

/**
 * Renews at a third, so that two renewals may fail. `quiet`: the state row lives in a streamed keyspace, where each write is a
 * transaction of the stream itself: at most two writes a minute when idle, renewals included, so the lease is longer.
 */
export function leaseTimes(leaseMs: number, quiet = false): LeaseTimes {
  const lease = Math.max(leaseMs, MIN_LEASE_MS);
  if (!quiet) return { leaseMs: lease, renewMs: lease / 3 };
  return { leaseMs: Math.max(lease, QUIET_LEASE_MS), renewMs: Math.max(lease / 3, QUIET_RENEW_MS) };
}

/** A point in time of the owner's, milliseconds. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentOf(clock: Pick<Clock, 'now' | 'monotonic'>): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

/** Milliseconds from one to the other, at least. */
export function elapsed(from: Moment, to: Moment): number {
  return Math.max(to.monotonic - from.monotonic, to.wall - from.wall);
}

/** True while the owner may start to write at a destination. */
export function isHeld(renewalSentAt: Moment, leaseMs: number, now: Moment): boolean {
  return elapsed(renewalSentAt, now) < leaseMs;
}

const POLL_MS = 2_000;
const SOONEST_MS = 100;

/** How long a standby waits before it looks again: up to the end of the lease, and often enough to see a release soon. */
export function standbyWait(leaseRemainingMs: number): number {
  return Math.max(SOONEST_MS, Math.min(POLL_MS, leaseRemainingMs));
}

/** `waiting for HOST:PID, lease ends in 12 s`; the owner is written `host:pid:random`. */
export function waitingMessage(holder: string, leaseRemainingMs: number): string {
  return `waiting for ${shortOwner(holder)}, lease ends in ${Math.max(0, Math.ceil(leaseRemainingMs / 1000))} s`;
}
