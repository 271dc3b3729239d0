/** The decoder of one table on one shard: fast path compiled, slow path for images with holes, errors with names. Layer 2. */
import { VStreamError } from '../errors.js';
import type { FieldEvent } from '../wire/gen/binlogdata_pb.js';
import { ImageCells, type CellsContext } from './cell-view.js';
import type { Cells } from './cells.js';
import { columnReader, OverrideRefused, overrideNames, type ColumnReader } from './column-reader.js';
import { compileRow, type CompiledRow } from './compile.js';
import type { DecodeWarning, Image, RowDecoder, RowSource } from './decoder.js';
import { CellFailure } from './failure.js';
import { ImageRules, PartialImage, type ImageCellsData } from './image.js';
import { parseLabels } from './labels.js';
import type { DecodeOptions } from './options.js';
import { setProperty } from './row-loop.js';
import { validatingDecoder } from './standard-schema.js';
import { PartialJson, type Key, type Row } from './values.js';
import type { TableRef, TableVersion } from './table.js';

/** Coordinates of every error of a decoder. */
export interface ShardTable extends TableRef {
  readonly shard: string;
}

/**
 * Compiles the decoder of a FIELD event. `version` comes from `VersionRegistry.intern` of the same event. Throws
 * `CONFIG_INVALID` for an override that does not fit its column.
 */
export function compileDecoder(
  field: Pick<FieldEvent, 'enumSetStringValues'>,
  ref: ShardTable,
  options: DecodeOptions,
  version: TableVersion,
): RowDecoder {
  const code = sharedCode(version, options, field.enumSetStringValues, ref);
  const decoder = new CompiledDecoder(ref, options, version, code);
  return options.validation ? validatingDecoder(decoder, options.validation, ref.shard) : decoder;
}

/** What the decoders of a table version have in common on all shards and in all RPCs. */
interface SharedCode {
  readonly options: DecodeOptions;
  readonly labelStrings: boolean;
  readonly readers: readonly ColumnReader[];
  readonly row: CompiledRow;
  readonly key: CompiledRow | undefined;
}

/** A generated function is slow until it was optimised, some 10,000 rows later: a shard or an RPC must not start anew. */
const shared = new WeakMap<TableVersion, SharedCode[]>();

function sharedCode(version: TableVersion, options: DecodeOptions, labelStrings: boolean, ref: ShardTable): SharedCode {
  let codes = shared.get(version);
  if (!codes) shared.set(version, (codes = []));
  let code = codes.find((one) => one.options === options && one.labelStrings === labelStrings);
  if (!code) codes.push((code = compileShared(version, options, labelStrings, ref)));
  return code;
}

function compileShared(version: TableVersion, options: DecodeOptions, labelStrings: boolean, ref: ShardTable): SharedCode {
  const context = { options, labelStrings };
  const readers = version.columns.map((column): ColumnReader => {
    try {
      return columnReader(column, context);
    } catch (error) {
      if (!(error instanceof OverrideRefused)) throw error;
      throw new VStreamError(
        'CONFIG_INVALID',
        `'${error.message}' is no way to read ${ref.table}.${column.name} (${column.columnType || `type ${column.type}`})`,
        {
          ...ref,
          column: column.name,
          next: `Use one of ${overrideNames(column).join(', ')}, or a function.`,
        },
      );
    }
  });
  const layout = { lengths: new Int32Array(readers.length), starts: new Int32Array(readers.length) };
  const key = version.columns.flatMap((column, index) => (column.key ? [index] : []));
  return {
    options,
    labelStrings,
    readers,
    row: compileRow(readers, layout),
    key: key.length === 0 ? undefined : compileRow(readers, layout, key),
  };
}

class CompiledDecoder implements RowDecoder {
  readonly version: TableVersion;
  readonly warnings: readonly DecodeWarning[];
  readonly #ref: ShardTable;
  readonly #readers: readonly ColumnReader[];
  readonly #row: CompiledRow;
  readonly #key: CompiledRow | undefined;
  readonly #rules: ImageRules;
  readonly #context: CellsContext;

  constructor(ref: ShardTable, options: DecodeOptions, version: TableVersion, { readers, row, key }: SharedCode) {
    this.version = version;
    this.#ref = ref;
    this.#readers = readers;
    this.#row = row;
    this.#key = key;
    this.#rules = new ImageRules(readers, options);
    const scratch = { lengths: new Int32Array(readers.length), starts: new Int32Array(readers.length) };
    this.#context = { readers, explain: (error, column) => this.#explain(error, column), scratch, owner: undefined };
    this.warnings = warningsOf(readers, options);
  }

  row(source: RowSource, image: Image): Row {
    const after = image === 'after';
    const start = after ? source.afterStart : source.beforeStart;
    const end = after ? source.afterEnd : source.beforeEnd;
    if (this.#hasHoles(source, after)) return this.#rowOf(this.#image(source, after), source.copied);
    try {
      const { decode, plan } = this.#row;
      return decode(plan, source.buffer, start, end, source.copied);
    } catch (error) {
      throw this.#locate(error, source.buffer, start, end, source.copied);
    }
  }

  key(source: RowSource, image: Image): Key | undefined {
    const key = this.#key;
    if (key === undefined) return undefined;
    const start = image === 'after' ? source.afterStart : source.beforeStart;
    const end = image === 'after' ? source.afterEnd : source.beforeEnd;
    try {
      // Key columns are in every image of every row format this server sends.
      return key.decode(key.plan, source.buffer, start, end, source.copied);
    } catch (error) {
      throw this.#locate(error, source.buffer, start, end, source.copied);
    }
  }

  cells(source: RowSource, image: Image): Cells {
    const after = image === 'after';
    const start = after ? source.afterStart : source.beforeStart;
    const end = after ? source.afterEnd : source.beforeEnd;
    const data = this.#hasHoles(source, after) ? this.#image(source, after) : undefined;
    return new ImageCells(this.#context, source.buffer, start, end, source.copied, data);
  }

  #hasHoles(source: RowSource, after: boolean): boolean {
    return after ? source.dataColumns !== undefined || source.jsonPartial !== undefined : this.#rules.beforeHasHoles(source);
  }

  #image(source: RowSource, after: boolean): ImageCellsData {
    try {
      return after ? this.#rules.after(source) : this.#rules.before(source);
    } catch (error) {
      throw this.#explain(error, error instanceof PartialImage ? error.column : -1);
    }
  }

  #rowOf(image: ImageCellsData, copied: boolean): Row {
    const row: Row = {};
    for (let index = 0; index < this.#readers.length; index++) {
      const reader = this.#readers[index] as ColumnReader;
      const length = image.lengths[index] as number;
      const start = image.starts[index] as number;
      const expression = image.expressions?.get(index);
      if (expression !== undefined) setProperty(row, reader.column.name, new PartialJson(expression));
      else if (length === -1) setProperty(row, reader.column.name, null);
      else if (length >= 0) {
        try {
          setProperty(row, reader.column.name, reader.value(image.buffer, start, start + length, copied));
        } catch (error) {
          throw this.#explain(error, index);
        }
      }
    }
    return row;
  }

  /** The compiled code does not know where it failed: goes through the row again, column by column. */
  #locate(error: unknown, buffer: Buffer, start: number, end: number, copied: boolean): Error {
    const cells = new ImageCells(this.#context, buffer, start, end, copied);
    try {
      for (let index = 0; index < this.#readers.length; index++) cells.value(index);
    } catch (named) {
      return named as Error;
    }
    return this.#explain(error, -1);
  }

  #explain(error: unknown, column: number): Error {
    if (VStreamError.is(error) && error.code !== 'PROTOCOL') return error;
    const { keyspace, shard, table } = this.#ref;
    const name = this.#readers[column]?.column.name;
    const failure = error instanceof CellFailure ? error : undefined;
    const known = failure ?? (VStreamError.is(error) ? error : undefined);
    const reason = known?.message ?? 'the override function threw';
    const where = name === undefined ? `a row of ${keyspace}.${table}` : `column ${name} of ${keyspace}.${table}`;
    return new VStreamError(failure?.code ?? 'DECODE_FAILED', `cannot decode ${where} on shard ${shard}: ${reason}`, {
      keyspace,
      shard,
      table,
      column: name,
      next:
        failure?.next ??
        (known
          ? 'Report this with the Vitess version and the column definition.'
          : 'Repair the function, or return a value for this cell.'),
      cause: known ? undefined : error,
    });
  }
}

/** Said once per decoder: what the server's data cannot promise. */
function warningsOf(readers: readonly ColumnReader[], options: DecodeOptions): readonly DecodeWarning[] {
  const warnings: DecodeWarning[] = [];
  for (const { column, type } of readers) {
    if (type.kind === 'unknown')
      warnings.push({
        code: 'unknown-type',
        column: column.name,
        message: `${column.name} has the unknown type ${column.type} (${column.columnType}); its values are bytes`,
      });
    if (type.name === 'float')
      warnings.push({
        code: 'float-rounded',
        column: column.name,
        message: `${column.name} is FLOAT: the server rounds copied values to 6 digits (B20)`,
      });
    if (type.kind === 'text' && column.charset === 0 && !(options.columns && Object.hasOwn(options.columns, column.name))) {
      warnings.push({
        code: 'charset-unknown',
        column: column.name,
        message: `the tablet could not name the character set of ${column.name}: only ASCII can be read without charset:NAME (B7)`,
      });
    }
  }
  for (const { column, type } of readers) {
    // The server's list of labels is utf8mb3, whatever the column's own set.
    if ((type.kind === 'enum' || type.kind === 'set') && parseLabels(column.columnType).some((label) => label.includes('?')))
      warnings.push({
        code: 'label-unreadable',
        column: column.name,
        message: `a label of ${column.name} holds ?: where that stands for an emoji or the like, replicated values have ? as well`,
      });
  }
  if (readers.length > 0 && readers.every(({ column }) => column.nullable)) {
    warnings.push({
      code: 'all-nullable',
      column: undefined,
      message: 'every column can be NULL: changes of rows that are NULL throughout are not sent by the server (B53)',
    });
  }
  for (const name of Object.keys(options.columns ?? {})) {
    if (!readers.some(({ column }) => column.name === name))
      warnings.push({ code: 'override-unused', column: name, message: `the override for ${name} names no column of the table` });
  }
  return warnings;
}
