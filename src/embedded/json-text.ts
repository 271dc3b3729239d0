/**
 * JSON documents of the engine. Numbers keep their digits. MySQL prints a document with its keys by length, then bytes;
 * Vitess rebuilds replicated documents with keys in byte order (B35): the one difference left between the phases (values.md E.2).
 */
export type JsonNode =
  | { readonly kind: 'scalar'; readonly text: string }
  | { readonly kind: 'array'; readonly items: JsonNode[] }
  | { readonly kind: 'object'; readonly members: Map<string, JsonNode> };

export function parseJson(text: string): JsonNode {
  const reader = new Reader(text);
  const node = reader.value();
  reader.end();
  return node;
}

class Reader {
  #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): JsonNode {
    this.#space();
    const next = this.#text[this.#at];
    if (next === '{') return this.#object();
    if (next === '[') return this.#array();
    if (next === '"') return { kind: 'scalar', text: JSON.stringify(this.#string()) };
    const found = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/.exec(this.#text.slice(this.#at, this.#at + 400));
    if (!found) throw new SyntaxError(`invalid JSON at ${this.#at}`);
    this.#at += found[0].length;
    return { kind: 'scalar', text: found[0] };
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw new SyntaxError(`invalid JSON at ${this.#at}`);
  }

  #object(): JsonNode {
    const members = new Map<string, JsonNode>();
    this.#at += 1;
    this.#space();
    if (this.#take('}')) return { kind: 'object', members };
    do {
      this.#space();
      const key = this.#string();
      this.#expect(':');
      members.set(key, this.value());
    } while (this.#take(','));
    this.#expect('}');
    return { kind: 'object', members };
  }

  #array(): JsonNode {
    const items: JsonNode[] = [];
    this.#at += 1;
    this.#space();
    if (this.#take(']')) return { kind: 'array', items };
    do items.push(this.value());
    while (this.#take(','));
    this.#expect(']');
    return { kind: 'array', items };
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') throw new SyntaxError(`invalid JSON at ${start}`);
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += this.#text[this.#at] === '\\' ? 2 : 1) {
      if (this.#at >= this.#text.length) throw new SyntaxError('JSON ends inside a string');
    }
    this.#at += 1;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #space(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1;
  }

  #take(char: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #expect(char: string): void {
    if (!this.#take(char)) throw new SyntaxError(`invalid JSON at ${this.#at}`);
  }
}

/** `mysql`: keys by length, then bytes. `vitess`: keys by bytes. */
export type KeyOrder = 'mysql' | 'vitess';

export function printJson(node: JsonNode, order: KeyOrder): string {
  if (node.kind === 'scalar') return node.text;
  if (node.kind === 'array') return `[${node.items.map((item) => printJson(item, order)).join(', ')}]`;
  const keys = [...node.members.keys()].sort((a, b) => compareKeys(a, b, order));
  return `{${keys.map((key) => `${JSON.stringify(key)}: ${printJson(node.members.get(key) as JsonNode, order)}`).join(', ')}}`;
}

function compareKeys(a: string, b: string, order: KeyOrder): number {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return (order === 'mysql' ? left.length - right.length : 0) || Buffer.compare(left, right);
}
