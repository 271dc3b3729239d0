/** A dead letter as people read it: where the row came from, why it was left out, and its cells as they were sent. */
import type { DeadLetter, LetterBitmap, LetterHead } from '../pipeline/dead-letter.js';
import { FieldEventSchema } from '../wire/gen/binlogdata_pb.js';
import { RowSchema } from '../wire/gen/query_pb.js';
import { readMessage } from '../wire/message.js';

/** Where the row came from and why it was left out; never what is in it. */
export function summaryOf(head: LetterHead): Record<string, unknown> {
  const { id, time, stream, keyspace, shard, table, op, gtid, ordinal, generation, reason } = head;
  return { id, time, stream, keyspace, shard, table, op, ...(gtid === undefined ? {} : { gtid, ordinal }), generation, reason };
}

export function describe({ time, keyspace, shard, table, op, gtid, ordinal, reason }: LetterHead): string {
  const where = gtid === undefined ? '' : ` ${gtid}#${ordinal}`;
  return `${time} ${op} ${keyspace}.${table} ${shard}${where}: ${reason.message}`;
}

/** Bytes as text where they are valid UTF-8, else as base64; `absent`: the server did not send the column. */
export type SentCell = { readonly text: string } | { readonly base64: string } | 'null' | 'absent';

export interface SentColumn {
  readonly name: string;
  /** MySQL's. */
  readonly type: string;
  readonly before?: SentCell;
  readonly after?: SentCell;
}

/** The cells of both images, read without a decoder: what is wrong with them does not matter here. */
export function columnsOf(letter: DeadLetter): readonly SentColumn[] {
  const { fields } = readMessage(FieldEventSchema, Buffer.from(letter.field, 'base64'));
  const before = cellsOf(letter.before, undefined);
  const after = cellsOf(letter.after, letter.dataColumns);
  return fields.map(({ name, columnType }, at) => ({
    name,
    type: columnType,
    ...(before ? { before: before[at] ?? 'absent' } : {}),
    ...(after ? { after: after[at] ?? 'absent' } : {}),
  }));
}

function cellsOf(image: string | undefined, sent: LetterBitmap | undefined): SentCell[] | undefined {
  if (image === undefined) return undefined;
  const { lengths, values } = readMessage(RowSchema, Buffer.from(image, 'base64'));
  const bits = sent && Buffer.from(sent.bits, 'base64');
  let at = 0;
  return lengths.map((length, index): SentCell => {
    const size = Number(length);
    if (size < 0) return bits && !(((bits[index >> 3] ?? 0) >> (index & 7)) & 1) ? 'absent' : 'null';
    const bytes = values.subarray(at, at + size);
    at += size;
    try {
      return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
    } catch {
      return { base64: Buffer.from(bytes).toString('base64') };
    }
  });
}

const MAX_SHOWN = 200;

function shownCell(cell: SentCell): string {
  if (cell === 'null') return 'NULL';
  if (cell === 'absent') return '(not sent)';
  const text = 'text' in cell ? JSON.stringify(cell.text) : `0x${Buffer.from(cell.base64, 'base64').toString('hex')}`;
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}

/** Several lines, each with its name first. */
export function pictureOf(letter: DeadLetter, done: string | undefined): string {
  const { id, stream, time, keyspace, shard, table, op, gtid, ordinal, generation, reason, phase, commitTime, position } = letter;
  const lines: [string, string][] = [
    ['id', id],
    ['stream', stream],
    ['stored', `${time}${done === undefined ? '' : ` (${done})`}`],
    ['row', `${op} of ${keyspace}.${table} on ${shard}, phase ${phase}, generation ${generation}`],
    ...(gtid === undefined ? [] : [['transaction', `${gtid}, change ${ordinal}`] as [string, string]]),
    ...(commitTime === undefined ? [] : [['committed', new Date(commitTime * 1000).toISOString()] as [string, string]]),
    ['reason', `${reason.code}: ${reason.message}`],
    ['position', JSON.stringify(position)],
  ];
  for (const { name, type, before, after } of columnsOf(letter)) {
    const images = [before && `before ${shownCell(before)}`, after && `after ${shownCell(after)}`].filter((one) => one !== undefined);
    lines.push([`  ${name}`, `${type}: ${images.join(', ')}`]);
  }
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
}
