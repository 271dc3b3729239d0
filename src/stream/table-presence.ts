/** Tables that tablets do not know yet, or that a statement took away: how long to wait for them. Layer 3. */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { TableRef } from '../schema/table.js';
import { type Executor, runStatement } from '../sql/statement.js';
import { selectTables } from '../sql/tables.js';
import { TabletType } from '../wire/gen/topodata_pb.js';

/** How long tablets may take to learn of a table. */
const STALE_SCHEMA_MS = 60_000;

/** How long a dropped table may take to come back. */
const GONE_MS = 20_000;

export interface TablePresenceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly executor: Executor;
  readonly tabletType: TabletType;
  /** The user named the tablet type: it stays. */
  readonly tabletTypeGiven: boolean;
}

export class TablePresence {
  readonly #options: TablePresenceOptions;
  readonly #perhapsGone = new Map<string, string>();
  #goneSince: number | undefined;
  #staleSince: number | undefined;
  /** What is streamed from now: the primary, once replicas proved not to know a table. */
  tabletType: TabletType;

  constructor(options: TablePresenceOptions) {
    this.#options = options;
    this.tabletType = options.tabletType;
  }

  /** A DROP or RENAME named the table: it is looked up before it is copied again. */
  mayBeGone({ keyspace, table }: TableRef, reason: string): void {
    this.#perhapsGone.set(`${keyspace}.${table}`, reason);
  }

  /** After DROP or RENAME another table may stand under the name, to be copied; if none does, the stream stops here. */
  async check(table: TableRef, signal: AbortSignal): Promise<void> {
    const name = `${table.keyspace}.${table.table}`;
    const reason = this.#perhapsGone.get(name);
    if (reason === undefined) return;
    const { executor, clock } = this.#options;
    const names = await runStatement(executor, selectTables(table.keyspace), { signal });
    if (!names.includes(table.table)) {
      this.#goneSince ??= clock.monotonic();
      throw new VStreamError('SCHEMA_CHANGE', `${name} is gone: ${reason}`, {
        ...table,
        // It may be on its way back: a table is often dropped to be created anew.
        category: clock.monotonic() - this.#goneSince < GONE_MS ? 'retry' : 'fatal',
        next: "Take it out of `tables` (its rows stay at the sink), or create it again; `onDdl: 'ignore'` keeps a stream going without it.",
      });
    }
    this.#perhapsGone.delete(name);
    this.#goneSince = undefined;
  }

  /**
   * Every table was found by SQL before the first RPC. A tablet that does not know one reads its schema later than MySQL has it (a
   * table made a moment ago, a DDL under way), so this one mistake of a name is given time.
   */
  mayBeStale(error: VStreamError): boolean {
    if (!namesWhatIsMissing(error)) return false;
    const { clock, logger, tabletTypeGiven } = this.#options;
    const { keyspace, table } = error;
    const now = clock.monotonic();
    if (this.#staleSince === undefined) {
      this.#staleSince = now;
      const what = error.code === 'TABLE_NOT_FOUND' ? `table ${table ?? ''}`.trim() : 'the columns of a table';
      logger.info(
        { keyspace, table },
        `a tablet does not know ${what} yet, made or changed a moment ago: asking for ${STALE_SCHEMA_MS / 1000} s at most`,
      );
    } else if (this.tabletType !== TabletType.PRIMARY && !tabletTypeGiven) {
      // A replica reads its schema every half an hour, unless a stream on it sees the DDL or somebody reloads it; the primary at once.
      logger.warn(
        { keyspace, table },
        'the replicas do not know the table yet (`vtctldclient ReloadSchemaKeyspace` tells them): streaming from the primary',
      );
      this.tabletType = TabletType.PRIMARY;
    }
    return now - this.#staleSince < STALE_SCHEMA_MS;
  }

  /** The name is right: it was found at the start. */
  explained(error: VStreamError): VStreamError {
    if (!namesWhatIsMissing(error)) return error;
    const { code, category, keyspace, shard, table, message } = error;
    return new VStreamError(code, `${message} (for ${STALE_SCHEMA_MS / 1000} s, though MySQL had it at the start)`, {
      category,
      keyspace,
      shard,
      table,
      cause: error,
      next: `Let the tablets read their schema: \`vtctldclient ReloadSchemaKeyspace ${keyspace ?? 'KEYSPACE'}\`. If it was dropped meanwhile, take it out of \`tables\`.`,
    });
  }

  /** The stream moved: whatever was missing is there. */
  moved(): void {
    this.#staleSince = undefined;
  }
}

function namesWhatIsMissing({ code }: VStreamError): boolean {
  return code === 'TABLE_NOT_FOUND' || code === 'COLUMN_NOT_FOUND';
}
