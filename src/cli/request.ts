/** `vstream copy|pause|resume`: a request in the state row, taken by the stream's owner at its next renewal. */
import { randomUUID } from 'node:crypto';
import { VStreamError } from '../errors.js';
import { delay } from '../internal/clock.js';
import { toJson } from '../internal/json.js';
import { checkWhere } from '../schema/where.js';
import { DONE, pendingRequests, reasonOf } from '../stores/requests.js';
import type { StateRecord, StateRequest } from '../stores/store.js';
import { EXIT } from './exit.js';
import type { Session } from './session.js';
import { openState, recordOf } from './state-store.js';
import { isPaused, isRunning, wishOf } from './status.js';

const POLL_MS = 500;
/** What an operator should know before he waits: who takes the request, and when. */
function whatFirst(record: StateRecord, { verb }: StateRequest, isWaiting: boolean): string {
  const { name, owner } = record;
  if (!isRunning(record)) {
    const others = pendingRequests(record.requests).map(wishOf);
    return `${name} is not running: it takes the request at its next start${others.length > 0 ? `, with ${others.join(', ')}` : ''}`;
  }
  if (!isTakenSoon(record, verb)) return `${name} is paused: it takes the request once it is resumed (\`vstream resume\`)`;
  return isWaiting ? `waiting for ${owner} to take the request` : `${owner} takes the request when it renews its lease`;
}

/** What a paused stream is to copy is planned, and stored, when it goes on. */
function isTakenSoon(record: StateRecord, verb: StateRequest['verb']): boolean {
  return isRunning(record) && !(verb === 'copy' && isPaused(record));
}

function whatNow({ verb, table }: StateRequest): string {
  if (verb === 'pause') return 'is paused: `vstream resume` lets it go on, also after a restart';
  return verb === 'resume' ? 'goes on' : `copies ${table} again: \`vstream status\` says how far it is`;
}

export async function request(
  session: Session,
  verb: 'copy' | 'pause' | 'resume',
  values: Readonly<Record<string, unknown>>,
  table: string | undefined,
): Promise<number> {
  const { where } = values;
  if (where !== undefined) checkWhere(String(where), table === undefined ? undefined : { table });
  await using open = await openState(session, values);
  const record = await recordOf(open, session.signal);
  const wanted: StateRequest = {
    id: randomUUID(),
    verb,
    ...(table === undefined ? {} : { table }),
    ...(where === undefined ? {} : { where: String(where) }),
  };
  await open.store.request(record.name, wanted, undefined, { signal: session.signal });
  const isWaiting = isTakenSoon(record, verb) && values['wait'] !== false;
  session.status.note(whatFirst(record, wanted, isWaiting));
  const outcome = isWaiting ? await outcomeOf() : undefined;
  if (outcome !== undefined && outcome !== DONE) {
    throw new VStreamError('STATE_FAILED', `stream ${record.name} did not ${verb}: ${reasonOf(outcome)}`, {
      next: 'Mend what it names and ask again; `vstream status` keeps this answer.',
    });
  }
  if (outcome !== undefined) session.status.note(`${record.name} ${whatNow(wanted)}`);
  if (session.json) await session.out.write(`${toJson({ name: record.name, request: wanted, outcome: outcome ?? null })}\n`);
  return EXIT.done;

  /** The owner writes the outcome back; without one until its lease is over it is gone. */
  async function outcomeOf(): Promise<string | undefined> {
    const patience = record.leaseRemainingMs + POLL_MS;
    for (let waited = 0; waited <= patience && !session.signal.aborted; waited += POLL_MS) {
      await delay(session.clock, POLL_MS, session.signal);
      const now = await open.store.read(record.name, undefined, { signal: session.signal });
      const kept = now?.requests.find(({ id }) => id === wanted.id);
      if (kept?.outcome !== undefined) return kept.outcome;
      if (!kept) return 'the request is not there any more: the state was reset';
    }
    return 'the owner has not taken the request yet; it stays, and is taken when it can be';
  }
}
