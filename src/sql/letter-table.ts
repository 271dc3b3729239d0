/** The table of dead letters: one row per row that was left out. Layer 2. Times are the database's own, in UTC. */
import { rowsOf, type ResultRow } from './result.js';
import { keyspaceTarget, quoted } from './target.js';
import type { Bind, Statement } from './statement.js';

/** Where the rows live; `keyspace` is unsharded. */
export interface LetterTable {
  readonly keyspace: string;
  readonly table: string;
}

/** What is shown of a letter: everything but the row itself. */
export interface LetterHeadRow {
  readonly stream: string;
  readonly id: string;
  readonly incarnation: string;
  readonly keyspace: string;
  readonly shard: string;
  readonly table: string;
  readonly op: string;
  readonly gtid: string | undefined;
  readonly ordinal: bigint;
  readonly generation: bigint;
  readonly reshards: bigint;
  readonly transactions: bigint;
  readonly code: string;
  readonly column: string | undefined;
  readonly reason: string;
  /** `YYYY-MM-DD hh:mm:ss.ffffff`, UTC. */
  readonly storedAt: string;
  readonly doneAt: string | undefined;
  readonly how: string | undefined;
}

export interface LetterBody {
  /** `query.Row` messages as the server sent them. */
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
  /** The FIELD event's message. */
  readonly field: Uint8Array;
  /** JSON of what else decoding needs. */
  readonly details: string;
}

export type NewLetterRow = Omit<LetterHeadRow, 'stream' | 'storedAt' | 'doneAt' | 'how'> & LetterBody;

const HEAD =
  'stream, id, incarnation, source_keyspace, source_shard, source_table, op, gtid, ordinal, generation, reshards, transactions, ' +
  'reason_code, reason_column, reason, stored_at, done_at, how';

const text = 'character set utf8mb4 collate utf8mb4_bin';

/** One line, so that it can be shown to an operator without the right to create it. `mediumblob` holds 16 MiB. */
export function createLetterTable(table: LetterTable): Statement<void> {
  return {
    target: keyspaceTarget(table.keyspace),
    text:
      `create table if not exists ${quoted(table.table)} (` +
      `stream varchar(255) ${text} not null, ` +
      `id varchar(64) ${text} not null, ` +
      `incarnation varchar(64) ${text} not null, ` +
      `source_keyspace varchar(255) ${text} not null, ` +
      `source_shard varchar(255) ${text} not null, ` +
      `source_table varchar(255) ${text} not null, ` +
      `op varchar(16) ${text} not null, ` +
      `gtid varchar(255) ${text}, ` +
      'ordinal bigint not null, ' +
      'generation bigint not null, ' +
      'reshards bigint not null, ' +
      'transactions bigint not null, ' +
      `reason_code varchar(64) ${text} not null, ` +
      `reason_column varchar(255) ${text}, ` +
      `reason text ${text} not null, ` +
      'before_image mediumblob, ' +
      'after_image mediumblob, ' +
      'field mediumblob not null, ' +
      `details longtext ${text} not null, ` +
      'stored_at datetime(6) not null, ' +
      'done_at datetime(6), ' +
      `how varchar(32) ${text}, ` +
      'primary key (stream, id))',
    read: () => undefined,
  };
}

/**
 * Stores letters; one that is there already stays as it is, done or not. Not `insert ignore`, which would cut what is too long and
 * say nothing. Returns the number of new ones.
 */
export function insertLetters(table: LetterTable, stream: string, letters: readonly NewLetterRow[]): Statement<bigint> {
  const binds: Record<string, Bind> = { stream };
  const rows = letters.map((letter, at) => {
    const values: readonly (readonly [string, Bind | undefined])[] = [
      ['id', letter.id],
      ['incarnation', letter.incarnation],
      ['keyspace', letter.keyspace],
      ['shard', letter.shard],
      ['table', letter.table],
      ['op', letter.op],
      ['gtid', letter.gtid],
      ['ordinal', letter.ordinal],
      ['generation', letter.generation],
      ['reshards', letter.reshards],
      ['transactions', letter.transactions],
      ['code', letter.code],
      ['column', letter.column],
      ['reason', letter.reason],
      ['before', letter.before],
      ['after', letter.after],
      ['field', letter.field],
      ['details', letter.details],
    ];
    for (const [name, value] of values) binds[`${name}_${at}`] = value ?? null;
    return `(:stream, ${values.map(([name]) => `:${name}_${at}`).join(', ')}, utc_timestamp(6))`;
  });
  return {
    target: keyspaceTarget(table.keyspace),
    text:
      `insert into ${quoted(table.table)} (stream, id, incarnation, source_keyspace, source_shard, source_table, op, gtid, ordinal, ` +
      'generation, reshards, transactions, reason_code, reason_column, reason, before_image, after_image, field, details, stored_at) ' +
      `values ${rows.join(', ')} on duplicate key update stream = stream`,
    binds,
    read: (result) => result.rowsAffected,
  };
}

/** The next letters after (`stream`, `id`), by stream and id: a page of all there are. `stream` '' begins with the first. */
export function selectLetterHeads(table: LetterTable, stream: string, id: string, limit: number): Statement<readonly LetterHeadRow[]> {
  return {
    target: keyspaceTarget(table.keyspace),
    text:
      `select ${HEAD} from ${quoted(table.table)} where stream > :stream or (stream = :stream and id > :id) ` +
      'order by stream, id limit :limit',
    binds: { stream, id, limit },
    read: (result) => rowsOf(result).map(readHead),
  };
}

export function selectLetterBody(table: LetterTable, stream: string, id: string): Statement<LetterBody | undefined> {
  return {
    target: keyspaceTarget(table.keyspace),
    text: `select before_image, after_image, field, details from ${quoted(table.table)} where stream = :stream and id = :id`,
    binds: { stream, id },
    read: (result) => {
      const row = rowsOf(result)[0];
      return row && { before: row.bytes(0), after: row.bytes(1), field: row.bytes(2) ?? new Uint8Array(), details: row.text(3) };
    },
  };
}

/** 1 when the letter was open; 0 when it was done before, or is not there. For the stream '' a test of the right to write. */
export function settleLetter(table: LetterTable, stream: string, id: string, how: string): Statement<bigint> {
  return {
    target: keyspaceTarget(table.keyspace),
    text: `update ${quoted(table.table)} set done_at = utc_timestamp(6), how = :how where stream = :stream and id = :id and done_at is null`,
    binds: { stream, id, how },
    read: (result) => result.rowsAffected,
  };
}

export function deleteLetter(table: LetterTable, stream: string, id: string): Statement<bigint> {
  return {
    target: keyspaceTarget(table.keyspace),
    text: `delete from ${quoted(table.table)} where stream = :stream and id = :id`,
    binds: { stream, id },
    read: (result) => result.rowsAffected,
  };
}

function readHead(row: ResultRow): LetterHeadRow {
  return {
    stream: row.text(0),
    id: row.text(1),
    incarnation: row.text(2),
    keyspace: row.text(3),
    shard: row.text(4),
    table: row.text(5),
    op: row.text(6),
    gtid: row.textOrNull(7),
    ordinal: row.bigint(8),
    generation: row.bigint(9),
    reshards: row.bigint(10),
    transactions: row.bigint(11),
    code: row.text(12),
    column: row.textOrNull(13),
    reason: row.text(14),
    storedAt: row.text(15),
    doneAt: row.textOrNull(16),
    how: row.textOrNull(17),
  };
}
