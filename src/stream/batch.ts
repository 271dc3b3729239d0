/** One batch, as handlers and sinks get it. Layer 3. */
import type { Position } from '../position/position.js';
import type { Batch, Change, Progress, SchemaChange, Transaction } from './change.js';
import type { ChangeRecord } from './record.js';

export interface BatchContent {
  readonly kind: Batch['kind'];
  readonly position: Position;
  readonly changes?: ChangeRecord[];
  readonly transactions?: readonly Transaction<ChangeRecord>[];
  readonly bytes?: number;
  readonly copy?: Batch['copy'];
  readonly schema?: SchemaChange;
  readonly progress?: Progress;
  /** Latest commit time and lag seen in it, for statistics. */
  readonly lagMs?: number | undefined;
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

  of(table: string): readonly Change[] {
    if (!this.#byTable) {
      this.#byTable = new Map();
      for (const change of this.changes) {
        for (const name of [change.table, `${change.keyspace}.${change.table}`]) {
          const list = this.#byTable.get(name);
          if (list) list.push(change);
          else this.#byTable.set(name, [change]);
        }
      }
    }
    return (this.#byTable.get(table) ?? []) as unknown as readonly Change[];
  }
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
