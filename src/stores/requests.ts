/** The requests of operators that are kept with a stream: a short list, each with its outcome once it has one. Pure. Layer 3. */
import { messageOf, VStreamError } from '../errors.js';
import type { StateRequest } from './store.js';

/** The outcome of a request that was carried out; any other says why it was not. */
export const DONE = 'done';

const FAILED = 'failed: ';

/** Why a request was not carried out, with what to do instead: who asked sees nothing else of the error. */
export function failureOutcome(error: unknown): string {
  const next = VStreamError.is(error) ? error.next : undefined;
  return `${FAILED}${messageOf(error)}${next === undefined ? '' : `. ${next}`}`;
}

/** What an outcome other than `DONE` says. */
export function reasonOf(outcome: string): string {
  return outcome.startsWith(FAILED) ? outcome.slice(FAILED.length) : outcome;
}

/** Of those with an outcome the oldest go, as the whole list is read at each renewal. */
const MAX_KEPT = 16;

/**
 * The list with one request more. A pause and a resume that nobody took yet are superseded by the next of them: the last word counts.
 * @throws VStreamError `STATE_FAILED` when too many wait
 */
export function withRequest(list: readonly StateRequest[], request: StateRequest): readonly StateRequest[] {
  if (list.some(({ id }) => id === request.id)) return list;
  if (pendingRequests(list).length >= MAX_KEPT) {
    throw new VStreamError('STATE_FAILED', `${MAX_KEPT} requests wait for the owner of the stream already`, {
      next: 'Start the stream, or wait until it has taken them; `vstream status` shows them.',
    });
  }
  const kept = list.map((one) =>
    isPauseOrResume(request) && isPauseOrResume(one) && one.outcome === undefined
      ? { ...one, outcome: `superseded by a later ${request.verb}` }
      : one,
  );
  return shortened([...kept, request]);
}

/** The list with the outcome of the one that has this id; unchanged when it is not there any more. */
export function withOutcome(list: readonly StateRequest[], request: StateRequest): readonly StateRequest[] {
  return list.map((one) => (one.id === request.id && one.outcome === undefined ? request : one));
}

/** What the owner still has to act on, oldest first. */
export function pendingRequests(list: readonly StateRequest[]): readonly StateRequest[] {
  return list.filter(({ outcome }) => outcome === undefined);
}

/**
 * A pause outlives the process that took it: who paused a stream must not find it running because its machine was restarted. The last pause
 * or resume decides; `taken`: of those the owner has carried out.
 */
export function isPauseAsked(list: readonly StateRequest[], { taken = false } = {}): boolean {
  return list.findLast((one) => isPauseOrResume(one) && (!taken || one.outcome === DONE))?.verb === 'pause';
}

/** Of a column or a field of a file; earlier releases kept a single request. What cannot be read is none. */
export function parseRequests(value: unknown): readonly StateRequest[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter(isRequest);
}

function isRequest(value: unknown): value is StateRequest {
  if (typeof value !== 'object' || value === null) return false;
  const { id, verb } = value as Partial<StateRequest>;
  return typeof id === 'string' && typeof verb === 'string';
}

function isPauseOrResume({ verb }: StateRequest): boolean {
  return verb === 'pause' || verb === 'resume';
}

function shortened(list: readonly StateRequest[]): readonly StateRequest[] {
  const last = list.findLast(isPauseOrResume);
  let surplus = list.length - MAX_KEPT;
  return list.filter((one) => one.outcome === undefined || one === last || surplus-- <= 0);
}
