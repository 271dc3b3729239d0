/** `vstream dead-letter list|show|replay|remove`: rows that were left out, looked at and applied later. */
import { VStreamError } from '../errors.js';
import { toJson } from '../internal/json.js';
import type { LetterHead } from '../pipeline/dead-letter.js';
import { bySequence, type KeptLetter, type LetterBox } from '../pipeline/letter-box.js';
import type { LetterOutcome, MarkedTable } from '../pipeline/replay-letters.js';
import { EXIT } from './exit.js';
import { counted, grouped } from '../internal/figures.js';
import { openLetters } from './letter-place.js';
import { columnsOf, describe, pictureOf, summaryOf } from './letter-text.js';
import { loadRun } from './run.js';
import type { Session } from './session.js';
import { confirmed } from './state.js';

type Values = Readonly<Record<string, unknown>>;

/** Opens the place, lists what is in it, and closes it in the end. */
async function withLetters(
  session: Session,
  values: Values,
  file: string | undefined,
  work: (box: LetterBox, letters: readonly KeptLetter[], damaged: number) => Promise<number>,
): Promise<number> {
  const box = await openLetters(session, values, file);
  try {
    const { letters, damaged } = await box.list();
    if (damaged > 0) session.status.note(`${box.description}: ${grouped(damaged)} lines are cut or no dead letters; they were passed over`);
    const { name } = values;
    return await work(box, name === undefined ? letters : letters.filter(({ head }) => head.stream === name), damaged);
  } finally {
    await box.close();
  }
}

export function listLetters(session: Session, values: Values, file: string | undefined): Promise<number> {
  return withLetters(session, values, file, async (_box, letters, damaged) => {
    const shown = values['all'] === true ? letters : letters.filter(({ done }) => !done);
    if (session.json) {
      const list = shown.map(({ head, done }) => ({ ...summaryOf(head), done: done?.how ?? null }));
      await session.out.write(`${toJson({ letters: list, damaged })}\n`);
      return EXIT.done;
    }
    for (const { head, done } of shown) await session.out.write(`${head.id} ${describe(head)}${done ? ` [${done.how}]` : ''}\n`);
    const open = letters.filter(({ done }) => !done).length;
    session.status.note(`${grouped(open)} open, ${grouped(letters.length - open)} done`);
    return EXIT.done;
  });
}

/** The whole letter, with the row. */
export function showLetter(session: Session, values: Values, id: string, file: string | undefined): Promise<number> {
  return withLetters(session, values, file, async (box, letters) => {
    const [{ head, done }] = findLetters(box, letters, [id]) as [KeptLetter];
    const letter = await box.read(head);
    const text = session.json
      ? `${toJson({ ...letter, columns: columnsOf(letter), done: done?.how ?? null })}\n`
      : pictureOf(letter, done?.how);
    await session.out.write(text);
    return EXIT.done;
  });
}

export function removeLetters(session: Session, values: Values, ids: readonly string[]): Promise<number> {
  if (ids.length > 0 === (values['done'] === true)) {
    const both = ids.length > 0;
    throw new VStreamError('CONFIG_INVALID', both ? 'both ids and --done are given' : 'it is not said which letters to remove', {
      next: both
        ? 'Give one of them. A file of dead letters is named by --dead-letter FILE here.'
        : 'Name their ids as `dead-letter list` prints them, or give --done for those that need no replay any more.',
    });
  }
  return withLetters(session, values, undefined, async (box, letters) => {
    const chosen = ids.length > 0 ? findLetters(box, letters, ids) : letters.filter(({ done }) => done);
    const open = chosen.filter(({ done }) => !done).length;
    if (open > 0 && values['yes'] !== true && !(await confirmed(session, `Remove ${open} rows that were never replayed`))) {
      throw new VStreamError('CONFIG_INVALID', `${grouped(open)} of these rows were never replayed: nothing was removed`, {
        next: 'Repeat it with --yes.',
      });
    }
    for (const { head } of chosen) await box.remove(head);
    if (session.talkative) session.status.note(`${counted(chosen.length, 'letter')} removed`);
    if (session.json) await session.out.write(`${toJson({ removed: chosen.length })}\n`);
    return EXIT.done;
  });
}

/** By id, or by the beginning of one that only it has. */
function findLetters(box: LetterBox, letters: readonly KeptLetter[], ids: readonly string[]): readonly KeptLetter[] {
  return ids.map((id) => {
    const found = letters.filter(({ head }) => head.id === id || (id.length >= 4 && head.id.startsWith(id)));
    const [only] = found;
    if (only && found.length === 1) return only;
    throw new VStreamError(
      'CONFIG_INVALID',
      `${only ? `${found.length} letters begin with` : 'there is no letter'} ${id} in ${box.description}`,
      {
        next: 'See `vstream dead-letter list --all`.',
      },
    );
  });
}

/** `words`: a file of letters and a configuration, either or none. */
export async function replay(session: Session, values: Values, words: readonly string[]): Promise<number> {
  // Letters are lines; what ends like a configuration is one.
  const [only = ''] = words;
  const [file, asked] = words.length === 1 && /\.(?:[cm]?[jt]s|json)$/.test(only) ? [undefined, only] : words;
  const config = asked ?? (values['config'] as string | undefined);
  // Where the letters are is no option of the run: the policy may be another one by now.
  const { deadLetter: _path, deadLetterKeyspace: _keyspace, deadLetterTable: _table, name: _name, ...others } = values;
  const { options } = await loadRun(session, others, config);
  return withLetters(session, { ...values, config, name: undefined }, file, async (box, letters) => {
    const own = letters.filter(({ head }) => head.stream === options.name);
    if (own.length < letters.length)
      session.status.note(`${grouped(letters.length - own.length)} letters are of other streams and stay as they are`);
    const open = own
      .filter(({ done }) => !done)
      .sort(bySequence)
      .map(({ head }) => head);
    const counts = { replayed: 0, superseded: 0, filtered: 0, failed: 0 };
    const lacking: MarkedTable[] = [];
    let first: VStreamError | undefined;
    const settled = async (head: LetterHead, outcome: LetterOutcome): Promise<void> => {
      counts[outcome.kind]++;
      if (outcome.kind !== 'failed') {
        await box.settle(head, outcome.kind);
        return;
      }
      lacking.push(head);
      first ??= outcome.error;
      const { code, message } = outcome.error;
      if (session.talkative) session.status.note(`still failing: ${head.id} ${describe({ ...head, reason: { code, message } })}`);
    };
    const isComplete = (one: MarkedTable): boolean =>
      !lacking.some(({ keyspace, shard, table }) => keyspace === one.keyspace && shard === one.shard && table === one.table);
    const complete = values['complete'] === true;
    const { replayLetters } = await import('../pipeline/replay-letters.js');
    if (open.length > 0 || complete) {
      await replayLetters(options, open, {
        clock: session.clock,
        random: Math.random,
        signal: session.signal,
        read: (head) => box.read(head),
        settled,
        ...(complete ? { isComplete } : {}),
      });
    }
    if (first) {
      throw new VStreamError(
        first.code,
        `${counts.failed} of ${open.length} rows could not be applied, the first because ${first.message}`,
        {
          ...(first.keyspace === undefined ? {} : { keyspace: first.keyspace, shard: first.shard, table: first.table }),
          next: 'Mend the decoder (`types` of the table) or the destination and replay again: what worked is marked done.',
          cause: first,
        },
      );
    }
    if (session.talkative) {
      const { replayed, superseded, filtered } = counts;
      const rest = filtered > 0 ? `, ${grouped(filtered)} outside their table's filter` : '';
      session.status.note(`${counted(replayed, 'row')} replayed, ${grouped(superseded)} superseded by a later copy${rest}`);
    }
    if (session.json) await session.out.write(`${toJson(counts)}\n`);
    return EXIT.done;
  });
}
