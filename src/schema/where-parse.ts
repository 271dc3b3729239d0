/** The text of a filter: AND of simple conditions. Layer 2. */

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** `text` of a string is its content, of a number its digits as written; `hex` is `X'…'` or `0x…`. */
export interface Literal {
  readonly kind: 'string' | 'number' | 'hex';
  readonly text: string;
}

export type Condition =
  | { readonly column: string; readonly test: Comparison | 'in'; readonly literals: readonly Literal[] }
  | { readonly column: string; readonly test: 'between'; readonly negated: boolean; readonly literals: readonly Literal[] }
  | { readonly column: string; readonly test: 'null'; readonly negated: boolean };

/** The message is the reason, a clause. */
export class FilterSyntaxError extends Error {
  override readonly name = 'FilterSyntaxError';
}

interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'hex' | 'sign';
  readonly text: string;
}

const TOKEN =
  /\s*(?:(?<hex>[xX]'[0-9a-fA-F]*'|0x[0-9a-fA-F]+)|(?<name>`(?:[^`]|``)+`)|(?<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")|(?<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w$])|(?<word>[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*)|(?<sign><=>|<=|>=|<>|!=|[=<>(),.]))/sy;

export function parseConditions(where: string): readonly Condition[] {
  return new Parser(tokensOf(where)).conditions();
}

function tokensOf(where: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (/\S/.test(where.slice(at))) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(where)?.groups;
    if (!groups) throw new FilterSyntaxError(`"${where.slice(at).trim().slice(0, 20)}" is not understood`);
    at = TOKEN.lastIndex;
    for (const kind of ['hex', 'name', 'string', 'number', 'word', 'sign'] as const) {
      const text = groups[kind];
      if (text !== undefined) tokens.push({ kind, text });
    }
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  conditions(): readonly Condition[] {
    const conditions: Condition[] = [];
    if (this.#tokens.length === 0) throw new FilterSyntaxError('it is empty');
    do conditions.push(this.#condition());
    while (this.#word('AND'));
    const rest = this.#peek();
    if (rest) {
      throw new FilterSyntaxError(
        /^(or|xor)$/i.test(rest.text) || rest.text === '||' ? 'only AND can join conditions' : `"${rest.text}" is not expected there`,
      );
    }
    return conditions;
  }

  #condition(): Condition {
    const column = this.#column();
    if (this.#word('IS')) {
      const negated = this.#word('NOT');
      if (!this.#word('NULL')) throw new FilterSyntaxError('after IS only NULL and NOT NULL are known');
      return { column, test: 'null', negated };
    }
    if (this.#word('IN')) return { column, test: 'in', literals: this.#list() };
    const negated = this.#word('NOT');
    if (this.#word('BETWEEN')) {
      const low = this.#literal();
      if (!this.#word('AND')) throw new FilterSyntaxError('BETWEEN needs two values joined by AND');
      return { column, test: 'between', negated, literals: [low, this.#literal()] };
    }
    if (negated) throw new FilterSyntaxError('NOT is known only in IS NOT NULL and NOT BETWEEN');
    const sign = this.#next();
    const test = sign?.text === '<>' ? '!=' : sign?.text;
    if (test !== '=' && test !== '!=' && test !== '<' && test !== '<=' && test !== '>' && test !== '>=') {
      if (sign?.text === '(') throw new FilterSyntaxError(`the function ${column}() cannot be evaluated by the client`);
      if (sign?.text === '.') throw new FilterSyntaxError('write the column without its table');
      throw new FilterSyntaxError(sign ? `the operator ${sign.text} is not known` : `there is no comparison after ${column}`);
    }
    return { column, test, literals: [this.#literal()] };
  }

  #column(): string {
    const token = this.#next();
    if (token?.kind === 'name') return token.text.slice(1, -1).replaceAll('``', '`');
    if (token?.kind === 'word' && !/^(and|or|not|null|exists|case|true|false)$/i.test(token.text)) return token.text;
    if (token?.text === '(') throw new FilterSyntaxError('parentheses are known only after IN');
    if (token && token.kind !== 'word' && token.kind !== 'sign') throw new FilterSyntaxError('the column comes first, then the literal');
    throw new FilterSyntaxError(token ? `"${token.text}" stands where a column was expected` : 'it ends where a column was expected');
  }

  #list(): readonly Literal[] {
    const literals: Literal[] = [];
    if (this.#next()?.text !== '(') throw new FilterSyntaxError('IN needs a list in parentheses');
    for (;;) {
      literals.push(this.#literal());
      const sign = this.#next()?.text;
      if (sign === ')') return literals;
      if (sign !== ',') throw new FilterSyntaxError('the list of IN is not closed');
    }
  }

  #literal(): Literal {
    const token = this.#next();
    switch (token?.kind) {
      case 'string':
        return { kind: 'string', text: unquote(token.text) };
      case 'number':
        return { kind: 'number', text: token.text };
      case 'hex':
        return { kind: 'hex', text: token.text.replace(/^0x|^[xX]'|'$/g, '') };
      case 'word':
        if (/^true$/i.test(token.text)) return { kind: 'number', text: '1' };
        if (/^false$/i.test(token.text)) return { kind: 'number', text: '0' };
        if (/^null$/i.test(token.text)) throw new FilterSyntaxError('nothing compares with NULL: use IS NULL or IS NOT NULL');
        break;
      default:
        break;
    }
    throw new FilterSyntaxError(token ? `"${token.text}" stands where a literal was expected` : 'it ends where a literal was expected');
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  #word(word: string): boolean {
    const token = this.#peek();
    if (token?.kind !== 'word' || token.text.toUpperCase() !== word) return false;
    this.#at++;
    return true;
  }
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', '0': '\0', Z: '\x1a', '%': '\\%', _: '\\_' };

/** MySQL's string escapes; `\%` and `\_` keep their backslash. */
function unquote(quoted: string): string {
  const quote = quoted[0] ?? "'";
  const inner = quoted.slice(1, -1).replaceAll(quote + quote, quote);
  return inner.replace(/\\(.)/gs, (_, char: string) => ESCAPED[char] ?? char);
}
