/** Tells the log how a copy goes, which may take hours in which nothing else is said. Layer 3. */
import type { Clock } from '../internal/clock.js';
import { counted, grouped } from '../internal/figures.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import type { TableRef } from '../schema/table.js';
import type { StreamBatch } from './batch.js';
import type { Progress } from './change.js';

/** A line for each so long; a status line or `stats()` tell more often. */
const TOLD_EACH_MS = 60_000;

/** The end of a table is told when it took this long: of thousands of small ones it would only be noise. */
const LONG_MS = 10_000;

export interface CopyNewsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Recorder;
}

export class CopyNews {
  readonly #options: CopyNewsOptions;
  #table = '';
  #begun = 0;
  #told = 0;

  constructor(options: CopyNewsOptions) {
    this.#options = options;
  }

  /** With each batch that is handed out. */
  handed({ copy, progress, position }: StreamBatch): void {
    if (copy) this.#rows(copy, position);
    else if (progress?.type === 'table-end') this.#tableEnd(progress, position);
    else if (progress?.type === 'copy-completed') this.#completed(position);
  }

  #rows(table: TableRef, position: StreamBatch['position']): void {
    const { clock, logger, recorder } = this.#options;
    const name = nameOf(table);
    const now = clock.monotonic();
    if (name !== this.#table) {
      this.#table = name;
      this.#begun = now;
      this.#told = now;
    }
    if (now - this.#told < TOLD_EACH_MS) return;
    this.#told = now;
    const rows = position.plan.copiedRows(table.keyspace, table.table);
    const estimated = recorder.estimated(table.keyspace, table.table);
    const of = estimated === undefined ? '' : ` of about ${grouped(estimated)}`;
    let toGo = 0;
    for (const one of position.plan.tables()) if (!position.plan.isDone(one.keyspace, one.table)) toGo++;
    logger.info({ ...refOf(table), rows }, `copying ${name}: ${counted(rows, 'row')}${of}; tables to go: ${toGo}`);
  }

  /** On one of its shards. */
  #tableEnd({ keyspace = '', table = '' }: Progress, position: StreamBatch['position']): void {
    const name = nameOf({ keyspace, table });
    if (name !== this.#table || !position.plan.isDone(keyspace, table)) return;
    const { clock, logger } = this.#options;
    const ms = clock.monotonic() - this.#begun;
    this.#table = '';
    if (ms < LONG_MS) return;
    const rows = position.plan.copiedRows(keyspace, table);
    logger.info({ keyspace, table, rows, seconds: Math.round(ms / 1000) }, `copied ${name}: ${counted(rows, 'row')}`);
  }

  #completed({ plan }: StreamBatch['position']): void {
    let tables = 0;
    for (const { entry } of plan.tables()) if (!entry.removed) tables++;
    this.#options.logger.info({ tables }, `the copy is complete: ${counted(tables, 'table')}`);
  }
}

const nameOf = ({ keyspace, table }: TableRef): string => `${keyspace}.${table}`;
const refOf = ({ keyspace, table }: TableRef): TableRef => ({ keyspace, table });
