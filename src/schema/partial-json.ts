/**
 * Partial JSON updates: applies the expression of an after cell to the document before (B40, measured.md section 6). Layer 2.
 * The server sends nested calls, the first change innermost, with `%s` for the document:
 * `JSON_INSERT(JSON_REPLACE(%s, _utf8mb4'$.a', CAST(2 as JSON)), _utf8mb4'$.b', JSON_ARRAY(1, 2))`.
 * Strict where MySQL's functions are lenient: a path that does not fit means that the document is not the one the server
 * changed, and then no document is better than a wrong one.
 */
import { fail } from './failure.js';
import { parseJsonNode, printJson, type JsonNode } from './json.js';

/** The complete document after, as JSON text with every number as the server wrote it. Throws `CellFailure`. */
export function applyPartialJson(before: string, expression: string): string {
  const parser = new ExpressionParser(expression, parseJsonNode(before));
  const node = parser.document(0);
  parser.end();
  return printJson(node);
}

type Step = { readonly key: string } | { readonly index: number; readonly fromLast: boolean };

type Change = 'JSON_INSERT' | 'JSON_REPLACE' | 'JSON_REMOVE' | 'JSON_SET' | 'JSON_ARRAY_INSERT' | 'JSON_ARRAY_APPEND';

const CHANGES: ReadonlySet<string> = new Set([
  'JSON_INSERT',
  'JSON_REPLACE',
  'JSON_REMOVE',
  'JSON_SET',
  'JSON_ARRAY_INSERT',
  'JSON_ARRAY_APPEND',
]);

const MAX_DEPTH = 1000;

class ExpressionParser {
  readonly #text: string;
  readonly #before: JsonNode;
  #at = 0;

  constructor(text: string, before: JsonNode) {
    this.#text = text;
    this.#before = before;
  }

  end(): void {
    this.#space();
    if (this.#at !== this.#text.length) this.#broken();
  }

  /** `%s`, or a change of an inner document. */
  document(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.#broken();
    if (this.#take('%s')) return this.#before;
    const change = this.#word().toUpperCase();
    if (!CHANGES.has(change)) this.#broken();
    this.#expect('(');
    let document = this.document(depth + 1);
    do {
      this.#expect(',');
      const path = parsePath(this.#quoted());
      if (change === 'JSON_REMOVE') document = remove(document, path);
      else {
        this.#expect(',');
        document = place(document, path, this.#value(0), change as Change);
      }
    } while (!this.#take(')'));
    return document;
  }

  #value(depth: number): JsonNode {
    if (depth > 200) this.#broken();
    this.#space();
    const start = this.#at;
    if (this.#text[start] === "'" || this.#text.startsWith('_utf8mb4', start)) return { type: 'literal', value: this.#quoted() };
    const number = /-?\d*\.?\d+(?:[eE][+-]?\d+)?/y;
    number.lastIndex = start;
    const found = number.exec(this.#text);
    if (found) {
      this.#at += found[0].length;
      return parseJsonNode(found[0]);
    }
    const word = this.#word().toUpperCase();
    switch (word) {
      case 'TRUE':
        return { type: 'literal', value: true };
      case 'FALSE':
        return { type: 'literal', value: false };
      case 'NULL':
        return { type: 'literal', value: null };
      case 'TIMESTAMP':
      case 'DATE':
      case 'TIME':
        return { type: 'literal', value: this.#quoted() };
      case 'JSON_QUOTE': {
        this.#expect('(');
        const text = this.#quoted();
        this.#expect(')');
        return { type: 'literal', value: text };
      }
      case 'CAST':
        return this.#cast(depth);
      case 'JSON_ARRAY':
        return { type: 'array', items: this.#list(() => this.#value(depth + 1)) };
      case 'JSON_OBJECT': {
        const members = this.#list((): [string, JsonNode] => {
          const name = this.#quoted();
          this.#expect(',');
          return [name, this.#value(depth + 1)];
        });
        return { type: 'object', members: new Map(members) };
      }
      default:
        return this.#broken();
    }
  }

  /** A quoted string inside CAST is JSON text itself, everything else is the value. */
  #cast(depth: number): JsonNode {
    this.#expect('(');
    this.#space();
    const json = this.#text[this.#at] === "'" || this.#text.startsWith('_utf8mb4', this.#at);
    const node = json ? parseJsonNode(this.#quoted()) : this.#value(depth + 1);
    if (this.#word().toUpperCase() !== 'AS' || this.#word().toUpperCase() !== 'JSON') this.#broken();
    this.#expect(')');
    return node;
  }

  #list<T>(item: () => T): T[] {
    const items: T[] = [];
    this.#expect('(');
    if (this.#take(')')) return items;
    do items.push(item());
    while (this.#take(','));
    this.#expect(')');
    return items;
  }

  /** `_utf8mb4'…'` with MySQL's escapes. */
  #quoted(): string {
    this.#take('_utf8mb4');
    this.#expect("'");
    let out = '';
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at] as string;
      if (char === '\\') {
        const next = this.#text[++this.#at] ?? '';
        out += ESCAPED[next] ?? next;
      } else if (char !== "'") out += char;
      else if (this.#text[this.#at + 1] === "'") {
        out += char;
        this.#at++;
      } else {
        this.#at++;
        return out;
      }
    }
    return this.#broken();
  }

  #word(): string {
    this.#space();
    const word = /[A-Za-z_]+/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #take(text: string): boolean {
    this.#space();
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#broken();
  }

  #space(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }

  #broken(): never {
    fail('a partial JSON update has a form this version does not know');
  }
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', '0': '\0', Z: '\x1a' };

/** `$."dot.key".b[2]`; wildcards never occur in what the binary log holds. */
function parsePath(path: string): readonly Step[] {
  const steps: Step[] = [];
  let at = 1;
  if (path[0] !== '$') badPath();
  while (at < path.length) {
    if (path[at] === '[') {
      const cell = /\[ *(?:(\d+)|(last)(?: *- *(\d+))?) *\]/y;
      cell.lastIndex = at;
      const found = cell.exec(path);
      if (!found) badPath();
      steps.push({ index: Number(found[1] ?? found[3] ?? 0), fromLast: found[2] !== undefined });
      at += found[0].length;
    } else if (path[at] === '.' && path[at + 1] === '"') {
      const quoted = /"(?:[^"\\]|\\.)*"/sy;
      quoted.lastIndex = at + 1;
      const found = quoted.exec(path);
      if (!found) badPath();
      const name = parseJsonNode(found[0]);
      if (name.type !== 'literal' || typeof name.value !== 'string') badPath();
      steps.push({ key: name.value });
      at += 1 + found[0].length;
    } else if (path[at] === '.') {
      const plain = /[^.[*"]+/y;
      plain.lastIndex = at + 1;
      const found = plain.exec(path);
      if (!found) badPath();
      steps.push({ key: found[0] });
      at += 1 + found[0].length;
    } else badPath();
  }
  return steps;
}

function badPath(): never {
  fail('a partial JSON update names a path this version does not know');
}

function doesNotFit(): never {
  fail('a partial JSON update does not fit the document before it');
}

/** Rebuilds the containers along the path, so that the document before stays as it was. */
function change(node: JsonNode, path: readonly Step[], edit: (parent: JsonNode, last: Step) => JsonNode): JsonNode {
  const [step, ...rest] = path;
  if (step === undefined) doesNotFit();
  if (rest.length === 0) return edit(node, step);
  if ('key' in step) {
    const child = node.type === 'object' ? node.members.get(step.key) : undefined;
    if (node.type !== 'object' || !child) doesNotFit();
    return { type: 'object', members: new Map(node.members).set(step.key, change(child, rest, edit)) };
  }
  // MySQL takes a scalar or object as the array of itself.
  if (node.type !== 'array') {
    if (cellIndex(step, 1) !== 0) doesNotFit();
    return change(node, rest, edit);
  }
  const index = cellIndex(step, node.items.length);
  const child = node.items[index];
  if (!child) doesNotFit();
  return { type: 'array', items: node.items.with(index, change(child, rest, edit)) };
}

function cellIndex(step: Extract<Step, { index: number }>, length: number): number {
  return step.fromLast ? length - 1 - step.index : step.index;
}

function remove(document: JsonNode, path: readonly Step[]): JsonNode {
  return change(document, path, (parent, last) => {
    if ('key' in last) {
      if (parent.type !== 'object' || !parent.members.has(last.key)) doesNotFit();
      const members = new Map(parent.members);
      members.delete(last.key);
      return { type: 'object', members };
    }
    if (parent.type !== 'array') doesNotFit();
    const index = cellIndex(last, parent.items.length);
    if (!(index >= 0 && index < parent.items.length)) doesNotFit();
    return { type: 'array', items: parent.items.toSpliced(index, 1) };
  });
}

function place(document: JsonNode, path: readonly Step[], value: JsonNode, kind: Change): JsonNode {
  if (path.length === 0) {
    if (kind === 'JSON_REPLACE' || kind === 'JSON_SET') return value;
    if (kind === 'JSON_ARRAY_APPEND') return append(document, value);
    doesNotFit();
  }
  return change(document, path, (parent, last) => {
    if ('key' in last) {
      if (parent.type !== 'object') doesNotFit();
      const present = parent.members.get(last.key);
      if (kind === 'JSON_ARRAY_INSERT') doesNotFit();
      if (kind === 'JSON_INSERT' ? present !== undefined : kind !== 'JSON_SET' && present === undefined) doesNotFit();
      const next = kind === 'JSON_ARRAY_APPEND' && present ? append(present, value) : value;
      return { type: 'object', members: new Map(parent.members).set(last.key, next) };
    }
    if (parent.type !== 'array') {
      if (kind === 'JSON_ARRAY_INSERT') doesNotFit();
      if (cellIndex(last, 1) === 0)
        return kind === 'JSON_INSERT' ? doesNotFit() : kind === 'JSON_ARRAY_APPEND' ? append(parent, value) : value;
      return kind === 'JSON_INSERT' || kind === 'JSON_SET' ? append(parent, value) : doesNotFit();
    }
    const index = cellIndex(last, parent.items.length);
    if (index < 0) doesNotFit();
    const present = parent.items[index];
    if (kind === 'JSON_ARRAY_INSERT') return { type: 'array', items: parent.items.toSpliced(index, 0, value) };
    if (present === undefined) return kind === 'JSON_INSERT' || kind === 'JSON_SET' ? append(parent, value) : doesNotFit();
    // The SQL function would leave it, the binary log's insert would shift it: MySQL never logs this for JSON_SET and its kin.
    if (kind === 'JSON_INSERT') doesNotFit();
    return { type: 'array', items: parent.items.with(index, kind === 'JSON_ARRAY_APPEND' ? append(present, value) : value) };
  });
}

function append(node: JsonNode, value: JsonNode): JsonNode {
  return { type: 'array', items: node.type === 'array' ? [...node.items, value] : [node, value] };
}
