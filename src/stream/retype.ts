/**
 * Does a column that is defined anew (`MODIFY`, `CHANGE`) still hold the values a sink knows? MySQL converts them without an event, and rounds,
 * pads or respells some even in strict mode. Pure. Layer 3.
 */
import { type Token, TokenReader, tokenize } from './sql-tokens.js';

/** A clause that defines a column anew under its name. */
export interface Redefined {
  readonly column: string;
  /** Everything behind the name. */
  readonly definition: readonly Token[];
}

/** A column as it was. */
export interface KnownColumn {
  /** As `column_type` has it. */
  readonly type: string;
  /** MySQL name; undefined where there is none or it is not known. */
  readonly charset: string | undefined;
  /** Its rows had it so; otherwise a look at the start, which may have come after the statement. */
  readonly certain: boolean;
}

/**
 * Why values may have changed; undefined when each stays the value it was, exactly. A column not known as it was is judged by what is
 * usual: integers, texts, bytes and labels grow, other types mostly take values of another form.
 */
export function changedValues({ definition }: Redefined, known: KnownColumn | undefined): string | undefined {
  const after = readType(definition);
  if (after.generated) return 'a generated column was defined anew';
  if (!known) return undefined;
  const before = readType(tokenize(known.type));
  const perhapsLater = !known.certain && before.base === after.base && String(before.args) === String(after.args);
  if (perhapsLater ? !GROWING.includes(after.base) : !keepsValues(before, after))
    return 'a column took a type that rounds or respells its values';
  const { charset } = after;
  // Every character set fits into utf8mb4; into others, a server without strict mode writes question marks.
  if (charset === undefined || charset === 'utf8mb4' || charset === known.charset || !TEXTS.includes(after.base)) return undefined;
  return 'the character set of a column was converted';
}

interface SqlType {
  readonly base: string;
  readonly args: readonly number[];
  readonly zerofill: boolean;
  readonly charset: string | undefined;
  readonly generated: boolean;
}

function readType(tokens: readonly Token[]): SqlType {
  const sql = new TokenReader(tokens);
  const first = sql.next()?.text.toLowerCase() ?? '';
  while (sql.take('precision') || sql.take('varying'));
  const base = SYNONYMS[first] ?? first;
  const args: number[] = [];
  if (sql.take('('))
    for (let one = sql.next(); one && !isMark(one, ')'); one = sql.next()) if (/^\d+$/.test(one.text)) args.push(Number(one.text));
  let zerofill = false;
  let charset: string | undefined;
  let generated = false;
  for (let depth = 0; !sql.ended; ) {
    if (depth === 0) {
      zerofill ||= sql.is('zerofill');
      generated ||= sql.is('as (');
      if (sql.take('character set') || sql.take('charset'))
        charset = sql
          .peek()
          ?.text.toLowerCase()
          .replace(/^utf8$/, 'utf8mb3');
    }
    const token = sql.next();
    if (token && isMark(token, '(')) depth++;
    else if (token && isMark(token, ')')) depth--;
  }
  // FLOAT(p) with one argument is a number of bits.
  if (base === 'float' && args.length === 1)
    return { base: (args[0] as number) > 24 ? 'double' : 'float', args: [], zerofill, charset, generated };
  return { base, args, zerofill, charset, generated };
}

const isMark = (token: Token, text: string): boolean => token.kind === 'mark' && token.text === text;

const SYNONYMS: Readonly<Record<string, string>> = {
  bool: 'tinyint',
  boolean: 'tinyint',
  int1: 'tinyint',
  int2: 'smallint',
  int3: 'mediumint',
  middleint: 'mediumint',
  int4: 'int',
  integer: 'int',
  int8: 'bigint',
  dec: 'decimal',
  numeric: 'decimal',
  fixed: 'decimal',
  real: 'double',
  float8: 'double',
  float4: 'float',
  character: 'char',
};

const SMALL_INTEGERS: readonly string[] = ['tinyint', 'smallint', 'mediumint', 'int'];
const INTEGERS: readonly string[] = [...SMALL_INTEGERS, 'bigint'];
/** Of any length: what does not fit is refused. CHAR is another matter, as it cuts spaces off. */
const TEXTS: readonly string[] = ['varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];
const BYTES: readonly string[] = ['varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
/** Where an argument is the number of digits of the fraction. */
const FRACTIONS: readonly string[] = ['datetime', 'timestamp'];
/** Whatever their arguments, when the type stays the same: lengths are refused rather than cut, labels keep their names. */
const LENIENT: readonly string[] = ['year', 'date', 'char', 'bit', 'enum', 'set', 'json', 'vector'];

function keepsValues(before: SqlType, after: SqlType): boolean {
  const [from, to] = [before.base, after.base];
  const text = TEXTS.includes(to);
  if (INTEGERS.includes(from)) {
    if (INTEGERS.includes(to) || to === 'decimal') return true;
    return to === 'double' ? SMALL_INTEGERS.includes(from) && after.args.length === 0 : text && !before.zerofill;
  }
  if (from === 'year') return to === 'year' || INTEGERS.includes(to);
  // As text a sink may have more digits than MySQL, which had narrowed the column before.
  if (from === 'decimal') return to === 'decimal' && scale(after) >= scale(before);
  if (TEXTS.includes(from)) return text;
  if (from === 'char' || from === 'enum' || from === 'set') return text || to === from;
  if (from === 'date' && to === 'datetime') return true;
  if (BYTES.includes(from)) return BYTES.includes(to);
  if (from === 'binary') return BYTES.includes(to) || (to === from && (after.args[0] ?? 1) === (before.args[0] ?? 1));
  if (from !== to) return GEOMETRIES.includes(from) && GEOMETRIES.includes(to);
  // A span of hours is kept as text, where more digits are another text.
  if (from === 'time') return (after.args[0] ?? 0) === (before.args[0] ?? 0);
  if (FRACTIONS.includes(from)) return (after.args[0] ?? 0) >= (before.args[0] ?? 0);
  if (from === 'float' || from === 'double') return after.args.length === 0 || String(after.args) === String(before.args);
  return LENIENT.includes(from) || GEOMETRIES.includes(from);
}

const GROWING: readonly string[] = [...INTEGERS, ...TEXTS, ...BYTES, 'enum', 'set'];

const scale = ({ args }: SqlType): number => args[1] ?? 0;

const GEOMETRIES: readonly string[] = [
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geomcollection',
  'geometrycollection',
];
