/** `vstream state get|set|reset|import`: the stored position of a stream, by hand. */
import { createInterface } from 'node:readline/promises';
import { VStreamError } from '../errors.js';
import { toJson } from '../internal/json.js';
import { Position } from '../position/position.js';
import type { StateRecord } from '../stores/store.js';
import { EXIT } from './exit.js';
import { readAt } from './flags.js';
import type { Session } from './session.js';
import { openState, recordOf, type OpenState } from './state-store.js';

type Values = Readonly<Record<string, unknown>>;

export async function state(session: Session, verb: string, values: Values, argument: string | undefined): Promise<number> {
  // Unreadable input is found before anything is reached.
  const given = verb === 'set' || verb === 'import' ? await positionOf(argument ?? '') : undefined;
  await using open = await openState(session, values);
  if (verb === 'get') return get(session, open);
  return change(session, open, verb as 'set' | 'import' | 'reset', given, values['yes'] === true);
}

async function get(session: Session, open: OpenState): Promise<number> {
  const record = await recordOf(open, session.signal);
  if (!record.position) {
    throw new VStreamError('STATE_NOT_FOUND', `stream ${record.name} has no stored position yet`, { next: 'Start it: it begins with a copy.' });
  }
  await session.out.write(`${record.position.toString()}\n`);
  return EXIT.done;
}

async function positionOf(text: string): Promise<Position> {
  const json = text.startsWith('@') ? await readAt(text.slice(1), 'the position') : text;
  try {
    return Position.parse(json);
  } catch (error) {
    const reason = VStreamError.is(error) ? error.message : String(error);
    throw new VStreamError('CONFIG_INVALID', reason, {
      next: 'Give a position printed by `vstream state get`, a VGTID as JSON, or @file.',
      cause: error,
    });
  }
}

async function change(session: Session, open: OpenState, verb: 'set' | 'import' | 'reset', position: Position | undefined, yes: boolean): Promise<number> {
  const { store, name } = open;
  // A position may be stored for a stream that never ran; without a name it must be the only one.
  const record = name === undefined ? await recordOf(open, session.signal) : await store.read(name, undefined, { signal: session.signal });
  const target = name ?? record?.name ?? '';
  if (verb === 'reset' && !record) await recordOf(open, session.signal);
  if (record) refuseWhileOwned(record);
  const question = verb === 'reset' ? `Forget the position of ${target}, so that the next start copies again` : `Replace the position of ${target}`;
  if (record?.position && !yes && !(await confirmed(session, question))) {
    throw new VStreamError('CONFIG_INVALID', `the position of ${target} was not changed`, { next: 'Repeat it with --yes.' });
  }
  await store.reset(target, position, undefined, { signal: session.signal });
  session.status.note(verb === 'reset' ? `${target}: position forgotten` : `${target}: position stored`);
  if (session.json) await session.out.write(`${toJson({ name: target, position: position ?? null, before: record?.position ?? null })}\n`);
  return EXIT.done;
}

function refuseWhileOwned(record: StateRecord): void {
  if (record.owner === undefined || record.leaseRemainingMs <= 0) return;
  throw new VStreamError('LEASE_HELD', `stream ${record.name} is running at ${record.owner}`, {
    next: `Stop it first; otherwise its lease ends in ${Math.ceil(record.leaseRemainingMs / 1000)} s.`,
  });
}

async function confirmed(session: Session, question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question}? [y/N] `, { signal: session.signal })).trim());
  } finally {
    prompt.close();
  }
}
