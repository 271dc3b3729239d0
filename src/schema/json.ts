/**
 * JSON cells without losing a digit of an integer. Layer 2.
 * `JSON.parse` where nothing can be lost; else our own parser, which also keeps number literals as text for partial updates.
 */
import { fail } from './failure.js';
import type { JsonValue } from './values.js';

/** A parsed document that still knows each number as the text it was. Members of an object keep their order. */
export type JsonNode =
  | { readonly type: 'literal'; readonly value: null | boolean | string }
  | { readonly type: 'number'; readonly text: string }
  | { readonly type: 'array'; readonly items: JsonNode[] }
  | { readonly type: 'object'; readonly members: Map<string, JsonNode> };

/** The value of a JSON text: integers beyond 2^53-1 are bigint (B36); old servers' numbers and escapes are accepted (B37, B39). */
export function parseJson(text: string): JsonValue {
  if (!hasLongNumber(text)) {
    try {
      return JSON.parse(text) as JsonValue;
    } catch {
      // Falls through to the tolerant parser, which reports what is wrong.
    }
  }
  return nodeValue(parseJsonNode(text));
}

/** Valid JSON text of a cell: as sent, unless an old server sent what JSON does not allow. */
export function normaliseJson(text: string): string {
  if (mayBeOld(text)) {
    try {
      JSON.parse(text);
    } catch {
      return printJson(parseJsonNode(text));
    }
  }
  return text;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** Sixteen digits in a row: only every sixteenth place has to be looked at, where a pattern costs a seventh of parsing. */
function hasLongNumber(text: string): boolean {
  for (let at = 15; at < text.length; at += 16) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let from = at;
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from--;
    let to = at + 1;
    while (to < text.length && isDigit(text.charCodeAt(to))) to++;
    if (to - from >= 16) return true;
  }
  return false;
}

/** What only old servers write: `.5` without a digit in front (B37), and the escape `\x` (B39). */
function mayBeOld(text: string): boolean {
  for (let point = text.indexOf('.'); point >= 0; point = text.indexOf('.', point + 1)) {
    if (isDigit(text.charCodeAt(point + 1)) && beginsNumber(text.charCodeAt(point - 1))) return true;
  }
  return text.includes('\\x');
}

/** Space, `[`, `:`, `,` and `-`, or nothing at all (NaN). */
const beginsNumber = (before: number): boolean => !(before > 32) || before === 91 || before === 58 || before === 44 || before === 45;

function nodeValue(node: JsonNode): JsonValue {
  switch (node.type) {
    case 'literal':
      return node.value;
    case 'number':
      return numberValue(node.text);
    case 'array':
      return node.items.map(nodeValue);
    case 'object': {
      const value: Record<string, JsonValue> = {};
      for (const [name, member] of node.members) {
        // An own property also for `__proto__`, as JSON.parse makes it.
        if (name === '__proto__')
          Object.defineProperty(value, name, { value: nodeValue(member), enumerable: true, configurable: true, writable: true });
        else value[name] = nodeValue(member);
      }
      return value;
    }
  }
}

function numberValue(text: string): number | bigint {
  const number = Number(text);
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(number)) return BigInt(text);
  if (!Number.isFinite(number)) fail('a number in a JSON document is out of range');
  return number;
}

/** MySQL's own spacing, `": "` and `", "` (B35). */
export function printJson(node: JsonNode): string {
  switch (node.type) {
    case 'literal':
      return JSON.stringify(node.value);
    case 'number':
      return node.text;
    case 'array':
      return `[${node.items.map(printJson).join(', ')}]`;
    case 'object':
      return `{${Array.from(node.members, ([name, member]) => `${JSON.stringify(name)}: ${printJson(member)}`).join(', ')}}`;
  }
}

/** MySQL refuses documents nested deeper than 100; twice that, so that no input can exhaust the stack. */
const MAX_DEPTH = 200;

export function parseJsonNode(text: string): JsonNode {
  const parser = new JsonParser(text);
  const node = parser.value(0);
  parser.end();
  return node;
}

const NUMBER = /-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

class JsonParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  end(): void {
    this.#space();
    if (this.#at !== this.#text.length) this.#broken();
  }

  value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) fail('a JSON document is nested too deeply');
    this.#space();
    const text = this.#text;
    const char = text[this.#at];
    if (char === '{') return this.#object(depth);
    if (char === '[') return this.#array(depth);
    if (char === '"') return { type: 'literal', value: this.#string() };
    if (text.startsWith('true', this.#at)) return this.#literal('true', true);
    if (text.startsWith('false', this.#at)) return this.#literal('false', false);
    if (text.startsWith('null', this.#at)) return this.#literal('null', null);
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(text);
    if (!match) this.#broken();
    this.#at += match[0].length;
    return { type: 'number', text: match[0].replace(/^(-?)\./, '$10.').replace(/\.(?=$|[eE])/, '') };
  }

  #literal(word: string, value: null | boolean): JsonNode {
    this.#at += word.length;
    return { type: 'literal', value };
  }

  #array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#at++;
    if (this.#take(']')) return { type: 'array', items };
    for (;;) {
      items.push(this.value(depth + 1));
      if (this.#take(']')) return { type: 'array', items };
      if (!this.#take(',')) this.#broken();
    }
  }

  #object(depth: number): JsonNode {
    const members = new Map<string, JsonNode>();
    this.#at++;
    if (this.#take('}')) return { type: 'object', members };
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#broken();
      const name = this.#string();
      if (!this.#take(':')) this.#broken();
      members.set(name, this.value(depth + 1));
      if (this.#take('}')) return { type: 'object', members };
      if (!this.#take(',')) this.#broken();
    }
  }

  #string(): string {
    const text = this.#text;
    let out = '';
    this.#at++;
    for (;;) {
      PLAIN.lastIndex = this.#at;
      const plain = PLAIN.exec(text)?.[0] ?? '';
      out += plain;
      this.#at += plain.length;
      const char = text[this.#at++];
      if (char === '"') return out;
      if (char !== '\\') this.#broken();
      const escape = text[this.#at++] ?? '';
      const simple = ESCAPE[escape];
      if (simple !== undefined) out += simple;
      else if (escape === 'u' || escape === 'x') {
        const digits = text.slice(this.#at, this.#at + (escape === 'u' ? 4 : 2));
        if (!/^(?:[0-9a-fA-F]{4}|[0-9a-fA-F]{2})$/.test(digits) || digits.length !== (escape === 'u' ? 4 : 2)) this.#broken();
        out += String.fromCharCode(Number.parseInt(digits, 16));
        this.#at += digits.length;
      } else this.#broken();
    }
  }

  #take(char: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #broken(): never {
    fail('a JSON cell is not a valid document');
  }
}
