/** Random tables for a real MySQL, and what it says itself of each value: the other opinion about decoding. */

export interface RandomColumn {
  readonly name: string;
  /** Type, character set and NULL. */
  readonly definition: string;
  /** SQL expressions of values it can hold. */
  readonly literals: readonly string[];
  readonly kind: Kind;
}

export interface RandomTable {
  readonly name: string;
  readonly columns: readonly RandomColumn[];
}

interface Kind {
  /** What MySQL says of a column: text without a doubt about character sets or digits. */
  readonly truth: (column: string) => string;
  /** The same of DuckDB's column. */
  readonly stored: (column: string) => string;
  /** A decoded value, and MySQL's or DuckDB's text of it, in one form. */
  readonly value: (value: never) => string;
  readonly text: (text: string) => string;
}

const same = (text: string): string => text;
const bare = (column: string): string => column;
const asText = (column: string): string => `cast(${column} as char)`;
const asVarchar = (column: string): string => `cast(${column} as varchar)`;
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
const hex = (column: string): string => `hex(${column})`;
const lower = (text: string): string => text.toLowerCase();

/** `.5`, `00000.50` (ZEROFILL, a wider column): the number without the zeros around it. */
const decimal = (text: string): string => {
  const digits = text.replace(/^(-?)0*(?=\d)/, '$1').replace(/^(-?)\./, '$10.');
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
};

/** Sorted members, and every integer `JSON.parse` would round as `#digits`. */
const document = (value: unknown): string => {
  if (typeof value === 'bigint') return JSON.stringify(`#${value}`);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(document).join(',')}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${document((value as Record<string, unknown>)[name])}`).join(',')}}`;
};
const parsed = (text: string): string => document(JSON.parse(text.replaceAll(/(?<![\w.#-])-?\d{16,}(?![\d.eE"])/g, '"#$&"')));

const NUMBER: Kind = { truth: (column) => asText(`${column} + 0`), stored: asVarchar, value: String, text: same };
const DOUBLE: Kind = { truth: (column) => `${column} + 0e0`, stored: bare, value: String, text: (text) => String(Number(text)) };
const DECIMAL: Kind = { truth: asText, stored: asVarchar, value: decimal, text: decimal };
const PLAIN: Kind = { truth: asText, stored: bare, value: same, text: same };
const BYTES: Kind = { truth: hex, stored: hex, value: hexOf, text: lower };
const VECTOR: Kind = {
  truth: hex,
  stored: (column) => `cast(${column} as varchar)`,
  value: hexOf,
  text: (text) => (text.startsWith('[') ? hexOf(new Uint8Array(Float32Array.from(JSON.parse(text) as number[]).buffer)) : lower(text)),
};
const BIT: Kind = {
  truth: (column) => asText(`${column} + 0`),
  stored: asVarchar,
  value: (bytes: Uint8Array) => String(BigInt(`0x${hexOf(bytes)}`)),
  text: same,
};
const TEXT: Kind = {
  truth: (column) => hex(`convert(${column} using utf8mb4)`),
  stored: hex,
  value: (text: string) => Buffer.from(text).toString('hex'),
  text: lower,
};
// JSON null and SQL NULL are one value of a typed row.
const JSON_KIND: Kind = { truth: asText, stored: bare, value: document, text: (text) => (text === 'null' ? 'NULL' : parsed(text)) };

const utf8 = (...texts: string[]): string[] =>
  texts.map((text) => (text === '' ? "''" : `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`));
const quoted = (...texts: string[]): string[] => texts.map((text) => `'${text}'`);
const json = (...texts: string[]): string[] => utf8(...texts).map((text) => `cast(${text} as json)`);

type Choice = readonly [definition: string, kind: Kind, literals: readonly string[]];

const integer = (definition: string, lowest: string, highest: string): Choice => [definition, NUMBER, [lowest, highest, '0', '1', '42']];
const DATES = ['0000-00-00', '2024-00-15', '1000-01-01', '9999-12-31', '2024-02-29', '0001-01-01'];
const TIMES = ['-838:59:59', '838:59:59', '-00:00:00.000001', '100:00:00.5', '23:59:59.999999'];

/** FLOAT is left out: the server rounds it in a copy (B20). So are sets the tablet cannot name (B7). */
const CHOICES: readonly Choice[] = [
  integer('tinyint', '-128', '127'),
  integer('tinyint(1)', '-1', '2'),
  integer('smallint unsigned', '0', '65535'),
  integer('mediumint', '-8388608', '8388607'),
  integer('int(5) unsigned zerofill', '7', '4294967295'),
  integer('bigint', '-9223372036854775808', '9223372036854775807'),
  integer('bigint unsigned', '9007199254740993', '18446744073709551615'),
  ['year', NUMBER, ['0', '1901', '2155']],
  ...[1, 9, 33, 64].map((bits): Choice => [`bit(${bits})`, BIT, ["b'0'", "b'1'", `b'${'1'.repeat(bits)}'`, `b'1${'0'.repeat(bits - 1)}'`]]),
  ['double', DOUBLE, ['-0e0', '0.1', '1e15', '1e-16', '1.7976931348623157e308', '5e-324', '123456789012345678', '-2.5']],
  ['decimal(65,30)', DECIMAL, [`${'9'.repeat(35)}.${'9'.repeat(30)}`, `-0.${'0'.repeat(29)}1`, '0']],
  ['decimal(18,9)', DECIMAL, ['-0.5', '0.000000001', '123456789.123456789']],
  ['decimal(20,0)', DECIMAL, ['0', '-99999999999999999999', '1']],
  ['decimal(5,5)', DECIMAL, ['0.5', '-0.00001', '0']],
  ['decimal(10,2) unsigned zerofill', DECIMAL, ['0.05', '99999999.99', '1.5']],
  ['date', PLAIN, quoted(...DATES)],
  ...[0, 3, 6].map((digits): Choice => [`datetime(${digits})`, PLAIN, quoted(...DATES.map((date) => `${date} 12:34:56.123456`))]),
  ['timestamp(6) null', PLAIN, quoted('1970-01-01 00:00:01', '2038-01-19 03:14:07', '0000-00-00 00:00:00', '2024-03-31 02:30:00.5')],
  ...[0, 6].map((digits): Choice => [`time(${digits})`, PLAIN, quoted(...TIMES)]),
  ['varchar(40)', TEXT, utf8('', 'é€Ж中😀', '\ufeffA', 'nul\0x', 'trail  ', '"\\\'', '\u2028', '\u001a')],
  ['longtext collate utf8mb4_bin', TEXT, utf8('', 'ümlaut', '😀'.repeat(30), 'a'.repeat(5000))],
  ['char(8) collate utf8mb4_bin', TEXT, utf8('', 'ab', 'é😀')],
  ['varchar(40) character set latin1', TEXT, utf8('é€', 'Ã©', 'œ™', 'abc')],
  ['tinytext character set utf16', TEXT, utf8('é😀', '\ufeffA', 'abc')],
  ['varchar(40) character set sjis', TEXT, utf8('日本語', '表示', 'ｱｲｳ', '\\')],
  ['varchar(40) character set cp1251', TEXT, utf8('Жук', '€')],
  ["enum('small','it''s','x y','(z)','a,b','back\\\\slash','0','2')", TEXT, ['1', '2', '3', '4', '5', '6', '7', '8']],
  ["enum('é','è','ß') character set latin1 collate latin1_bin", TEXT, ['1', '2', '3']],
  ["set('a','b c','d''e','é')", TEXT, ['0', '1', '15', '10']],
  [`set(${Array.from({ length: 64 }, (_, at) => `'m${at}'`).join()})`, TEXT, ['0', '18446744073709551615', '9223372036854775808']],
  ['binary(4)', BYTES, ["''", "X'61'", "X'00ff'"]],
  ['varbinary(300)', BYTES, ["''", "X'6100'", "X'ff00fe'"]],
  ['blob', BYTES, ["''", "X'00'", "X'c328'"]],
  [
    'json',
    JSON_KIND,
    [
      ...json(
        'null',
        '[]',
        '{"b":1,"aa":2,"a":[1,{"c":null}]}',
        '[9007199254740993, 18446744073709551615, 1.5]',
        '{"__proto__":1,"constructor":{}}',
      ),
      ...json('"\\u0000\\u001a\\u007f\\"\\\\/é😀"', '{"type":"Buffer","data":[1,2]}', '[1.0, 1e20, 0.1, 5e-324]', '{"":0,"10":1,"9":2}'),
      "json_object('d', cast(-0.05 as decimal(5,2)), 't', cast('01:02:03.5' as time(6)), 'on', cast('2024-02-29' as date))",
    ],
  ],
  ['geometry', BYTES, ["st_geomfromtext('POINT(1 2)')", "st_geomfromtext('LINESTRING(0 0,1 1)')", 'st_srid(point(1, 2), 4326)']],
  ['vector(3)', VECTOR, ["string_to_vector('[1,-2.5,3e38]')", "string_to_vector('[0.1]')"]],
];

const NAMES = [
  '__proto__',
  'constructor',
  'two words',
  'select',
  'a"b',
  "a'b",
  'a`b',
  'ünï',
  '中文',
  '1',
  'a.b',
  'toJSON',
  'rowid',
  'own',
  'then',
  '%s',
  'a\\b',
];

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** With `id` as key, or a key of two columns; every fifth is wider than 32 columns. */
export function randomTable(random: () => number, name: string): RandomTable {
  const names = new Map(NAMES.map((one) => [one.toLowerCase(), one]));
  const nextName = (at: number): string => {
    const one = random() < 0.4 ? pick(random, NAMES) : '';
    return names.delete(one.toLowerCase()) ? one : `c${at}`;
  };
  const count = random() < 0.2 ? 36 : 3 + Math.floor(random() * 8);
  const columns = Array.from({ length: count }, (_, at): RandomColumn => {
    const [definition, kind, literals] = pick(random, CHOICES);
    return { name: nextName(at), definition, kind, literals };
  });
  return { name, columns: [{ name: 'id', definition: 'int not null', kind: NUMBER, literals: [] }, ...columns] };
}

/** No dates in it: strict mode refuses to alter a table that holds those of no calendar. */
export const PLAIN_TABLE: RandomTable = {
  name: 'rv_plain',
  columns: ['id', 'n'].map((name) => ({ name, definition: 'int not null', kind: NUMBER, literals: ['1', '2'] })),
};

/** What a table may become; DuckDB's table follows, though none of it comes as an event of a row. */
export const RESHAPED: readonly { readonly clause: string; readonly column: RandomColumn }[] = [
  {
    clause: 'add column late decimal(10,4) not null default 1.2555',
    column: { name: 'late', definition: '', literals: ['2.5'], kind: DECIMAL },
  },
  { clause: 'modify late decimal(10,2) not null', column: { name: 'late', definition: '', literals: ['2.5'], kind: DECIMAL } },
  { clause: 'change late later varchar(20)', column: { name: 'later', definition: '', literals: ["'x'"], kind: TEXT } },
];

export const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

export function createTable({ name, columns }: RandomTable): string {
  const list = columns.map((column) => `${quote(column.name)} ${column.definition}`);
  return `create table ${quote(name)} (${list.join(', ')}, primary key (id))`;
}

/** Dates of no calendar are written without strict mode. */
export function insertRows(
  random: () => number,
  { name, columns }: RandomTable,
  ids: readonly number[],
  verb: 'insert' | 'replace' = 'insert',
): string {
  const value = ({ literals, definition }: RandomColumn): string =>
    random() < 0.1 && !definition.includes('not null') ? 'null' : pick(random, literals);
  const rows = ids.map((id) => `(${[String(id), ...columns.slice(1).map(value)].join(', ')})`);
  return `${verb} /*+ SET_VAR(sql_mode = 'NO_ENGINE_SUBSTITUTION') */ into ${quote(name)} values ${rows.join(', ')}`;
}

export function updateRows(random: () => number, { name, columns }: RandomTable): string {
  const column = pick(random, columns.slice(1));
  return `update /*+ SET_VAR(sql_mode = 'NO_ENGINE_SUBSTITUTION') */ ${quote(name)} set ${quote(column.name)} = ${pick(random, column.literals)} where id % 3 = ${Math.floor(random() * 3)}`;
}
