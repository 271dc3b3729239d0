/** The state table: one row per stream. Layer 2. Times are the database's own, in UTC, so that no DST change moves a lease. */
import type { QueryResult } from '../wire/gen/query_pb.js';
import { rowsOf } from './result.js';
import { keyspaceTarget, quoted } from './target.js';
import type { Statement } from './statement.js';

/** Where the rows live; `keyspace` is unsharded. */
export interface StateTable {
  readonly keyspace: string;
  readonly table: string;
}

export interface StateRow {
  readonly name: string;
  readonly part: string;
  readonly format: bigint;
  readonly incarnation: string;
  readonly owner: string | undefined;
  readonly epoch: bigint;
  readonly beat: bigint;
  /** Microseconds; undefined without a lease. */
  readonly leaseRemaining: bigint | undefined;
  readonly position: string | undefined;
  readonly config: string | undefined;
  readonly lastError: string | undefined;
  readonly request: string | undefined;
  readonly createdAt: string | undefined;
  readonly updatedAt: string | undefined;
}

export interface Fence {
  readonly name: string;
  readonly part: string;
  readonly owner: string;
  readonly epoch: bigint;
}

const COLUMNS =
  'name, part, format, incarnation, owner, epoch, beat, timestampdiff(microsecond, utc_timestamp(6), lease_until), ' +
  'position, config, last_error, request, created_at, updated_at';

const FENCE = 'where name = :name and part = :part and epoch = :epoch and owner = :owner';
const LEASE = 'lease_until = utc_timestamp(6) + interval :lease microsecond, updated_at = utc_timestamp(6)';
const FREE = '(owner is null or lease_until is null or lease_until <= utc_timestamp(6))';

const affected = (result: QueryResult): bigint => result.rowsAffected;
const at = ({ keyspace }: StateTable): string => keyspaceTarget(keyspace);

/**
 * One line, so that it can be shown to an operator without the right to create it. Names compare by byte. New columns of later
 * releases are added with a default, and no statement here names all columns of an update: what is unknown is kept.
 */
export function createStateTable(table: StateTable): Statement<void> {
  return {
    target: at(table),
    text:
      `create table if not exists ${quoted(table.table)} (` +
      'name varchar(255) character set utf8mb4 collate utf8mb4_bin not null, ' +
      'part varchar(255) character set utf8mb4 collate utf8mb4_bin not null, ' +
      'format int not null, ' +
      'incarnation varchar(64) character set utf8mb4 collate utf8mb4_bin not null, ' +
      'owner varchar(512) character set utf8mb4 collate utf8mb4_bin, ' +
      'epoch bigint not null, ' +
      'beat bigint not null, ' +
      'lease_until datetime(6), ' +
      'position longtext character set utf8mb4 collate utf8mb4_bin, ' +
      'config varchar(255) character set utf8mb4 collate utf8mb4_bin, ' +
      'last_error longtext character set utf8mb4 collate utf8mb4_bin, ' +
      'request_id varchar(255) character set utf8mb4 collate utf8mb4_bin, ' +
      'request longtext character set utf8mb4 collate utf8mb4_bin, ' +
      'created_at datetime(6) not null, ' +
      'updated_at datetime(6) not null, ' +
      'primary key (name, part))',
    read: () => undefined,
  };
}

export function selectState(table: StateTable, name: string, part: string): Statement<StateRow | undefined> {
  return {
    target: at(table),
    text: `select ${COLUMNS} from ${quoted(table.table)} where name = :name and part = :part`,
    binds: { name, part },
    read: (result) => readRows(result)[0],
  };
}

export interface StateHolder {
  readonly owner: string | undefined;
  readonly epoch: bigint;
  readonly request: string | undefined;
}

/** Who holds the row and what an operator wants: without the position, which can be large. */
export function selectStateHolder(table: StateTable, name: string, part: string): Statement<StateHolder | undefined> {
  return {
    target: at(table),
    text: `select owner, epoch, request from ${quoted(table.table)} where name = :name and part = :part`,
    binds: { name, part },
    read: (result) => {
      const row = rowsOf(result)[0];
      return row && { owner: row.textOrNull(0), epoch: row.bigint(1), request: row.textOrNull(2) };
    },
  };
}

export function selectStates(table: StateTable): Statement<readonly StateRow[]> {
  return { target: at(table), text: `select ${COLUMNS} from ${quoted(table.table)} order by name, part`, read: readRows };
}

/** Touches no row (no stream has an empty name): fails when the right to write is missing. */
export function probeStateWrite(table: StateTable): Statement<bigint> {
  return { target: at(table), text: `update ${quoted(table.table)} set beat = beat + 1 where name = ''`, read: affected };
}

/** Without effect when the row is there. */
export function insertState(table: StateTable, name: string, part: string, format: number, incarnation: string): Statement<bigint> {
  return {
    target: at(table),
    text:
      `insert ignore into ${quoted(table.table)} (name, part, format, incarnation, epoch, beat, created_at, updated_at) ` +
      'values (:name, :part, :format, :incarnation, 0, 0, utc_timestamp(6), utc_timestamp(6))',
    binds: { name, part, format, incarnation },
    read: affected,
  };
}

/** 1 when the lease was free or already this owner's. */
export function claimState(table: StateTable, name: string, part: string, owner: string, leaseMicros: bigint): Statement<bigint> {
  return {
    target: at(table),
    text:
      `update ${quoted(table.table)} set owner = :owner, epoch = epoch + 1, beat = beat + 1, ${LEASE} ` +
      `where name = :name and part = :part and (owner = :owner or ${FREE})`,
    binds: { name, part, owner, lease: leaseMicros },
    read: affected,
  };
}

export interface StateWrite {
  /** Undefined = unchanged. */
  readonly position?: string | undefined;
  readonly config?: string | undefined;
  /** Null = cleared. */
  readonly lastError?: string | null | undefined;
  /** The list, with the id of its last one: written only while that is the last one, never over a newer list. */
  readonly requests?: { readonly lastId: string; readonly json: string } | undefined;
}

/** 1 when the fence held: `beat` changes every time, so that "nothing changed" cannot be 0. One text for every kind of write. */
export function writeState(table: StateTable, fence: Fence, write: StateWrite, leaseMicros: bigint): Statement<bigint> {
  return {
    target: at(table),
    text:
      `update ${quoted(table.table)} set beat = beat + 1, ${LEASE}, ` +
      'position = coalesce(:position, position), config = coalesce(:config, config), ' +
      'last_error = if(:set_last_error = 1, :last_error, last_error), ' +
      'request = if(:set_request = 1 and request_id = :request_id, :request, request) ' +
      FENCE,
    binds: {
      ...fenceBinds(fence),
      lease: leaseMicros,
      position: write.position ?? null,
      config: write.config ?? null,
      set_last_error: write.lastError === undefined ? 0 : 1,
      last_error: write.lastError ?? null,
      set_request: write.requests === undefined ? 0 : 1,
      request: write.requests?.json ?? null,
      request_id: write.requests?.lastId ?? null,
    },
    read: affected,
  };
}

export function releaseState(table: StateTable, fence: Fence): Statement<bigint> {
  return {
    target: at(table),
    text: `update ${quoted(table.table)} set beat = beat + 1, owner = null, lease_until = null, updated_at = utc_timestamp(6) ` + FENCE,
    binds: fenceBinds(fence),
    read: affected,
  };
}

/** The list of requests with one more at its end, of this id. Outside any lease; 0 when something was written since it was read. */
export function requestState(
  table: StateTable,
  { name, part, beat }: Pick<StateRow, 'name' | 'part' | 'beat'>,
  id: string,
  json: string,
): Statement<bigint> {
  return {
    target: at(table),
    text:
      `update ${quoted(table.table)} set beat = beat + 1, request_id = :request_id, request = :request, ` +
      'updated_at = utc_timestamp(6) where name = :name and part = :part and beat = :beat',
    binds: { name, part, beat, request_id: id, request: json },
    read: affected,
  };
}

/** A new life of the stream, at a position or at none. 0 when somebody holds the lease. The epoch shuts out a late writer. */
export function resetState(
  table: StateTable,
  name: string,
  part: string,
  format: number,
  incarnation: string,
  position: string | undefined,
): Statement<bigint> {
  return {
    target: at(table),
    text:
      `update ${quoted(table.table)} set beat = beat + 1, epoch = epoch + 1, owner = null, lease_until = null, format = :format, ` +
      'incarnation = :incarnation, position = :position, config = null, last_error = null, request_id = null, request = null, ' +
      `updated_at = utc_timestamp(6) where name = :name and part = :part and ${FREE}`,
    binds: { name, part, format, incarnation, position: position ?? null },
    read: affected,
  };
}

function fenceBinds({ name, part, epoch, owner }: Fence): Record<string, string | bigint> {
  return { name, part, epoch, owner };
}

function readRows(result: QueryResult): readonly StateRow[] {
  return rowsOf(result).map((row) => ({
    name: row.text(0),
    part: row.text(1),
    format: row.bigint(2),
    incarnation: row.text(3),
    owner: row.textOrNull(4),
    epoch: row.bigint(5),
    beat: row.bigint(6),
    leaseRemaining: row.bigintOrNull(7),
    position: row.textOrNull(8),
    config: row.textOrNull(9),
    lastError: row.textOrNull(10),
    request: row.textOrNull(11),
    createdAt: row.textOrNull(12),
    updatedAt: row.textOrNull(13),
  }));
}
