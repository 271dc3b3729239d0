/** A range of keys as a condition on DuckDB's columns, exact for every type a key can have. Pure. Layer 5. */
import { VStreamError } from '../../errors.js';
import type { KeyCondition, KeyRange } from '../../schema/key-range.js';
import type { Target } from './catalog.js';
import { quoteName, quoteText } from './identifiers.js';

/** About the table `t`; in parentheses. */
export function rangeSql({ conditions }: KeyRange, { columns, keyspace, table }: Pick<Target, 'columns' | 'keyspace' | 'table'>): string {
  const parts = conditions.map((condition) => {
    const column = columns.get(condition.column.toLowerCase());
    const sql = column && conditionSql(condition, `t.${quoteName(column.name)}`, column.type);
    if (sql !== undefined) return sql;
    throw new VStreamError(
      'SINK_FAILED',
      `a range of ${keyspace}.${table} cannot be swept: its column ${condition.column} is ${column?.type ?? 'missing'} at the sink`,
      {
        keyspace,
        table,
        column: condition.column,
        category: 'config',
        next: 'Copy the whole table again: `vstream copy TABLE` without a range takes the place of this one.',
      },
    );
  });
  return `(${parts.join(' and ')})`;
}

type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';
type Compare = (operator: Comparison, value: string | Uint8Array) => string;

function conditionSql({ kind, test, values }: KeyCondition, column: string, type: string): string | undefined {
  const compare = compareAs(kind, column, type);
  if (!compare) return undefined;
  const [first = '', second = ''] = values;
  switch (test) {
    case 'in':
      return `(${values.map((value) => compare('=', value)).join(' or ')})`;
    case 'between':
      return `(${compare('>=', first)} and ${compare('<=', second)})`;
    case 'not between':
      return `(${compare('<', first)} or ${compare('>', second)})`;
    case '!=':
      return compare('<>', first);
    default:
      return compare(test, first);
  }
}

function compareAs(kind: KeyCondition['kind'], column: string, type: string): Compare | undefined {
  switch (kind) {
    case 'number':
      return numbers(column, type);
    case 'date':
      return dates(column, type);
    case 'binary':
      return type === 'BLOB' ? (operator, value) => `${column} ${operator} ${blob(value)}` : undefined;
    case 'text':
      if (type === 'BLOB') return (operator, value) => `${column} ${operator} ${blob(value)}`;
      return type === 'VARCHAR' ? (operator, value) => `${column} ${operator} ${quoteText(String(value))}` : undefined;
    case 'padded-text':
      return type === 'VARCHAR' ? (operator, value) => padded(operator, column, String(value)) : undefined;
  }
}

const blob = (value: string | Uint8Array): string => `unhex('${Buffer.from(value as string).toString('hex')}')`;

/** The shorter side filled with spaces. */
function padded(operator: Comparison, column: string, value: string): string {
  const length = Array.from(value).length;
  const left = `${column} || repeat(' ', greatest(0, ${length} - length(${column})))`;
  return `(${left}) ${operator} (${quoteText(value)} || repeat(' ', greatest(0, length(${column}) - ${length})))`;
}

const WHOLE: readonly string[] = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'];

function numbers(column: string, type: string): Compare | undefined {
  if (type === 'DOUBLE' || type === 'FLOAT') return (operator, value) => `${column} ${operator} ${quoteText(String(value))}::DOUBLE`;
  // Of those only the widest could differ from what MySQL's own whole numbers hold.
  if (WHOLE.includes(type)) return (operator, value) => scaledSql(operator, `${column}::HUGEINT`, String(value), 38, 0, 'HUGEINT');
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
  if (!decimal) return undefined;
  return (operator, value) => scaledSql(operator, column, String(value), Number(decimal[1]), Number(decimal[2]), type);
}

/** With the value brought to the column's own scale, so that nothing is rounded or overflows. */
function scaledSql(operator: Comparison, column: string, value: string, digits: number, scale: number, type: string): string {
  const { units, exact } = unitsOf(value, scale);
  const most = 10n ** BigInt(digits) - 1n;
  // Every value lies on one side of it.
  if (units > most) return String(operator === '<' || operator === '<=' || operator === '<>');
  if (units < -most) return String(operator === '>' || operator === '>=' || operator === '<>');
  const text = quoteText(decimalText(units, scale));
  if (exact) return `${column} ${operator} ${text}::${type}`;
  switch (operator) {
    case '=':
      return 'false';
    case '<>':
      return 'true';
    case '<':
    case '<=':
      return `${column} <= ${text}::${type}`;
    case '>':
    case '>=':
      return `${column} > ${text}::${type}`;
  }
}

/** The value in units of the scale, rounded down. */
function unitsOf(value: string, scale: number): { readonly units: bigint; readonly exact: boolean } {
  const negative = value.startsWith('-');
  const [whole = '', fraction = ''] = (negative ? value.slice(1) : value).split('.');
  const kept = fraction.slice(0, scale).padEnd(scale, '0');
  const exact = !/[1-9]/.test(fraction.slice(scale));
  const units = BigInt(`${whole}${kept}` || '0');
  return { units: negative ? -units - (exact ? 0n : 1n) : units, exact };
}

function decimalText(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const at = digits.length - scale;
  return `${units < 0n ? '-' : ''}${digits.slice(0, at)}${scale > 0 ? `.${digits.slice(at)}` : ''}`;
}

/** As text of one length, so that days no calendar has can be compared with as well. */
function dates(column: string, type: string): Compare | undefined {
  const text = DATE_TEXT[type]?.(column);
  return text === undefined ? undefined : (operator, value) => `${text} ${operator} ${quoteText(fullDate(String(value)))}`;
}

const DATE_TEXT: Readonly<Record<string, (column: string) => string>> = {
  DATE: (column) => `lpad(strftime(${column}, '%Y-%m-%d'), 10, '0') || ' 00:00:00.000000'`,
  TIMESTAMP: (column) => `lpad(strftime(${column}, '%Y-%m-%d %H:%M:%S.%f'), 26, '0')`,
  VARCHAR: (column) =>
    `rpad(case length(${column}) when 10 then ${column} || ' 00:00:00.' when 19 then ${column} || '.' else ${column} end, 26, '0')`,
};

function fullDate(value: string): string {
  const [date = '', time = '00:00:00'] = value.split(' ');
  return `${date} ${time.includes('.') ? time : `${time}.`}`.padEnd(26, '0');
}
