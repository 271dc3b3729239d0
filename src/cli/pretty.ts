/** Changes for people: one line each, aligned, what changed first. Pure. */
import { toJson } from '../internal/json.js';
import type { Batch, Change, Progress, SchemaChange } from '../stream/change.js';
import { counted } from '../internal/figures.js';
import type { Paint } from './terminal.js';

const MAX_VALUE = 48;
const MARK = { copy: '·', insert: '+', update: '~', delete: '-' } as const;
const COLOUR = { copy: 'blue', insert: 'green', update: 'yellow', delete: 'red' } as const;

export interface PrettyOptions {
  readonly paint: Paint;
  /** Longest line in characters, colours not counted; undefined: no limit. */
  readonly width?: number | undefined;
}

/** Formats batches; keeps the widths of columns so that lines stay aligned as the stream goes on. */
export class PrettyPrinter {
  readonly #options: PrettyOptions;
  #tableWidth = 8;
  #shardWidth = 1;

  constructor(options: PrettyOptions) {
    this.#options = options;
  }

  /** The batch as text with line ends; '' when there is nothing to say. */
  batch(batch: Batch): string {
    if (batch.kind === 'schema') return batch.schema ? this.#note(describeSchema(batch.schema)) : '';
    if (batch.kind === 'progress') {
      const text = batch.progress && describeProgress(batch.progress);
      return text === undefined ? '' : this.#note(text);
    }
    let text = '';
    for (const change of batch.changes) text += `${this.change(change)}\n`;
    return text;
  }

  change(change: Change): string {
    this.#tableWidth = Math.max(this.#tableWidth, Math.min(32, change.table.length));
    this.#shardWidth = Math.max(this.#shardWidth, Math.min(16, change.shard.length));
    const time = change.commitTime === undefined ? ' '.repeat(8) : new Date(change.commitTime * 1000).toISOString().slice(11, 19);
    const head = `${time}  ${MARK[change.op]} ${change.table.padEnd(this.#tableWidth)}  ${change.shard.padEnd(this.#shardWidth)}  `;
    const { paint, width } = this.#options;
    const body = describeRow(change);
    const room = width === undefined ? Infinity : Math.max(20, width - head.length);
    const clipped = body.length > room ? `${body.slice(0, room - 1)}…` : body;
    return `${paint('faint', time)}  ${paint(COLOUR[change.op], head.slice(time.length + 2))}${clipped}`;
  }

  #note(text: string): string {
    return `${this.#options.paint('faint', `-- ${text}`)}\n`;
  }
}

function describeRow(change: Change): string {
  if (change.op === 'delete') return pairs(change.key ?? change.before);
  if (change.op !== 'update') return pairs(change.after);
  const { before, after, key } = change;
  const parts = key ? [pairs(key)] : [];
  for (const [name, value] of Object.entries(after)) {
    if (!Object.hasOwn(before, name)) {
      if (key === undefined || !Object.hasOwn(key, name)) parts.push(`${name}: ? → ${showValue(value)}`);
    } else if (!same(before[name], value)) parts.push(`${name}: ${showValue(before[name])} → ${showValue(value)}`);
  }
  return parts.join('  ');
}

function pairs(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .map(([name, value]) => `${name}=${showValue(value)}`)
    .join('  ');
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && toJson(a) === toJson(b));
}

/** One value, short and on one line. Text is quoted only where it would otherwise be misread. */
export function showValue(value: unknown): string {
  if (value === null) return 'NULL';
  if (value === undefined) return '(absent)';
  if (value instanceof Uint8Array) return showBytes(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value.toString();
  if (typeof value !== 'string') return clip(toJson(value));
  return clip(value === '' || /[\s=\p{Cc}]|^NULL$/u.test(value) ? JSON.stringify(value) : value);
}

function showBytes(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 16)).toString('hex');
  return bytes.length > 16 ? `0x${start}… (${bytes.length} bytes)` : `0x${start}`;
}

/** JSON leaves the upper control characters as they are, and terminals obey them. */
function clip(json: string): string {
  const text = json.replaceAll(/[\u007f-\u009f]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE - 1)}…` : text;
}

function describeSchema(change: SchemaChange): string {
  const where = `${change.keyspace}.${change.table} on ${change.shard}`;
  if (change.kind === 'truncate') return `${where} was emptied by TRUNCATE`;
  if (change.kind === 'rows-changed') return `${where} was dropped, renamed or rewritten by a schema change`;
  if (change.kind === 'ddl') return `${where}: schema change without effect on its rows`;
  const columns = change.to?.columns.map((column) => `${column.name} ${column.columnType || `type ${column.type}`}`) ?? [];
  return `${change.keyspace}.${change.table}${change.from ? ' has new columns' : ''} (${columns.join(', ')})`;
}

/** Undefined: nothing worth a line. */
function describeProgress({ type, keyspace, table, shard, rows }: Progress): string | undefined {
  const where = `${keyspace}.${table}${shard === undefined ? '' : ` on ${shard}`}`;
  if (type === 'table-start') return `copying ${where}`;
  if (type === 'table-end') return `copied ${where}${rows === undefined ? '' : `: ${counted(rows, 'row')}`}`;
  return type === 'copy-completed' ? 'copy completed; live from here' : undefined;
}
