/** Row validation by a Standard Schema: zod, valibot, arktype and their kin, without a dependency. Layer 2. */
import { VStreamError } from '../errors.js';
import type { Image, RowDecoder, RowSource } from './decoder.js';
import type { TableVersion } from './table.js';
import type { Row } from './values.js';

/** The part of the Standard Schema interface (version 1, standardschema.dev) used here; structural on purpose. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

export type InputOf<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer I }
    ? I
    : unknown
  : unknown;
export type OutputOf<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer O }
    ? O
    : unknown
  : unknown;

/**
 * `off`: types only. `first-row` (default): the first row of each table version is checked, rows are delivered as decoded.
 * `always`: every row is checked and replaced by the schema's output (transforms apply).
 */
export type ValidateMode = 'off' | 'first-row' | 'always';

export interface RowValidation {
  readonly schema: StandardSchema;
  readonly mode: ValidateMode;
}

export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as { readonly '~standard'?: { readonly validate?: unknown } })['~standard'];
  return typeof standard === 'object' && typeof standard.validate === 'function';
}

/**
 * Puts the validation behind a decoder. A row that does not fit throws `SCHEMA_MISMATCH` with the column; a schema that answers
 * with a promise is refused as `CONFIG_INVALID`: rows are decoded synchronously. Images with absent columns are not checked.
 */
export function validatingDecoder(decoder: RowDecoder, { schema, mode }: RowValidation, shard: string): RowDecoder {
  if (mode === 'off') return decoder;
  let checked = false;
  const { version } = decoder;
  return {
    version,
    warnings: decoder.warnings,
    key: (source, image) => decoder.key(source, image),
    cells: (source, image) => decoder.cells(source, image),
    row(source: RowSource, image: Image): Row {
      const row = decoder.row(source, image);
      if (mode === 'first-row' && checked) return row;
      if (Object.keys(row).length !== version.columns.length) return row;
      checked = true;
      const output = validated(schema, row, version, shard);
      return mode === 'always' ? output : row;
    },
  };
}

function validated(schema: StandardSchema, row: Row, version: TableVersion, shard: string): Row {
  const { keyspace, table } = version;
  const result = schema['~standard'].validate(row);
  if (result instanceof Promise || typeof (result as { then?: unknown }).then === 'function') {
    Promise.resolve(result).catch(() => undefined);
    throw new VStreamError('CONFIG_INVALID', `the schema of ${keyspace}.${table} validates asynchronously`, {
      keyspace,
      table,
      next: "Use a synchronous schema, or validate: 'off' and validate in the handler.",
    });
  }
  if (result.issues === undefined) return result.value as Row;
  const [issue] = result.issues;
  const first = issue?.path?.[0];
  const step = typeof first === 'object' && first !== null ? (first as { readonly key?: unknown }).key : first;
  const column = step === undefined ? undefined : String(step);
  const more = result.issues.length > 1 ? ` (and ${result.issues.length - 1} more)` : '';
  throw new VStreamError(
    'SCHEMA_MISMATCH',
    `a row of ${keyspace}.${table} does not fit its schema: ${column ?? 'row'}: ${issue?.message ?? 'invalid'}${more}`,
    {
      keyspace,
      shard,
      table,
      column,
      next: "Change the schema or the overrides of the table, or set validate to 'off'.",
    },
  );
}
