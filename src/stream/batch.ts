/** One batch, as handlers and sinks get it. Layer 3. */
import type { Position } from '../position/position.js';
import type { Batch, Change, Progress, SchemaChange, Transaction } from './change.js';
import type { ChangeRecord, TableContext } from './record.js';
import { parseTableName, patternSource } from './selection.js';
import type { GroupUnit } from './units.js';

export interface BatchContent {
  readonly kind: Batch['kind'];
  readonly position: Position;
  readonly changes?: readonly ChangeRecord[];
  readonly transactions?: readonly Transaction<ChangeRecord>[];
  readonly bytes?: number;
  readonly copy?: Batch['copy'];
  readonly schema?: SchemaChange;
  readonly progress?: Progress;
  /** Latest commit time and lag seen in it, for statistics. */
  readonly lagMs?: number | undefined;
}

/** Not a literal, which V8 may put among the old objects (schema/compile.ts), and all its rows with it. */
export class BatchTransaction implements Transaction<ChangeRecord> {
  readonly keyspace: string;
  readonly shard: string;
  readonly gtid: string | undefined;
  readonly commitTime: number | undefined;
  readonly changes: readonly ChangeRecord[];
  declare readonly part?: NonNullable<Transaction['part']>;

  constructor({ keyspace, shard, group }: GroupUnit, changes: readonly ChangeRecord[], part: Transaction['part']) {
    this.keyspace = keyspace;
    this.shard = shard;
    this.gtid = group.gtid;
    this.commitTime = group.commitTime;
    this.changes = changes;
    if (part) this.part = part;
  }
}

export class StreamBatch {
  readonly kind: Batch['kind'];
  readonly position: Position;
  readonly changes: readonly ChangeRecord[];
  readonly transactions: readonly Transaction<ChangeRecord>[];
  readonly bytes: number;
  readonly copy: Batch['copy'];
  readonly schema: SchemaChange | undefined;
  readonly progress: Progress | undefined;
  readonly lagMs: number | undefined;
  #byTable: Map<string, ChangeRecord[]> | undefined;

  constructor(content: BatchContent) {
    this.kind = content.kind;
    this.position = content.position;
    this.changes = content.changes ?? [];
    this.transactions = content.transactions ?? [];
    this.bytes = content.bytes ?? 0;
    this.copy = content.copy;
    this.schema = content.schema;
    this.progress = content.progress;
    this.lagMs = content.lagMs;
  }

  /** The same batch with another position, or fewer changes. */
  with(changes: Partial<Pick<BatchContent, 'position' | 'changes' | 'transactions'>>): StreamBatch {
    const { kind, position, bytes, copy, schema, progress, lagMs, transactions } = this;
    return new StreamBatch({
      kind,
      position,
      bytes,
      lagMs,
      transactions,
      changes: this.changes,
      ...(copy ? { copy } : {}),
      ...(schema ? { schema } : {}),
      ...(progress ? { progress } : {}),
      ...changes,
    });
  }

  of(table: string): readonly Change[] {
    this.#byTable ??= groupByTable(this.changes);
    let list = this.#byTable.get(table);
    if (!list) {
      const parsed = parseTableName(table);
      list = parsed ? this.changes.filter((change) => isOf(parsed, change)) : [];
      this.#byTable.set(table, list);
    }
    return list as unknown as readonly Change[];
  }
}

/** By table name without the keyspace. Rows of one table mostly come in runs, so the map is asked once per run. */
function groupByTable(changes: readonly ChangeRecord[]): Map<string, ChangeRecord[]> {
  const groups = new Map<string, ChangeRecord[]>();
  let context: TableContext | undefined;
  let list: ChangeRecord[] = [];
  for (const change of changes) {
    if (change.context !== context) {
      context = change.context;
      list = groups.get(context.table) ?? [];
      groups.set(context.table, list);
    }
    list.push(change);
  }
  return groups;
}

/** For names with a keyspace, and for patterns: what a record of definitions may have as its keys. */
function isOf({ keyspace, name, pattern }: NonNullable<ReturnType<typeof parseTableName>>, change: ChangeRecord): boolean {
  if (keyspace !== undefined && keyspace !== change.keyspace) return false;
  return pattern ? new RegExp(patternSource(name)).test(change.table) : name === change.table;
}

/** The typed face of a batch: what a record decodes to is what the table's definition says. */
export function asBatch(batch: StreamBatch): Batch {
  return batch as unknown as Batch;
}

/** Decodes every row now, so that an error in one comes from the stream and not from inside a handler. */
export function decodeAll(batch: StreamBatch): void {
  for (const change of batch.changes) {
    void change.after;
    void change.before;
  }
}
