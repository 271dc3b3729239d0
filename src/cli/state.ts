/** `vstream state get|set|reset|import`: the stored position of a stream, by hand. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { VStreamError } from '../errors.js';
import { toJson } from '../internal/json.js';
import { homeIn } from '../pipeline/begin.js';
import { parseGtidSet } from '../position/gtid.js';
import { Position, type ShardPosition } from '../position/position.js';
import type { CheckpointStore, StateRecord } from '../stores/store.js';
import { EXIT } from './exit.js';
import { readAt } from './flags.js';
import type { Session } from './session.js';
import { openState, recordOf, type OpenState } from './state-store.js';

type Values = Readonly<Record<string, unknown>>;

export async function state(session: Session, verb: string, values: Values, argument: string | undefined): Promise<number> {
  // Unreadable input is found before anything is reached.
  const given = verb === 'set' || verb === 'import' ? await positionOf(argument ?? '') : undefined;
  await using open = await openState(session, values);
  // Awaited here: the store closes with this function.
  if (verb === 'get') return await get(session, open);
  return await change(session, open, verb as 'set' | 'import' | 'reset', given, values['yes'] === true);
}

async function get(session: Session, open: OpenState): Promise<number> {
  const record = await recordOf(open, session.signal);
  if (!record.position) {
    throw new VStreamError('STATE_NOT_FOUND', `stream ${record.name} has no stored position yet`, {
      next: 'Start it: it begins with a copy.',
    });
  }
  await session.out.write(`${record.position.toString()}\n`);
  return EXIT.done;
}

async function positionOf(text: string): Promise<Position> {
  const json = text.startsWith('@') ? await readAt(text.slice(1), 'the position') : text;
  try {
    const position = Position.parse(json);
    const unusable = position.shards.find(({ gtid }) => !gtid.includes('/') && parseGtidSet(gtid) === undefined);
    if (unusable) throw noPlace(unusable);
    return position;
  } catch (error) {
    const reason = VStreamError.is(error) ? error.message : String(error);
    throw new VStreamError('CONFIG_INVALID', reason, {
      next: 'Give a position printed by `vstream state get`, a VGTID as JSON, or @file.',
      cause: error,
    });
  }
}

/** `current` would be another place at every start. */
function noPlace({ keyspace, shard, gtid }: ShardPosition): VStreamError {
  return new VStreamError('POSITION_INVALID', `unreadable position: ${keyspace}/${shard} has no GTID set but ${JSON.stringify(gtid)}`);
}

async function change(
  session: Session,
  open: OpenState,
  verb: 'set' | 'import' | 'reset',
  position: Position | undefined,
  yes: boolean,
): Promise<number> {
  const record = await present(session, open, verb);
  const name = record?.name ?? open.name ?? '';
  if (record) refuseWhileOwned(record);
  if (verb !== 'reset' && isKeptBySink(record, open)) throw keptBySink(name);
  const question =
    verb === 'reset' ? `Forget the position of ${name}, so that the next start copies again` : `Replace the position of ${name}`;
  if (record?.position && !yes && !(await confirmed(session, question))) {
    throw new VStreamError('CONFIG_INVALID', `the position of ${name} was not changed: nobody said yes`, {
      next: 'See `vstream state get`; to replace it without being asked, repeat this with --yes.',
    });
  }
  if (!record) await create(session, open.store, name);
  await open.store.reset(name, position, undefined, { signal: session.signal });
  session.status.note(verb === 'reset' ? `${name}: position forgotten` : `${name}: position stored`);
  if (session.json) await session.out.write(`${toJson({ name, position: position ?? null, before: record?.position ?? null })}\n`);
  return EXIT.done;
}

/** The record to change. A position may be stored for a named stream that never ran: that is how another client is replaced. */
async function present(session: Session, open: OpenState, verb: string): Promise<StateRecord | undefined> {
  if (verb === 'reset' || open.name === undefined) return recordOf(open, session.signal);
  await open.store.prepare({ signal: session.signal });
  return open.store.read(open.name, undefined, { signal: session.signal });
}

/** Records begin with a claim; this one ends at once. */
async function create({ signal }: Session, store: CheckpointStore, name: string): Promise<void> {
  const result = await store.claim(name, `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`, CLAIM_MS, undefined, { signal });
  if (result.claimed) await store.release(result.claim, { signal });
}

const CLAIM_MS = 5_000;

function refuseWhileOwned(record: StateRecord): void {
  if (record.owner === undefined || record.leaseRemainingMs <= 0) return;
  throw new VStreamError('LEASE_HELD', `stream ${record.name} is running at ${record.owner}`, {
    next: `Stop it first; otherwise its lease ends in ${Math.ceil(record.leaseRemainingMs / 1000)} s.`,
  });
}

/** The configuration is what the next start uses; without it the row knows of the last one. */
function isKeptBySink(record: StateRecord | undefined, { sinkStores }: OpenState): boolean {
  return sinkStores ?? homeIn(record?.config) === 'stored';
}

function keptBySink(name: string): VStreamError {
  return new VStreamError(
    'POSITION_CONFLICT',
    `the sink of ${name} keeps its position with the rows: one stored here would be refused at the next start`,
    {
      next: `To go on from another position, run \`vstream state reset ${name}\` and start it once with --from POSITION; what the sink holds by then stays there.`,
    },
  );
}

/** Asks on a terminal; false where there is none. */
export async function confirmed(session: Session, question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question}? [y/N] `, { signal: session.signal })).trim());
  } finally {
    prompt.close();
  }
}
