/** What is known of a table at one moment, taken from FIELD events. Layer 2. */

/** A column as the server describes it. Numbers are the wire's own; see docs/types.md. */
export interface Column {
  readonly name: string;
  /** `query.Type` number. An unknown number is possible (G8). */
  readonly type: number;
  /** Full SQL type, for example `enum('a','b')` or `int unsigned`; may be empty (G103). */
  readonly columnType: string;
  /** MySQL collation id; 63 binary, 0 unknown to the tablet (B7). */
  readonly charset: number;
  /** Display length in the server's own counting (B49). */
  readonly length: number;
  readonly decimals: number;
  /** MySQL flag bits: 1 NOT NULL, 2 primary key, 32 unsigned, 64 zerofill, … */
  readonly flags: number;
  readonly nullable: boolean;
  /** Part of the primary key. */
  readonly key: boolean;
}

/** Names a table. */
export interface TableRef {
  readonly keyspace: string;
  /** Name without the keyspace. */
  readonly table: string;
}

/**
 * One version of a table's columns. The same object for all shards whose columns are equal; a change of any column makes a
 * new one with the next `version`. A batch never mixes two versions of a table.
 */
export interface TableVersion extends TableRef {
  /** 1 for the first seen by this process, then counting up per table. Not stable over restarts: compare `fingerprint`. */
  readonly version: number;
  readonly columns: readonly Column[];
  /** Names of the primary key columns in column order; empty when the table has none. */
  readonly key: readonly string[];
  /** Hash of names, types, character sets and key; equal columns give equal text in every process. */
  readonly fingerprint: string;
}
