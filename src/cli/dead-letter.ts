/** `vstream dead-letter list|replay`: rows that were left out, looked at and applied later. */
import { resolve } from 'node:path';
import { VStreamError } from '../errors.js';
import { toJson } from '../internal/json.js';
import { type DeadLetter, DeadLetterFile, type Letters, readDeadLetters } from '../pipeline/dead-letter.js';
import type { LetterOutcome } from '../pipeline/replay-letters.js';
import { EXIT } from './exit.js';
import { grouped } from './figures.js';
import { loadRun } from './run.js';
import type { Session } from './session.js';

type Values = Readonly<Record<string, unknown>>;

export async function listLetters(session: Session, values: Values, path: string): Promise<number> {
  const found = await readDeadLetters(path);
  const shown = values['all'] === true ? found.letters : found.letters.filter(({ done }) => !done);
  sayDamage(session, found, path);
  if (session.json) {
    await session.out.write(
      `${toJson({ letters: shown.map(({ letter, done }) => ({ ...summaryOf(letter), done: done?.how ?? null })), damaged: found.damaged })}\n`,
    );
    return EXIT.done;
  }
  for (const { letter, done } of shown) await session.out.write(`${describe(letter)}${done ? ` [${done.how}]` : ''}\n`);
  const open = found.letters.filter(({ done }) => !done).length;
  session.status.note(`${grouped(open)} open, ${grouped(found.letters.length - open)} done`);
  return EXIT.done;
}

/** Where the row came from and why it was left out; never what is in it. */
function summaryOf({
  id,
  time,
  stream,
  keyspace,
  shard,
  table,
  op,
  gtid,
  ordinal,
  generation,
  reason,
}: DeadLetter): Record<string, unknown> {
  return { id, time, stream, keyspace, shard, table, op, ...(gtid === undefined ? {} : { gtid, ordinal }), generation, reason };
}

function describe({ time, keyspace, shard, table, op, gtid, ordinal, reason }: DeadLetter): string {
  const where = gtid === undefined ? '' : ` ${gtid}#${ordinal}`;
  return `${time} ${op} ${keyspace}.${table} ${shard}${where}: ${reason.message}`;
}

export async function replayLetterFile(session: Session, values: Values, path: string, asked: string | undefined): Promise<number> {
  const found = await readDeadLetters(path);
  sayDamage(session, found, path);
  const { options } = await loadRun(session, values, asked);
  const open = found.letters.flatMap(({ letter, done }) => (done || letter.stream !== options.name ? [] : [letter]));
  const others = found.letters.filter(({ letter }) => letter.stream !== options.name).length;
  if (others > 0) session.status.note(`${grouped(others)} letters are of other streams and stay as they are`);
  const counts = { replayed: 0, superseded: 0, failed: 0 };
  let first: VStreamError | undefined;
  const file = new DeadLetterFile(resolve(path));
  const settled = async (letter: DeadLetter, outcome: LetterOutcome): Promise<void> => {
    counts[outcome.kind]++;
    if (outcome.kind !== 'failed') {
      await file.append([{ done: letter.id, time: new Date(session.clock.now()).toISOString(), how: outcome.kind }]);
      return;
    }
    first ??= outcome.error;
    if (session.talkative)
      session.status.note(
        `still failing: ${describe({ ...letter, reason: { code: outcome.error.code, message: outcome.error.message } })}`,
      );
  };
  try {
    const { replayLetters } = await import('../pipeline/replay-letters.js');
    if (open.length > 0) await replayLetters(options, open, { clock: session.clock, random: Math.random, signal: session.signal, settled });
  } finally {
    await file.close();
  }
  if (first) {
    throw new VStreamError(first.code, `${counts.failed} of ${open.length} rows could not be applied, the first because ${first.message}`, {
      ...(first.keyspace === undefined ? {} : { keyspace: first.keyspace, shard: first.shard, table: first.table }),
      next: 'Mend the decoder (`types` of the table) or the destination and replay again: what worked is marked done.',
      cause: first,
    });
  }
  if (session.talkative)
    session.status.note(`${grouped(counts.replayed)} rows replayed, ${grouped(counts.superseded)} superseded by a later copy`);
  if (session.json) await session.out.write(`${toJson(counts)}\n`);
  return EXIT.done;
}

function sayDamage({ status }: Session, { damaged }: Letters, path: string): void {
  if (damaged > 0) status.note(`${path}: ${grouped(damaged)} lines are cut or no dead letters; they were passed over`);
}
