/**
 * Filter rules as a tablet reads them (protocol.md B.9): the first rule that matches a table's bare name wins, `/regex` is
 * unanchored, an exact match needs a SELECT to replicate, `where` is an AND of comparisons with literals.
 */
import type { Rule } from '../wire/gen/binlogdata_pb.js';
import { holds, keyspaceId } from './shards.js';
import { compareCells, type TableVersion } from './table-store.js';
import { storeCell, type Cell, type Row } from './values.js';
import type { Column } from './columns.js';

export interface TablePlan {
  readonly version: TableVersion;
  /** Source positions of the emitted columns, in their order. */
  readonly picks: readonly number[];
  /** Whether a row image passes the `where`. */
  passes(row: Row): boolean;
  readonly filtered: boolean;
}

/** A rule the tablet would refuse; it shows only when the rule is needed (measured.md section 4). */
export interface BadRule {
  readonly error: string;
}

export class Filter {
  #rules: readonly Rule[];
  #plans = new Map<number, TablePlan | BadRule | undefined>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** Whether any rule names this table; for DDL and for the choice of tables to copy. */
  matches(table: string): boolean {
    return this.#ruleFor(table) !== undefined;
  }

  /** Names of exact rules: a copy fails when one of them is not there. */
  exactTables(): string[] {
    return this.#rules.filter((rule) => !rule.match.startsWith('/')).map((rule) => rule.match);
  }

  /** Plan of a table for one phase; undefined when no rule matches. */
  plan(version: TableVersion, phase: 'copy' | 'replication'): TablePlan | BadRule | undefined {
    const id = phase === 'copy' ? -version.id : version.id;
    if (!this.#plans.has(id)) {
      const rule = this.#ruleFor(version.name);
      this.#plans.set(id, rule && planOf(rule, version, phase));
    }
    return this.#plans.get(id);
  }

  #ruleFor(table: string): Rule | undefined {
    return this.#rules.find((rule) => {
      if (!rule.match.startsWith('/')) return rule.match === table;
      try {
        return new RegExp(rule.match.replace(/^\/+|\/+$/g, '')).test(table);
      } catch {
        return false; // an invalid expression shows as silence [errors.json, bad regex]
      }
    });
  }
}

function planOf(rule: Rule, version: TableVersion, phase: 'copy' | 'replication'): TablePlan | BadRule {
  const everything = version.columns.map((_, index) => index);
  const text = rule.filter.trim();
  if (text === '') {
    if (!rule.match.startsWith('/') && phase === 'replication') return { error: 'Query was empty' };
    return { version, picks: everything, passes: () => true, filtered: false };
  }
  if (/^[0-9a-f]*-[0-9a-f]*$/i.test(text)) {
    const first = version.key[0] ?? 0;
    return { version, picks: everything, filtered: true, passes: (row) => holds(text, keyspaceId(row[first])) };
  }
  const select = /^select\s+(.+?)\s+from\s+`?([\w$]+)`?(?:\s+where\s+(.+))?$/is.exec(text);
  if (!select) return { error: `syntax error in filter: ${text}` };
  if (select[2] !== version.name)
    return { error: `unsupported: select expression table ${select[2]} does not match the table entry name ${version.name}` };
  const columnAt = (name: string): number =>
    version.columns.findIndex((column) => column.name.toLowerCase() === name.trim().replaceAll('`', '').toLowerCase());
  const names = (select[1] ?? '').split(',').map((name) => name.trim());
  const picks = names.length === 1 && names[0] === '*' ? everything : names.map(columnAt);
  const missing = names[picks.indexOf(-1)];
  if (missing !== undefined) return { error: `column ${missing} not found in table ${version.name}` };
  const tests: ((row: Row) => boolean)[] = [];
  for (const condition of select[3] === undefined ? [] : splitAnd(select[3])) {
    const test = parseCondition(condition, version, columnAt);
    if (typeof test === 'string') return { error: test };
    tests.push(test);
  }
  return { version, picks, filtered: tests.length > 0, passes: (row) => tests.every((test) => test(row)) };
}

/** Splits at AND outside quotes and outside BETWEEN. */
function splitAnd(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (const piece of text.split(/(\s+and\s+)/i)) {
    const open = (part.match(/'/g) ?? []).length % 2 === 1 || /\bbetween\s+\S+$/i.test(part);
    if (/^\s+and\s+$/i.test(piece) && !open) {
      parts.push(part);
      part = '';
    } else part += piece;
  }
  return [...parts, part].map((item) => item.trim());
}

function parseCondition(text: string, version: TableVersion, columnAt: (name: string) => number): ((row: Row) => boolean) | string {
  const found =
    /^(`?[\w$]+`?)\s*(<=>|<=|>=|<>|!=|=|<|>|\bis\s+not\s+null\b|\bis\s+null\b|\bnot\s+in\b|\bin\b|\bnot\s+between\b|\bbetween\b)\s*(.*)$/is.exec(
      text,
    );
  if (!found) return `unsupported constraint: ${text}`;
  const at = columnAt(found[1] ?? '');
  if (at < 0) return `column ${found[1]} not found in table ${version.name}`;
  const column = version.columns[at] as Column;
  const operator = (found[2] ?? '').toLowerCase().replace(/\s+/g, ' ');
  if (operator === 'is null') return (row) => row[at] === null;
  if (operator === 'is not null') return (row) => row[at] !== null;
  const operands = operator.endsWith('between')
    ? (found[3] ?? '').split(/\s+and\s+/i)
    : operator.endsWith('in')
      ? (found[3] ?? '').replace(/^\(|\)$/g, '').split(',')
      : [found[3] ?? ''];
  const literals: Cell[] = [];
  for (const operand of operands) {
    const literal = parseLiteral(operand.trim());
    if (literal === undefined) return `unsupported constraint: ${text}`;
    literals.push(literalCell(column, literal));
  }
  const order = (row: Row, index: number): number => compareCells(column, row[at] as Cell, literals[index] as Cell);
  const test = ((): ((row: Row) => boolean) => {
    switch (operator) {
      case '=':
        return (row) => order(row, 0) === 0;
      case '!=':
      case '<>':
        return (row) => order(row, 0) !== 0;
      case '<':
        return (row) => order(row, 0) < 0;
      case '<=':
        return (row) => order(row, 0) <= 0;
      case '>':
        return (row) => order(row, 0) > 0;
      case '>=':
        return (row) => order(row, 0) >= 0;
      case 'in':
        return (row) => literals.some((_, index) => order(row, index) === 0);
      case 'not in':
        return (row) => literals.every((_, index) => order(row, index) !== 0);
      case 'between':
        return (row) => order(row, 0) >= 0 && order(row, 1) <= 0;
      default:
        return (row) => order(row, 0) < 0 || order(row, 1) > 0;
    }
  })();
  return (row) => row[at] !== null && row[at] !== undefined && test(row); // NULL compares false
}

function parseLiteral(text: string): string | number | undefined {
  if (/^-?\d+(\.\d+)?$/.test(text)) return text.includes('.') || text.length > 15 ? text : Number(text);
  const quoted = /^'((?:[^'\\]|''|\\.)*)'$/s.exec(text) ?? /^"((?:[^"\\]|""|\\.)*)"$/s.exec(text);
  return quoted?.[1]?.replaceAll("''", "'").replace(/\\(.)/g, '$1');
}

/** The literal in the column's stored form; decimals keep more digits than the scale, for comparison only. */
function literalCell(column: Column, literal: string | number): Cell {
  if (column.kind === 'decimal') return String(literal);
  if ((column.kind === 'int' || column.kind === 'year') && !Number.isInteger(Number(literal))) return Number(literal);
  return storeCell({ ...column, nullable: true }, literal);
}
