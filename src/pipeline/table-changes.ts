/** Tables that are added, removed or copied again while the stream runs, asked for by name. Layer 4. */
import type { PlanChange } from '../copy/changes.js';
import { VStreamError } from '../errors.js';
import { someOf } from '../internal/suggest.js';
import type { Logger } from '../observe/logger.js';
import type { RangeWish } from '../position/range-copy.js';
import type { TableRef } from '../schema/table.js';
import { checkWhere } from '../schema/where.js';
import type { Engine } from '../stream/engine.js';
import { parseTableName } from '../stream/selection.js';
import type { Sink } from './sink.js';
import { rangesNeeded, sweepNeeded, sweepsRanges } from './sweep-needed.js';

interface Parts {
  readonly engine: Pick<Engine, 'catalog' | 'position'>;
  readonly sink: Sink;
  /** Of a name without one. */
  readonly keyspace: string | undefined;
  readonly logger: Logger;
  lookUp(table: TableRef): Promise<TableRef>;
  rangeWish(table: TableRef, where: string): Promise<RangeWish>;
}

export class TableChanges {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What the engine is to do, or an error that says why it cannot be. `where`: only this range, of `recopy`. */
  async plan(kind: PlanChange['kind'], name: string, where?: string): Promise<PlanChange> {
    const { engine, sink, logger } = this.#parts;
    const ref = this.#named(name);
    const { keyspace, table } = ref;
    const known = engine.catalog.get(ref);
    if (!known && kind !== 'add') {
      throw new VStreamError('TABLE_NOT_FOUND', `${keyspace}.${table} is not a table of this stream`, {
        ...ref,
        next: `Its tables are ${someOf(engine.catalog.tables.map((one) => one.table))}.`,
      });
    }
    const { plan, shards } = engine.position;
    if (!shards.some((one) => one.keyspace === keyspace)) {
      throw new VStreamError('CONFIG_INVALID', `the stream reads no shard of keyspace ${keyspace}`, {
        ...ref,
        next: 'Add the table to `tables` and start the stream again.',
      });
    }
    // Decided again in its turn, behind what was asked for before.
    const isThere = kind === 'add' && known !== undefined && plan.table(keyspace, table)?.removed !== true;
    if (isThere) logger.info({ ...ref }, `${keyspace}.${table} is a table of this stream already: nothing to add`);
    // Also one that left: the sink may hold its rows.
    if (kind !== 'remove' && !isThere && !sink.capabilities.sweep && (known || plan.table(keyspace, table)))
      throw sweepNeeded(ref, 'copying a table again');
    if (kind === 'recopy' && where !== undefined) {
      checkWhere(where, ref);
      if (!sweepsRanges(sink)) throw rangesNeeded(ref);
      const range = await this.#parts.rangeWish(ref, where);
      logger.info({ ...ref, where }, `a range of ${keyspace}.${table} is copied again`);
      return { kind, table: ref, range };
    }
    if (kind === 'recopy') logger.info({ ...ref }, `${keyspace}.${table} is copied again`);
    // Looked up first: a table that is not there would stop the stream, and one without a key is copied by other rules.
    return { kind, table: kind === 'add' && !known ? await this.#parts.lookUp(ref) : ref };
  }

  #named(name: string): TableRef {
    const parsed = parseTableName(name);
    const keyspace = parsed?.keyspace ?? this.#parts.keyspace;
    if (parsed && !parsed.pattern && keyspace) return { keyspace, table: parsed.name };
    throw new VStreamError('CONFIG_INVALID', `${JSON.stringify(name)} does not name a table`, {
      next: 'Give `table` or `keyspace.table`.',
    });
  }
}
