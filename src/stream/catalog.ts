/** The tables of a stream: which are wanted on which shard now, and how their rows are decoded. Layer 3. */
import type { PlanChange, Restart } from '../copy/changes.js';
import { CopyPlan } from '../position/plan.js';
import { checkDeclared, mismatchError } from '../schema/check-declared.js';
import { charsetOfCollation } from '../schema/collations.js';
import { decodeOptionsOf, type TableDefinition, type TableOptions } from '../schema/define.js';
import type { DecodeWarning } from '../schema/decoder.js';
import type { DecodeOptions } from '../schema/options.js';
import { columnTypeOf } from '../schema/mysql-type.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { VersionRegistry } from '../schema/versions.js';
import type { StreamedTable } from './request.js';
import { holdsNoDay, resumesAt } from './resumable.js';
import type { KnownColumn } from './retype.js';
import type { TableCatalog } from './tables.js';
import type { ValidatedStream } from './validated.js';

export interface SourceTable extends StreamedTable {
  readonly definition: TableOptions;
  /** false: its copy cannot be resumed inside, for want of a primary key or because of what the key holds (resumable.ts). */
  readonly resumable: boolean;
  /** The last key that lies before every row (start-key.ts); undefined without a primary key, and where that is not known. */
  readonly start?: string | undefined;
  /** All columns as they were when the table was looked up, by name in lower case; undefined for one that joined since. */
  readonly found?: ReadonlyMap<string, KnownColumn> | undefined;
}

/** `@@global.binlog_row_image`. */
export type RowImage = NonNullable<DecodeOptions['rowImage']>;

/** Of one table version: more would hide other lines of the log. */
const MOST_WARNINGS = 5;

const keyOf = ({ keyspace, table }: TableRef): string => `${keyspace}.${table}`;

export class StreamCatalog implements TableCatalog {
  readonly versions: VersionRegistry;
  readonly #stream: ValidatedStream;
  readonly #tables = new Map<string, SourceTable>();
  readonly #decodeOptions = new Map<string, DecodeOptions>();
  readonly #rowImages: ReadonlyMap<string, RowImage>;
  readonly #checked = new Set<TableVersion>();
  readonly #warned = new Set<TableVersion>();
  #plan: CopyPlan = CopyPlan.empty;
  #copying: TableRef | undefined;

  constructor(
    tables: readonly SourceTable[],
    stream: ValidatedStream,
    versions: VersionRegistry,
    rowImages: ReadonlyMap<string, RowImage> = new Map(),
  ) {
    this.#rowImages = rowImages;
    this.versions = versions;
    this.#stream = stream;
    for (const one of tables) this.#tables.set(keyOf(one), one);
  }

  get tables(): readonly SourceTable[] {
    return [...this.#tables.values()];
  }

  get(ref: TableRef): SourceTable | undefined {
    const table = this.#tables.get(keyOf(ref));
    // Of a table that joined while the stream runs, the key is known with its first row.
    const key = table?.resumable ? this.versions.latest(ref)?.columns.filter((column) => column.key) : undefined;
    return table && key?.some((column) => !resumesAt(columnTypeOf(column))) ? { ...table, resumable: false } : table;
  }

  /** Undefined where the copy goes on behind this key. */
  restartOf(ref: TableRef, lastPk: string): Restart | undefined {
    const table = this.get(ref);
    return table && (!table.resumable || holdsNoDay(lastPk)) ? { start: table.start } : undefined;
  }

  change(changes: readonly PlanChange[]): void {
    for (const { kind, table } of changes) {
      if (kind === 'add') this.add(table);
      else if (kind === 'remove') this.remove(table);
    }
  }

  /** A table that joins while the stream runs; what is not known of it is taken to be ordinary. */
  add(table: TableRef & Partial<SourceTable>): void {
    if (!this.#tables.has(keyOf(table))) this.#tables.set(keyOf(table), { definition: {}, resumable: true, ...table });
  }

  remove(ref: TableRef): void {
    this.#tables.delete(keyOf(ref));
  }

  setPlan(plan: CopyPlan, copying?: TableRef): void {
    this.#plan = plan;
    this.#copying = copying;
  }

  /** True when changes of the table on that shard are handed out: it is copied there, in part or whole, or to be copied now. */
  isActive(ref: TableRef, shard: string): boolean {
    if (!this.#tables.has(keyOf(ref))) return false;
    const state = this.#plan.shard(ref.keyspace, ref.table, shard);
    // A copy that waits for its next RPC still needs the changes of the rows it holds.
    if (!state || state.state !== 'pending' || this.#plan.rangeOn(ref.keyspace, ref.table, shard)) return true;
    return this.#copying?.keyspace === ref.keyspace && this.#copying.table === ref.table;
  }

  optionsFor(ref: TableRef, shard: string): DecodeOptions | undefined {
    if (!this.isActive(ref, shard)) return undefined;
    const rowImage = this.#rowImages.get(`${ref.keyspace}/${shard}`);
    const name = `${keyOf(ref)} ${rowImage ?? ''}`;
    let options = this.#decodeOptions.get(name);
    if (!options) {
      const { types, images, zeroDates, invalidText } = this.#stream;
      options = decodeOptionsOf(this.#definitionOf(ref), { types, images, zeroDates, invalidText, rowImage });
      this.#decodeOptions.set(name, options);
    }
    return options;
  }

  whereOf(ref: TableRef): string | undefined {
    return this.#definitionOf(ref).where;
  }

  checkVersion(version: TableVersion): void {
    if (this.#checked.has(version)) return;
    this.#checked.add(version);
    const definition = this.#definitionOf(version);
    const mismatches = checkDeclared(version, definition);
    const error = mismatchError(version, definition, mismatches);
    if (error) throw error;
    const { keyspace, table } = version;
    for (const { column, message } of mismatches)
      this.#stream.logger.warn({ keyspace, table, column }, `${keyspace}.${table}: ${column} ${message}`);
  }

  noteWarnings(version: TableVersion, warnings: readonly DecodeWarning[]): void {
    if (warnings.length === 0 || this.#warned.has(version)) return;
    this.#warned.add(version);
    const { keyspace, table } = version;
    const shown = warnings.slice(0, MOST_WARNINGS).map(({ message }) => message);
    const more = warnings.length > shown.length ? `; and ${warnings.length - shown.length} more` : '';
    this.#stream.logger.warn({ keyspace, table, version: version.version }, `${keyspace}.${table}: ${shown.join('; ')}${more}`);
  }

  #definitionOf(ref: TableRef): TableDefinition {
    return this.#tables.get(keyOf(ref))?.definition ?? {};
  }

  /** As its rows had it last, or as it was at the start; undefined where neither is known, and for a column that is not selected. */
  columnOf(ref: TableRef, name: string): KnownColumn | undefined {
    const column = name.toLowerCase();
    const isSelected = this.#definitionOf(ref).columns?.some((one) => one.toLowerCase() === column) ?? true;
    if (!isSelected) return undefined;
    const seen = this.versions.latest(ref)?.columns.find((one) => one.name.toLowerCase() === column);
    if (!seen?.columnType) return this.get(ref)?.found?.get(column);
    return { type: seen.columnType, charset: charsetOfCollation(seen.charset), certain: true };
  }

  generationOf(ref: TableRef, shard: string): number {
    return this.#plan.shard(ref.keyspace, ref.table, shard)?.generation ?? 1;
  }
}
