/** Splits one SQL statement into tokens, as far as reading DDL needs it. Pure. Layer 3. */

export interface Token {
  /** `word`: unquoted, `text` as written. `name`: in backticks. `quoted`: in double quotes, a name only under ANSI_QUOTES. */
  readonly kind: 'word' | 'name' | 'quoted' | 'string' | 'mark';
  /** Unquoted and unescaped; of a mark, the character. */
  readonly text: string;
}

const WORD = /[\w$\u0080-\uffff]+/y;
const SPACE = /\s+/y;
const LINE = /[^\n]*/y;

/**
 * Comments are dropped, but for the content of version comments (an exclamation mark after the opening), which MySQL executes.
 * An unfinished quote or comment ends with the text: what a server logged was a whole statement.
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const skip = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const text = pattern.exec(sql)?.[0] ?? '';
    at += text.length;
    return text;
  };
  while (at < sql.length) {
    if (skip(SPACE) !== '') continue;
    const start = sql[at] as string;
    if (start === '#' || (sql.startsWith('--', at) && /^(?:\s|$)/.test(sql.slice(at + 2, at + 3)))) skip(LINE);
    else if (sql.startsWith('/*!', at)) skip(/\/\*!\d*/y);
    else if (sql.startsWith('*/', at)) at += 2;
    else if (sql.startsWith('/*', at)) {
      const end = sql.indexOf('*/', at + 2);
      at = end < 0 ? sql.length : end + 2;
    } else if (start === '`' || start === "'" || start === '"') {
      const { text, end } = quoted(sql, at, start);
      tokens.push({ kind: start === '`' ? 'name' : start === "'" ? 'string' : 'quoted', text });
      at = end;
    } else {
      const word = skip(WORD);
      if (word !== '') tokens.push({ kind: 'word', text: word });
      else {
        tokens.push({ kind: 'mark', text: start });
        at++;
      }
    }
  }
  return tokens;
}

/** A doubled quote stands for itself; a backslash escapes in strings, not in names. */
function quoted(sql: string, start: number, quote: string): { text: string; end: number } {
  let text = '';
  let at = start + 1;
  while (at < sql.length) {
    const char = sql[at] as string;
    if (char === quote) {
      if (sql[at + 1] !== quote) return { text, end: at + 1 };
      at++;
    } else if (char === '\\' && quote !== '`') at++;
    text += sql[at] ?? '';
    at++;
  }
  return { text, end: at };
}

/** Walks over tokens, with keywords compared in any case. A name in backticks is never a keyword. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get ended(): boolean {
    return this.#at >= this.#tokens.length;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  /** True when these keywords or marks come next, at `ahead`. */
  is(words: string, ahead = 0): boolean {
    return words.split(' ').every((word, index) => {
      const token = this.peek(ahead + index);
      return (token?.kind === 'word' || token?.kind === 'mark') && token.text.toLowerCase() === word;
    });
  }

  isOneOf(words: readonly string[]): boolean {
    return words.some((word) => this.is(word));
  }

  /** Takes these keywords or marks when they come next. */
  take(words: string): boolean {
    if (!this.is(words)) return false;
    this.#at += words.split(' ').length;
    return true;
  }

  /** The last part of a name that may carry its database; undefined, with nothing taken, when no name comes next. */
  name(): string | undefined {
    if (!this.#isName(0)) return undefined;
    let last = this.next()?.text;
    while (this.is('.') && this.#isName(1)) {
      this.next();
      last = this.next()?.text;
    }
    return last;
  }

  #isName(ahead: number): boolean {
    const kind = this.peek(ahead)?.kind;
    return kind === 'word' || kind === 'name' || kind === 'quoted';
  }

  /** The tokens up to the next comma outside parentheses (which is taken), or to the end. */
  clause(): Token[] {
    const tokens: Token[] = [];
    let depth = 0;
    for (let token = this.next(); token !== undefined; token = this.next()) {
      if (token.kind === 'mark') {
        if (token.text === '(') depth++;
        else if (token.text === ')') depth--;
        else if (depth === 0 && (token.text === ',' || token.text === ';')) break;
      }
      tokens.push(token);
    }
    return tokens;
  }

  /** All clauses that are left. */
  clauses(): Token[][] {
    const clauses: Token[][] = [];
    while (!this.ended) clauses.push(this.clause());
    return clauses;
  }
}
