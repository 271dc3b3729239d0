/** Table versions from FIELD events. Layer 2. */
import { createHash } from 'node:crypto';
import { VStreamError } from '../errors.js';
import type { FieldEvent } from '../wire/gen/binlogdata_pb.js';
import { COLUMN_FLAG } from './mysql-type.js';
import type { Column, TableRef, TableVersion } from './table.js';

/**
 * The columns a FIELD event describes, as version number `version`. Throws `SCHEMA_MISMATCH` for the `@1` names a tablet makes up
 * when the event does not fit its schema (B46) and for two columns of one name.
 */
export function tableVersion(field: Pick<FieldEvent, 'fields'>, ref: TableRef, version: number): TableVersion {
  const columns = field.fields.map(
    (one): Column => ({
      name: one.name,
      type: one.type,
      columnType: one.columnType,
      charset: one.charset,
      length: one.columnLength,
      decimals: one.decimals,
      flags: one.flags,
      nullable: (one.flags & COLUMN_FLAG.NOT_NULL) === 0,
      key: (one.flags & COLUMN_FLAG.PRIMARY_KEY) !== 0,
    }),
  );
  checkNames(columns, ref);
  return {
    keyspace: ref.keyspace,
    table: ref.table,
    version,
    columns,
    key: columns.filter((column) => column.key).map((column) => column.name),
    fingerprint: fingerprint(columns),
  };
}

function checkNames(columns: readonly Column[], ref: TableRef): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (/^@\d+$/.test(name)) {
      throw new VStreamError(
        'SCHEMA_MISMATCH',
        `the tablet could not match a row of ${ref.keyspace}.${ref.table} to its columns (${name})`,
        {
          ...ref,
          column: name,
          next: 'The table changed while no stream was tracking it: copy it again, and consider --track-schema-versions on the tablets.',
        },
      );
    }
    if (seen.has(name)) {
      throw new VStreamError('SCHEMA_MISMATCH', `two columns of ${ref.keyspace}.${ref.table} have the name ${name}`, {
        ...ref,
        column: name,
        next: 'Give each column of the rule its own name with AS.',
      });
    }
    seen.add(name);
  }
}

/** Display lengths, and flags beyond key and nullability, are left out: they differ between servers for equal columns (B49). */
function fingerprint(columns: readonly Column[]): string {
  const facts = columns.map((column) => [
    column.name,
    column.type,
    column.columnType,
    column.charset,
    column.decimals,
    column.nullable,
    column.key,
  ]);
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 22);
}

/** One object per distinct set of columns of a table, shared by all shards; versions count up from 1 in the order seen. */
export class VersionRegistry {
  readonly #tables = new Map<string, Map<string, TableVersion>>();
  readonly #latest = new Map<string, TableVersion>();

  /** The version a FIELD event described last, on any shard. */
  latest(ref: TableRef): TableVersion | undefined {
    return this.#latest.get(idOf(ref));
  }

  /** The version a FIELD event describes: the same object for equal columns. Throws as `tableVersion` does. */
  intern(field: Pick<FieldEvent, 'fields'>, ref: TableRef): TableVersion {
    const id = idOf(ref);
    let versions = this.#tables.get(id);
    if (!versions) {
      versions = new Map();
      this.#tables.set(id, versions);
    }
    const candidate = tableVersion(field, ref, versions.size + 1);
    const version = versions.get(candidate.fingerprint) ?? candidate;
    versions.set(version.fingerprint, version);
    this.#latest.set(id, version);
    return version;
  }
}

const idOf = ({ keyspace, table }: TableRef): string => JSON.stringify([keyspace, table]);
