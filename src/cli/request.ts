/** `vstream copy|pause|resume`: a request in the state row, taken by the stream's owner at its next renewal. */
import { randomUUID } from 'node:crypto';
import { VStreamError } from '../errors.js';
import { delay } from '../internal/clock.js';
import { toJson } from '../internal/json.js';
import { checkWhere } from '../schema/where.js';
import type { StateRecord, StateRequest } from '../stores/store.js';
import { EXIT } from './exit.js';
import type { Session } from './session.js';
import { openState, recordOf } from './state-store.js';

const POLL_MS = 500;
/** What the owner writes back when all went well; anything else is its reason. */
const DONE = 'done';

/**
 * One request is kept at a time. A pause and its opposite replace each other; anything else waits, as it would be lost, or end a pause.
 */
function checkLast({ name, request: last }: StateRecord, verb: StateRequest['verb']): void {
  const isPause = (one: StateRequest['verb']): boolean => one === 'pause' || one === 'resume';
  if (!last || (isPause(last.verb) && isPause(verb))) return;
  if (last.outcome === undefined) {
    throw new VStreamError('STATE_FAILED', `stream ${name} has not taken its last request yet (${last.verb})`, {
      next: 'Wait for it, or start the stream.',
    });
  }
  if (last.verb === 'pause')
    throw new VStreamError('STATE_FAILED', `stream ${name} is paused`, { next: `Run \`vstream resume ${name}\` first.` });
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
  checkLast(record, verb);
  const wanted: StateRequest = {
    id: randomUUID(),
    verb,
    ...(table === undefined ? {} : { table }),
    ...(where === undefined ? {} : { where: String(where) }),
  };
  await open.store.request(record.name, wanted, undefined, { signal: session.signal });
  const running = record.owner !== undefined && record.leaseRemainingMs > 0;
  if (!running) session.status.note(`${record.name} is not running: it takes the request at its next start`);
  const outcome = running && values['wait'] !== false ? await outcomeOf() : undefined;
  if (outcome !== undefined && outcome !== DONE) {
    throw new VStreamError('STATE_FAILED', `stream ${record.name} did not ${verb}: ${outcome}`, {
      next: 'See its log, or `vstream status`.',
    });
  }
  if (outcome !== undefined) session.status.note(`${record.name} ${whatNow(wanted)}`);
  if (session.json) await session.out.write(`${toJson({ name: record.name, request: wanted, outcome: outcome ?? null })}\n`);
  return EXIT.done;

  /** The owner writes the outcome back; without one until its lease is over it is gone. */
  async function outcomeOf(): Promise<string | undefined> {
    const patience = record.leaseRemainingMs + POLL_MS;
    session.status.note(`waiting for ${record.owner} to take the request`);
    for (let waited = 0; waited <= patience && !session.signal.aborted; waited += POLL_MS) {
      await delay(session.clock, POLL_MS, session.signal);
      const now = await open.store.read(record.name, undefined, { signal: session.signal });
      if (now?.request?.id === wanted.id && now.request.outcome !== undefined) return now.request.outcome;
      // Taken and cleared.
      if (now && now.request?.id !== wanted.id) return DONE;
    }
    return 'the owner has not taken the request yet';
  }
}
