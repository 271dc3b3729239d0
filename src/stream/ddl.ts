/**
 * What a DDL statement does to rows, read from its text. Pure. Layer 3.
 * Vitess sends the raw statement and no rows for any of these (G133): TRUNCATE, DROP, RENAME, partition work and columns added
 * with a default change data that no ROW event will ever describe.
 */
import type { Redefined } from './retype.js';
import { type Token, TokenReader, tokenize } from './sql-tokens.js';

export interface DdlEffect {
  /**
   * `truncate`: all rows are gone. `drop`: the table is gone. `rename`: another table may now stand under the name.
   * `rows`: rows changed or went without events. `columns`: the definition changed, rows did not. `create`. `none`: no effect on a table.
   */
  readonly kind: 'truncate' | 'drop' | 'rename' | 'rows' | 'columns' | 'create' | 'none';
  /** Tables named, without a database. */
  readonly tables: readonly string[];
  /** Why rows changed, for messages. */
  readonly reason?: string;
  /** Of `columns`: those defined anew, whose values may have changed with their type (retype.ts). */
  readonly redefined?: readonly Redefined[];
}

const NONE: DdlEffect = { kind: 'none', tables: [] };

/** Reads one statement. What cannot be read as a statement on tables is `none`. */
export function readDdl(statement: string): DdlEffect {
  const sql = new TokenReader(tokenize(statement));
  if (sql.take('truncate')) {
    sql.take('table');
    return named('truncate', [sql.name()]);
  }
  if (sql.take('alter')) return readAlter(sql);
  if (sql.take('create')) return readCreate(sql);
  if (sql.take('drop')) return readDrop(sql);
  if (sql.take('rename')) {
    if (!sql.take('table') && !sql.take('tables')) return NONE;
    return named('rename', sql.clauses().flatMap(namesOfRename), 'the table was renamed');
  }
  return NONE;
}

function named(kind: DdlEffect['kind'], names: readonly (string | undefined)[], reason?: string): DdlEffect {
  // A swap names a table twice: `RENAME TABLE a TO old, new TO a`.
  const tables = [...new Set(names.filter((name) => name !== undefined))];
  if (tables.length === 0) return NONE;
  return reason === undefined ? { kind, tables } : { kind, tables, reason };
}

function namesOfRename(clause: readonly Token[]): (string | undefined)[] {
  const sql = new TokenReader(clause);
  const from = sql.name();
  return sql.take('to') ? [from, sql.name()] : [from];
}

function readCreate(sql: TokenReader): DdlEffect {
  sql.take('temporary');
  if (sql.take('table')) {
    sql.take('if not exists');
    return named('create', [sql.name()]);
  }
  return indexOn(sql);
}

function readDrop(sql: TokenReader): DdlEffect {
  sql.take('temporary');
  if (sql.take('table') || sql.take('tables')) {
    sql.take('if exists');
    return named(
      'drop',
      sql.clauses().map((clause) => new TokenReader(clause).name()),
      'the table was dropped',
    );
  }
  return indexOn(sql);
}

/** `CREATE UNIQUE INDEX i ON t` and `DROP INDEX i ON t`; servers rewrite most of them as ALTER TABLE. */
function indexOn(sql: TokenReader): DdlEffect {
  if (!sql.isOneOf(['unique', 'fulltext', 'spatial', 'index'])) return NONE;
  while (!sql.ended && !sql.take('on')) sql.next();
  return named('columns', [sql.name()]);
}

function readAlter(sql: TokenReader): DdlEffect {
  while (sql.take('online') || sql.take('offline') || sql.take('ignore'));
  if (!sql.take('table')) return NONE;
  const table = sql.name();
  if (table === undefined) return NONE;
  const effects = sql.clauses().map((clause) => readClause(new TokenReader(clause)));
  const tables = [table, ...effects.flatMap((one) => one.tables)];
  const heaviest = effects.find((one) => one.kind === 'rename') ?? effects.find((one) => one.kind === 'rows');
  if (heaviest) return named(heaviest.kind, tables, heaviest.reason);
  const redefined = effects.flatMap((one) => one.redefined ?? []);
  return redefined.length === 0 ? { kind: 'columns', tables } : { kind: 'columns', tables, redefined };
}

const COLUMNS: DdlEffect = { kind: 'columns', tables: [] };
const rows = (reason: string, tables: readonly string[] = []): DdlEffect => ({ kind: 'rows', tables, reason });

function readClause(sql: TokenReader): DdlEffect {
  if (sql.take('add')) return readAdd(sql);
  if (sql.take('rename')) return readRename(sql);
  if (sql.take('change')) return readChange(sql);
  if (sql.take('modify')) return readModify(sql);
  if (sql.is('drop primary key')) return rows(KEY_CHANGED);
  if (sql.is('drop partition') || sql.is('truncate partition')) return rows('a partition was emptied or dropped');
  if (sql.take('exchange partition')) {
    sql.name();
    sql.take('with table');
    const other = sql.name();
    return rows('a partition was exchanged', other === undefined ? [] : [other]);
  }
  if (sql.is('discard') || sql.is('import')) return rows('its tablespace was replaced');
  if (sql.take('convert to')) return readConvert(sql);
  return COLUMNS;
}

const NOT_A_COLUMN = ['index', 'key', 'unique', 'primary', 'constraint', 'fulltext', 'spatial', 'foreign', 'check', 'partition'];

function readAdd(sql: TokenReader): DdlEffect {
  sql.take('column');
  if (isPrimaryKey(sql)) return rows(KEY_CHANGED);
  if (sql.isOneOf(NOT_A_COLUMN)) return COLUMNS;
  const definitions = sql.take('(') ? sql.clauses() : [sql.clause()];
  return definitions.some(fillsRows) ? rows('a column with a default was added') : COLUMNS;
}

/**
 * Existing rows take the default of a new column at once, stored or virtual, without an event. NULL by default changes nothing a
 * sink holds.
 */
function fillsRows(definition: readonly Token[]): boolean {
  const sql = new TokenReader(definition);
  if (sql.isOneOf(NOT_A_COLUMN)) return false;
  sql.name();
  let depth = 0;
  while (!sql.ended) {
    if (depth === 0) {
      // ON DELETE SET DEFAULT names no default.
      if (sql.take('set default')) continue;
      if (sql.is('default') && !sql.is('null', 1)) return true;
      if (sql.is('not null') || sql.is('primary') || sql.is('auto_increment') || sql.is('serial') || sql.is('as (')) return true;
    }
    if (sql.is('(')) depth++;
    else if (sql.is(')')) depth--;
    sql.next();
  }
  return false;
}

/** A renamed column holds values that a sink only knows under the old name. */
const COLUMN_RENAMED = 'a column was renamed';

function readRename(sql: TokenReader): DdlEffect {
  if (sql.is('column')) return rows(COLUMN_RENAMED);
  // `RENAME INDEX a TO b`; a table called `index` would have to be quoted.
  if (sql.is('index') || sql.is('key')) return COLUMNS;
  if (!sql.take('to') && !sql.take('as')) sql.take('=');
  const name = sql.name();
  return name === undefined ? COLUMNS : { kind: 'rename', tables: [name], reason: 'the table was renamed' };
}

/** `CHANGE [COLUMN] old new definition`. Column names do not tell upper from lower case. */
function readChange(sql: TokenReader): DdlEffect {
  sql.take('column');
  const [before, after] = [sql.name(), sql.name()];
  return before?.toLowerCase() === after?.toLowerCase() ? redefinition(before, sql) : rows(COLUMN_RENAMED);
}

/** `MODIFY [COLUMN] name definition`. */
function readModify(sql: TokenReader): DdlEffect {
  sql.take('column');
  return redefinition(sql.name(), sql);
}

function redefinition(column: string | undefined, sql: TokenReader): DdlEffect {
  const definition = sql.clause();
  if (column === undefined) return COLUMNS;
  const words = new TokenReader(definition);
  for (; !words.ended; words.next()) if (words.is('primary key')) return rows(KEY_CHANGED);
  return { kind: 'columns', tables: [], redefined: [{ column, definition }] };
}

/** Sinks hold rows under the key they had. */
const KEY_CHANGED = 'its primary key was changed';

/** `ADD [CONSTRAINT [name]] PRIMARY KEY`. */
function isPrimaryKey(sql: TokenReader): boolean {
  if (!sql.is('constraint')) return sql.is('primary key');
  return sql.is('primary key', 1) || sql.is('primary key', 2);
}

/** Every character set fits into utf8mb4; into others, a server without strict mode writes question marks. */
function readConvert(sql: TokenReader): DdlEffect {
  if (!sql.take('character set')) sql.take('charset');
  return sql.is('utf8mb4') ? COLUMNS : rows('its character set was converted');
}
