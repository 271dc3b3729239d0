/**
 * One row change as it lies in its message: offsets until somebody asks for values. Layer 3.
 * Implements `Change` for handlers and `RowSource` for the decoder with a single object, because there is one per row.
 */
import { toJson } from '../internal/json.js';
import type { Cells } from '../schema/cells.js';
import type { Bitmap, Image, RowDecoder, RowSource } from '../schema/decoder.js';
import type { DecodeOptions } from '../schema/options.js';
import type { TableVersion } from '../schema/table.js';
import type { Key, Row } from '../schema/values.js';
import { countGtids, parseGtidSet } from '../position/gtid.js';
import type { Op, Phase, Sequence } from './change.js';
import { withPlace } from './row-failure.js';

export interface RowOrigin {
  /** The FIELD event's message, as latin1: a copy that keeps no message of rows alive. */
  readonly field: string;
  readonly rowImage: DecodeOptions['rowImage'];
}

/** What all rows of one table, shard and version share. */
export interface TableContext {
  readonly keyspace: string;
  readonly shard: string;
  readonly table: string;
  readonly decoder: RowDecoder;
  readonly version: TableVersion;
  readonly generation: number;
  /** What this was compiled from, to decode a row once more elsewhere; absent in hand-made ones. */
  readonly origin?: RowOrigin | undefined;
  /** The table's `where`, when it has one. */
  readonly filter?: ((source: RowSource, image: Image) => boolean) | undefined;
}

/** What all changes of one transaction, or of one group of copied rows, share. Filled when its terminal event arrives. */
export interface GroupContext {
  gtid: string | undefined;
  commitTime: number | undefined;
  phase: Phase;
  reshards: number;
  /** The shard's GTID set after the group; '' while unknown. */
  shardGtid: string;
  transactions: bigint | undefined;
}

/**
 * What a change has beyond one image: updates, deletes and partial images only, so that most records do without. Not a literal, which V8
 * may put among the old objects (schema/compile.ts), and its row with it.
 */
class More {
  readonly beforeStart: number;
  readonly beforeEnd: number;
  readonly dataColumns: Bitmap | undefined;
  readonly jsonPartial: Bitmap | undefined;
  before: Row | undefined = undefined;

  constructor(beforeStart: number, beforeEnd: number, dataColumns: Bitmap | undefined, jsonPartial: Bitmap | undefined) {
    this.beforeStart = beforeStart;
    this.beforeEnd = beforeEnd;
    this.dataColumns = dataColumns;
    this.jsonPartial = jsonPartial;
  }
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

export class ChangeRecord implements RowSource {
  /** Replaced when a copy turns out to have started again: its rows belong to a new generation. */
  context: TableContext;
  readonly group: GroupContext;
  readonly buffer: Buffer;
  readonly afterStart: number;
  readonly afterEnd: number;
  readonly ordinal: number;
  op: Op;
  readonly #more: More | undefined;
  #after: Row | undefined;

  constructor(
    context: TableContext,
    group: GroupContext,
    buffer: Buffer,
    beforeStart: number,
    beforeEnd: number,
    afterStart: number,
    afterEnd: number,
    dataColumns: Bitmap | undefined,
    jsonPartial: Bitmap | undefined,
    ordinal: number,
    op: Op,
  ) {
    this.context = context;
    this.group = group;
    this.buffer = buffer;
    this.afterStart = afterStart;
    this.afterEnd = afterEnd;
    this.ordinal = ordinal;
    this.op = op;
    this.#more =
      beforeStart < 0 && dataColumns === undefined && jsonPartial === undefined
        ? undefined
        : new More(beforeStart, beforeEnd, dataColumns, jsonPartial);
  }

  get beforeStart(): number {
    const more = this.#more;
    return more === undefined ? -1 : more.beforeStart;
  }

  get beforeEnd(): number {
    const more = this.#more;
    return more === undefined ? -1 : more.beforeEnd;
  }

  get dataColumns(): Bitmap | undefined {
    return this.#more?.dataColumns;
  }

  get jsonPartial(): Bitmap | undefined {
    return this.#more?.jsonPartial;
  }

  get copied(): boolean {
    return this.op === 'copy';
  }

  get table(): string {
    return this.context.table;
  }

  get keyspace(): string {
    return this.context.keyspace;
  }

  get shard(): string {
    return this.context.shard;
  }

  get schema(): TableVersion {
    return this.context.version;
  }

  get generation(): number {
    return this.context.generation;
  }

  get gtid(): string | undefined {
    return this.group.gtid;
  }

  get commitTime(): number | undefined {
    return this.group.commitTime;
  }

  get phase(): Phase {
    return this.group.phase;
  }

  get sequence(): Sequence {
    const group = this.group;
    group.transactions ??= countGtids(parseGtidSet(group.shardGtid) ?? new Map());
    return [group.reshards, group.transactions, this.ordinal];
  }

  get after(): Row | undefined {
    if (this.#after === undefined && this.op !== 'delete') this.#after = rowOf(this, 'after');
    return this.#after;
  }

  get before(): Row | undefined {
    const more = this.#more;
    if (more === undefined || (this.op !== 'update' && this.op !== 'delete')) return undefined;
    more.before ??= rowOf(this, 'before');
    return more.before;
  }

  get key(): Key | undefined {
    try {
      return this.context.decoder.key(this, this.op === 'delete' ? 'before' : 'after');
    } catch (error) {
      throw withPlace(error, this.group);
    }
  }

  get afterCells(): Cells | undefined {
    return this.op === 'delete' ? undefined : this.context.decoder.cells(this, 'after');
  }

  get beforeCells(): Cells | undefined {
    return this.op === 'update' || this.op === 'delete' ? this.context.decoder.cells(this, 'before') : undefined;
  }

  /** For `JSON.stringify`: what the JSONL sink writes, so 64-bit integers as text and bytes as base64, and where the change comes from. */
  toJSON(): Record<string, unknown> {
    return JSON.parse(toJson(shown(this))) as Record<string, unknown>;
  }

  /** For `console.log`: the same with the values as they are. */
  [INSPECT](): unknown {
    return shown(this);
  }
}

function shown({ op, keyspace, shard, table, before, after, gtid, commitTime, phase }: ChangeRecord): Record<string, unknown> {
  return {
    op,
    keyspace,
    shard,
    table,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    ...(gtid === undefined ? {} : { gtid }),
    ...(commitTime === undefined ? {} : { commitTime }),
    phase,
  };
}

// A function: a private method would cost every record a field more.
function rowOf(record: ChangeRecord, image: Image): Row {
  try {
    return record.context.decoder.row(record, image);
  } catch (error) {
    throw withPlace(error, record.group);
  }
}
