/** Tables of a keyspace as information_schema describes them. VTGate reads one of the shards. Layer 2. */
import { rowsOf } from './result.js';
import { keyspaceTarget, shardTarget } from './target.js';
import type { Statement } from './statement.js';

/** Base tables only: a copy with a broad pattern would take views as well (G71). Names as MySQL keeps them, sorted. */
export function selectTables(keyspace: string): Statement<readonly string[]> {
  return {
    target: keyspaceTarget(keyspace),
    text:
      'select table_name from information_schema.tables ' +
      "where table_schema = :keyspace and table_type = 'BASE TABLE' order by table_name",
    binds: { keyspace },
    read: (result) => rowsOf(result).map((row) => row.text(0)),
  };
}

export interface ColumnInfo {
  readonly table: string;
  readonly name: string;
  /** Full SQL type: `bigint unsigned`, `enum('a','b')`. */
  readonly type: string;
  readonly nullable: boolean;
  /** Undefined for types without one. */
  readonly charset: string | undefined;
  readonly collation: string | undefined;
  /** `auto_increment`, `STORED GENERATED`, …, or empty. */
  readonly extra: string;
  readonly comment: string;
  /** From 1. */
  readonly position: number;
}

/** All columns of all tables, in order of table and position. */
export function selectColumns(keyspace: string): Statement<readonly ColumnInfo[]> {
  return {
    target: keyspaceTarget(keyspace),
    text:
      'select table_name, column_name, column_type, is_nullable, character_set_name, collation_name, extra, column_comment, ' +
      'ordinal_position from information_schema.columns where table_schema = :keyspace order by table_name, ordinal_position',
    binds: { keyspace },
    read: (result) =>
      rowsOf(result).map((row) => ({
        table: row.text(0),
        name: row.text(1),
        type: row.text(2),
        nullable: row.text(3) === 'YES',
        charset: row.textOrNull(4),
        collation: row.textOrNull(5),
        extra: row.textOrNull(6) ?? '',
        comment: row.textOrNull(7) ?? '',
        position: Number(row.bigint(8)),
      })),
  };
}

export interface KeyColumn {
  readonly table: string;
  readonly column: string;
  /** From 1. */
  readonly position: number;
}

/** Columns of primary keys, in order of table and position. */
export function selectPrimaryKeys(keyspace: string): Statement<readonly KeyColumn[]> {
  return {
    target: keyspaceTarget(keyspace),
    text:
      'select table_name, column_name, ordinal_position from information_schema.key_column_usage ' +
      "where table_schema = :keyspace and constraint_name = 'PRIMARY' order by table_name, ordinal_position",
    binds: { keyspace },
    read: (result) => rowsOf(result).map((row) => ({ table: row.text(0), column: row.text(1), position: Number(row.bigint(2)) })),
  };
}

export interface ForeignKey {
  readonly name: string;
  readonly table: string;
  readonly referencedTable: string;
  /** `CASCADE`, `SET NULL`, `RESTRICT`, `NO ACTION`: the first two change rows without ROW events (G133). */
  readonly onDelete: string;
  readonly onUpdate: string;
}

export function selectForeignKeys(keyspace: string): Statement<readonly ForeignKey[]> {
  return {
    target: keyspaceTarget(keyspace),
    text:
      'select constraint_name, table_name, referenced_table_name, delete_rule, update_rule ' +
      'from information_schema.referential_constraints where constraint_schema = :keyspace order by table_name, constraint_name',
    binds: { keyspace },
    read: (result) =>
      rowsOf(result).map((row) => ({
        name: row.text(0),
        table: row.text(1),
        referencedTable: row.text(2),
        onDelete: row.text(3),
        onUpdate: row.text(4),
      })),
  };
}

export interface TableRows {
  readonly table: string;
  /** InnoDB's estimate; undefined when unknown. May be off by half. */
  readonly rows: bigint | undefined;
}

/** Estimated rows of each table on one shard, for progress. */
export function selectTableRows(keyspace: string, shard: string): Statement<readonly TableRows[]> {
  return {
    target: shardTarget(keyspace, shard),
    // Past the routing the schema has its MySQL name (`vt_<keyspace>`), so it is not spelled out.
    text:
      'select table_name, table_rows from information_schema.tables ' +
      "where table_schema = database() and table_type = 'BASE TABLE' order by table_name",
    read: (result) => rowsOf(result).map((row) => ({ table: row.text(0), rows: row.bigintOrNull(1) })),
  };
}
