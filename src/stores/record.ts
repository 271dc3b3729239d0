/**
 * The rules of a state record as pure functions: for stores that hold the record themselves (memory, file). The Vitess store
 * has the same rules as SQL (sql/state-table.ts); one conformance suite runs over all. Layer 3.
 */
import { VStreamError } from '../errors.js';
import { shortOwner } from '../internal/owner.js';
import { Position } from '../position/position.js';
import { parseRequests, pendingRequests, withOutcome, withRequest } from './requests.js';
import type { Claim, ClaimResult, StatePatch, StateRecord, StateRequest } from './store.js';

export const STATE_FORMAT = 1;

/** A record as kept: times in milliseconds of the store's clock, the position as JSON. */
export interface KeptRecord {
  name: string;
  part: string;
  format: number;
  incarnation: string;
  owner: string | null;
  epoch: string;
  beat: string;
  leaseUntil: number | null;
  position: unknown;
  config: string | null;
  lastError: string | null;
  /** A list, or a single one from earlier releases. */
  request: unknown;
  createdAt: string;
  updatedAt: string;
}

export function newRecord(name: string, part: string, incarnation: string, now: number): KeptRecord {
  return {
    name,
    part,
    format: STATE_FORMAT,
    incarnation,
    owner: null,
    epoch: '0',
    beat: '0',
    leaseUntil: null,
    position: null,
    config: null,
    lastError: null,
    request: null,
    createdAt: iso(now),
    updatedAt: iso(now),
  };
}

/** @throws VStreamError `STATE_FAILED` for a newer format, `POSITION_INVALID` for an unreadable position */
export function readRecord(kept: KeptRecord, now: number): StateRecord {
  checkFormat(kept.name, kept.format);
  return {
    name: kept.name,
    part: kept.part,
    format: kept.format,
    incarnation: kept.incarnation,
    owner: kept.owner ?? undefined,
    epoch: BigInt(kept.epoch),
    beat: BigInt(kept.beat),
    leaseRemainingMs: kept.leaseUntil === null ? 0 : kept.leaseUntil - now,
    position: kept.position === null || kept.position === undefined ? undefined : Position.parse(kept.position),
    config: kept.config ?? undefined,
    lastError: kept.lastError ?? undefined,
    requests: parseRequests(kept.request),
    createdAt: kept.createdAt,
    updatedAt: kept.updatedAt,
  };
}

export function checkFormat(name: string, format: number): void {
  if (format > STATE_FORMAT) {
    throw new VStreamError('STATE_FAILED', `the state of ${JSON.stringify(name)} was written by a newer release (format ${format})`, {
      next: `Upgrade vstream-client; this release reads format ${STATE_FORMAT}.`,
    });
  }
}

export function claimRecord(kept: KeptRecord, owner: string, leaseMs: number, now: number): ClaimResult {
  checkFormat(kept.name, kept.format);
  if (kept.owner !== null && kept.owner !== owner && kept.leaseUntil !== null && kept.leaseUntil > now) {
    return { claimed: false, holder: kept.owner, leaseRemainingMs: kept.leaseUntil - now };
  }
  kept.owner = owner;
  kept.epoch = String(BigInt(kept.epoch) + 1n);
  renew(kept, leaseMs, now);
  const record = readRecord(kept, now);
  return {
    claimed: true,
    claim: { name: kept.name, part: kept.part, owner, epoch: record.epoch, incarnation: record.incarnation },
    record,
  };
}

/** @throws VStreamError `FENCED` */
export function writeRecord(
  kept: KeptRecord | undefined,
  claim: Claim,
  patch: StatePatch,
  leaseMs: number,
  now: number,
): readonly StateRequest[] {
  if (!kept || !holds(kept, claim)) throw fenced(claim, kept?.owner ?? undefined);
  if (patch.position !== undefined) kept.position = patch.position.toJSON();
  if (patch.config !== undefined) kept.config = patch.config;
  if (patch.lastError !== undefined) kept.lastError = patch.lastError;
  const requests = parseRequests(kept.request);
  if (patch.request !== undefined) kept.request = withOutcome(requests, patch.request);
  renew(kept, leaseMs, now);
  return pendingRequests(parseRequests(kept.request));
}

export function releaseRecord(kept: KeptRecord | undefined, claim: Claim, now: number): void {
  if (!kept || !holds(kept, claim)) return;
  kept.owner = null;
  kept.leaseUntil = null;
  touch(kept, now);
}

export function requestRecord(kept: KeptRecord | undefined, name: string, request: StateRequest, now: number): void {
  if (!kept) throw notFound(name);
  kept.request = withRequest(parseRequests(kept.request), request);
  touch(kept, now);
}

/** @throws VStreamError `LEASE_HELD` while somebody holds the stream */
export function resetRecord(kept: KeptRecord, position: Position | undefined, incarnation: string, now: number): void {
  if (kept.owner !== null && kept.leaseUntil !== null && kept.leaseUntil > now) {
    throw resetWhileHeld(kept.name, kept.owner);
  }
  kept.format = STATE_FORMAT;
  kept.incarnation = incarnation;
  kept.epoch = String(BigInt(kept.epoch) + 1n);
  kept.owner = null;
  kept.leaseUntil = null;
  kept.position = position?.toJSON() ?? null;
  kept.config = null;
  kept.lastError = null;
  kept.request = null;
  touch(kept, now);
}

export function fenced(claim: Claim, owner: string | undefined): VStreamError {
  const who = owner === undefined ? 'was taken from' : `now belongs to ${shortOwner(owner)}, not to`;
  return new VStreamError('FENCED', `the stream ${JSON.stringify(claim.name)} ${who} this process (epoch ${claim.epoch})`, {
    next: 'Nothing was written. Let the other process run, or stop it and start this one again.',
  });
}

export function notFound(name: string): VStreamError {
  return new VStreamError('STATE_NOT_FOUND', `there is no stored state of a stream ${JSON.stringify(name)}`, {
    next: 'Check the name with `vstream status`; a stream has state once it ran.',
  });
}

export function resetWhileHeld(name: string, owner: string): VStreamError {
  return new VStreamError('LEASE_HELD', `the stream ${JSON.stringify(name)} is running in ${shortOwner(owner)}`, {
    next: 'Stop that process first, or wait until its lease ends.',
  });
}

function holds(kept: KeptRecord, claim: Claim): boolean {
  return kept.owner === claim.owner && BigInt(kept.epoch) === claim.epoch;
}

function renew(kept: KeptRecord, leaseMs: number, now: number): void {
  kept.leaseUntil = now + leaseMs;
  touch(kept, now);
}

function touch(kept: KeptRecord, now: number): void {
  kept.beat = String(BigInt(kept.beat) + 1n);
  kept.updatedAt = iso(now);
}

function iso(now: number): string {
  return new Date(now).toISOString();
}
