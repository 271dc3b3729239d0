/**
 * The little SQL the engine understands: expressions of one row with bind variables, in three-valued logic. Enough for the
 * client's statements on its state table; anything else is a syntax error, as it should be for a statement nobody expected.
 */
import type { Cell } from './values.js';

export type SqlValue = Cell | boolean;

export class SqlError extends Error {
  /** vtrpc code. */
  readonly code: number;

  constructor(message: string, code = 3) {
    super(message);
    this.code = code;
  }
}

/** Where an expression is evaluated. */
export interface Scope {
  column(name: string): SqlValue;
  bind(name: string): SqlValue;
  /** `YYYY-MM-DD hh:mm:ss.ffffff` in UTC. */
  now(): string;
}

export type Expression = (scope: Scope) => SqlValue;

export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'bind' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
}

export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const pattern =
    /\s+|(`(?:[^`]|``)+`)|('(?:[^'\\]|''|\\.)*')|(\d+(?:\.\d+)?)|:([a-z_]\w*)|((?:@@global\.|@@)?[a-z_$][\w$]*)|(<=>|<=|>=|<>|!=|[-+*/=<>(),.])/giy;
  while (pattern.lastIndex < sql.length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(sql);
    if (!found) throw new SqlError(`syntax error at position ${at + 1} near '${sql.slice(at, at + 20)}'`);
    const [, name, string, number, bind, word, symbol] = found;
    if (name) tokens.push({ kind: 'name', text: name.slice(1, -1).replaceAll('``', '`'), at });
    else if (string) tokens.push({ kind: 'string', text: string.slice(1, -1).replaceAll("''", "'").replace(/\\(.)/gs, '$1'), at });
    else if (number) tokens.push({ kind: 'number', text: number, at });
    else if (bind) tokens.push({ kind: 'bind', text: bind, at });
    else if (word) tokens.push({ kind: 'word', text: word.toLowerCase(), at });
    else if (symbol) tokens.push({ kind: 'symbol', text: symbol, at });
  }
  tokens.push({ kind: 'end', text: '', at: sql.length });
  return tokens;
}

/** Recursive descent over tokens: OR, AND, NOT, comparison, sum, value. */
export class Parser {
  #tokens: readonly Token[];
  #at = 0;

  constructor(sql: string) {
    this.#tokens = tokenize(sql);
  }

  peek(text: string): boolean {
    const token = this.#tokens[this.#at] as Token;
    return (token.kind === 'word' || token.kind === 'symbol') && token.text === text;
  }

  take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.#at += 1;
    return true;
  }

  /** Takes all the words or none. */
  takeAll(...words: readonly string[]): boolean {
    const start = this.#at;
    if (words.every((word) => this.take(word))) return true;
    this.#at = start;
    return false;
  }

  expect(text: string): void {
    if (!this.take(text)) this.fail();
  }

  name(): string {
    const token = this.#tokens[this.#at] as Token;
    if (token.kind !== 'word' && token.kind !== 'name') this.fail();
    this.#at += 1;
    return token.text;
  }

  end(): void {
    if ((this.#tokens[this.#at] as Token).kind !== 'end') this.fail();
  }

  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.take(',')) items.push(item());
    return items;
  }

  fail(): never {
    const token = this.#tokens[this.#at] as Token;
    throw new SqlError(`syntax error at position ${token.at + 1}${token.text ? ` near '${token.text}'` : ''}`);
  }

  expression(): Expression {
    let left = this.#and();
    while (this.take('or')) {
      const a = left;
      const b = this.#and();
      left = (scope) => {
        const [x, y] = [truth(a(scope)), truth(b(scope))];
        return x === true || y === true ? true : x === null || y === null ? null : false;
      };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.take('and')) {
      const a = left;
      const b = this.#not();
      left = (scope) => {
        const [x, y] = [truth(a(scope)), truth(b(scope))];
        return x === false || y === false ? false : x === null || y === null ? null : true;
      };
    }
    return left;
  }

  #not(): Expression {
    if (!this.take('not')) return this.#comparison();
    const inner = this.#not();
    return (scope) => {
      const value = truth(inner(scope));
      return value === null ? null : !value;
    };
  }

  #comparison(): Expression {
    const left = this.#sum();
    if (this.take('is')) {
      const negated = this.take('not');
      this.expect('null');
      return (scope) => (left(scope) === null) !== negated;
    }
    for (const operator of ['<=>', '<=', '>=', '<>', '!=', '=', '<', '>']) {
      if (!this.take(operator)) continue;
      const right = this.#sum();
      return (scope) => compare(operator, left(scope), right(scope));
    }
    return left;
  }

  #sum(): Expression {
    let left = this.#value();
    for (;;) {
      const sign = this.take('+') ? 1n : this.take('-') ? -1n : undefined;
      if (sign === undefined) return left;
      const a = left;
      if (this.take('interval')) {
        const amount = this.#value();
        const unit = this.name();
        left = (scope) => addInterval(a(scope), amount(scope), unit, sign);
      } else {
        const b = this.#value();
        left = (scope) => arithmetic(a(scope), b(scope), sign);
      }
    }
  }

  #value(): Expression {
    const token = this.#tokens[this.#at] as Token;
    this.#at += 1;
    if (token.kind === 'string') return () => token.text;
    if (token.kind === 'number') return () => (token.text.includes('.') ? Number(token.text) : BigInt(token.text));
    if (token.kind === 'bind') return (scope) => scope.bind(token.text);
    if (token.kind === 'name') return (scope) => scope.column(token.text);
    if (token.kind === 'symbol' && token.text === '(') {
      const inner = this.expression();
      this.expect(')');
      return inner;
    }
    if (token.kind === 'symbol' && token.text === '-') {
      const inner = this.#value();
      return (scope) => arithmetic(0n, inner(scope), -1n);
    }
    if (token.kind !== 'word') {
      this.#at -= 1;
      this.fail();
    }
    if (token.text === 'null') return () => null;
    if (token.text === 'true' || token.text === 'false') return () => token.text === 'true';
    if (this.take('(')) return this.#call(token.text);
    return (scope) => scope.column(token.text);
  }

  #call(name: string): Expression {
    if (name === 'timestampdiff') {
      const unit = this.name();
      this.expect(',');
      const [from, to] = this.#twoArguments();
      return (scope) => {
        const [a, b] = [from(scope), to(scope)];
        if (a === null || b === null) return null;
        return (micros(String(b)) - micros(String(a))) / unitMicros(unit);
      };
    }
    if (name === 'date_add' || name === 'date_sub') {
      const from = this.expression();
      this.expect(',');
      this.expect('interval');
      const amount = this.#value();
      const unit = this.name();
      this.expect(')');
      return (scope) => addInterval(from(scope), amount(scope), unit, name === 'date_add' ? 1n : -1n);
    }
    const args = this.peek(')') ? [] : this.list(() => this.expression());
    this.expect(')');
    const [first, second, third] = args;
    if (name === 'now' || name === 'utc_timestamp' || name === 'current_timestamp') {
      return (scope) => (first ? scope.now() : scope.now().slice(0, 19));
    }
    if (name === 'coalesce' || name === 'ifnull') return (scope) => args.map((arg) => arg(scope)).find((value) => value !== null) ?? null;
    if (name === 'if' && first && second && third) return (scope) => (truth(first(scope)) === true ? second(scope) : third(scope));
    throw new SqlError(`FUNCTION ${name} does not exist`);
  }

  #twoArguments(): [Expression, Expression] {
    const first = this.expression();
    this.expect(',');
    const second = this.expression();
    this.expect(')');
    return [first, second];
  }
}

export function truth(value: SqlValue): boolean | null {
  if (value === null) return null;
  if (typeof value === 'boolean') return value;
  return Number(value instanceof Uint8Array ? Buffer.from(value).toString() : value) !== 0;
}

function compare(operator: string, a: SqlValue, b: SqlValue): boolean | null {
  if (operator === '<=>') return a === null || b === null ? a === b : order(a, b) === 0;
  if (a === null || b === null) return null;
  const sign = order(a, b);
  switch (operator) {
    case '=':
      return sign === 0;
    case '<>':
    case '!=':
      return sign !== 0;
    case '<':
      return sign < 0;
    case '<=':
      return sign <= 0;
    case '>':
      return sign > 0;
    default:
      return sign >= 0;
  }
}

function order(a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a instanceof Uint8Array || b instanceof Uint8Array) return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
  const [x, y] = [Number(a), Number(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function arithmetic(a: SqlValue, b: SqlValue, sign: bigint): SqlValue {
  if (a === null || b === null) return null;
  if (typeof a === 'number' && !Number.isInteger(a)) return a + Number(b) * Number(sign);
  return BigInt(a as number) + sign * BigInt(b as number);
}

const UNITS: Readonly<Record<string, bigint>> = {
  microsecond: 1n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
  day: 86_400_000_000n,
};

function unitMicros(unit: string): bigint {
  const micros = UNITS[unit];
  if (micros === undefined) throw new SqlError(`unsupported interval unit ${unit}`);
  return micros;
}

function addInterval(from: SqlValue, amount: SqlValue, unit: string, sign: bigint): SqlValue {
  if (from === null || amount === null) return null;
  return formatMicros(micros(String(from)) + sign * BigInt(String(amount)) * unitMicros(unit));
}

/** Microseconds since the epoch of a UTC datetime text. */
export function micros(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  const ms = Date.parse(`${whole.replace(' ', 'T')}Z`);
  if (Number.isNaN(ms)) throw new SqlError(`Incorrect DATETIME value: '${text}'`);
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6) || '0');
}

export function formatMicros(value: bigint): string {
  const text = new Date(Number(value / 1000n)).toISOString().replace('T', ' ').slice(0, 19);
  return `${text}.${String(value % 1_000_000n).padStart(6, '0')}`;
}
