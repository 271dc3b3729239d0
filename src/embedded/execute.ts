/**
 * `Execute`: the statements of the client, answered from the engine's state. Topology, GTID and schema statements are matched
 * by their text; statements on rows run through sql-rows.ts. Any other text is answered with a syntax error inside the
 * response and kept in `unexpected`, so that a test can fail on it.
 */
import { create } from '@bufbuild/protobuf';
import { Type, type BindVariable, type QueryResult } from '../wire/gen/query_pb.js';
import { ExecuteResponseSchema, type ExecuteRequest, type ExecuteResponse } from '../wire/gen/vtgate_pb.js';
import type { Code } from '../wire/gen/vtrpc_pb.js';
import { parseDdl } from './ddl.js';
import type { Engine, Keyspace, Shard } from './engine.js';
import type { Faults } from './faults.js';
import type { GtidSet } from './gtid.js';
import { runRows, type SqlAnswer } from './sql-rows.js';
import { formatMicros, SqlError, type SqlValue } from './sql-values.js';
import { tabletAnswer } from './tablet-sql.js';

export interface UnexpectedStatement {
  readonly target: string;
  readonly text: string;
  readonly message: string;
}

interface Call {
  readonly keyspace: string;
  readonly shard: string | undefined;
  readonly binds: ReadonlyMap<string, SqlValue>;
}

type Table = readonly (readonly (string | number | bigint | null)[])[];

export class Executor {
  readonly unexpected: UnexpectedStatement[] = [];
  #engine: Engine;
  #faults: Faults;
  #lastNow = 0n;

  constructor(engine: Engine, faults: Faults) {
    this.#engine = engine;
    this.#faults = faults;
  }

  execute(request: ExecuteRequest): ExecuteResponse {
    const target = request.session?.targetString ?? '';
    const text = (request.query?.sql ?? '').trim().replace(/\s+/g, ' ').replace(/;$/, '');
    const session = request.session ? { session: request.session } : {};
    try {
      const result = this.#answer(text, target, request.query?.bindVariables ?? {});
      return create(ExecuteResponseSchema, { ...session, result });
    } catch (error) {
      const code = error instanceof SqlError ? error.code : 2;
      const message = error instanceof Error ? error.message : String(error);
      return create(ExecuteResponseSchema, { ...session, error: { code: code as Code, message } });
    }
  }

  #answer(text: string, target: string, variables: Readonly<Record<string, BindVariable>>): QueryResult {
    const call = this.#callOf(target, variables);
    const known = this.#cluster(text) ?? this.#keyspace(text, call) ?? this.#tablet(text, call) ?? this.#server(text, call);
    if (known) return known;
    if (/^(create|drop|truncate|alter|rename) /i.test(text)) return this.#ddl(text, target, call);
    try {
      const answer = runRows(text, {
        engine: this.#engine,
        keyspace: call.keyspace,
        shard: call.shard,
        binds: call.binds,
        now: this.#now(),
      });
      if (answer) return resultOf(answer);
      throw new SqlError(`syntax error at position 1 near '${text.split(' ')[0]}'`);
    } catch (error) {
      if (error instanceof SqlError && error.code === 3) this.unexpected.push({ target, text, message: error.message });
      throw error;
    }
  }

  #callOf(target: string, variables: Readonly<Record<string, BindVariable>>): Call {
    const [place = ''] = target.split('@');
    const [keyspace = '', shard] = place.split(/[/:]/);
    if (keyspace !== '') {
      const found = this.#engine.keyspaces.get(keyspace);
      if (!found) throw new SqlError(`VT05003: unknown database '${keyspace}' in vschema`, 5);
      if (shard !== undefined && !found.shards.has(shard))
        throw new SqlError(`node doesn't exist: keyspaces/${keyspace}/shards/${shard}/Shard`, 5);
    }
    return { keyspace, shard, binds: new Map(Object.entries(variables).map(([name, variable]) => [name, bindValue(variable)])) };
  }

  /** The engine's clock in microseconds, never twice the same: two writes are never at one instant. */
  #now(): string {
    const micros = BigInt(Math.floor(this.#engine.clock.now() * 1000));
    this.#lastNow = micros > this.#lastNow ? micros : this.#lastNow + 1n;
    return formatMicros(this.#lastNow);
  }

  #cluster(text: string): QueryResult | undefined {
    const keyspaces = [...this.#engine.keyspaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const shards = keyspaces.flatMap((keyspace) => [...keyspace.shards.values()]);
    switch (text.toLowerCase()) {
      case 'show keyspaces':
      case 'show databases':
      case 'show vitess_keyspaces':
        return table(
          ['Database'],
          keyspaces.map(({ name }) => [name]),
        );
      case 'show vitess_shards':
        return table(
          ['Shards'],
          shards.filter((shard) => shard.serving).map((shard) => [`${shard.keyspace}/${shard.name}`]),
        );
      case 'show vitess_tablets':
        return table(
          ['Cell', 'Keyspace', 'Shard', 'TabletType', 'State', 'Alias', 'Hostname', 'PrimaryTermStartTime'],
          shards.flatMap((shard) => this.#tablets(shard)),
        );
      case 'show vschema keyspaces':
        return table(
          ['Keyspace', 'Sharded', 'Foreign Key', 'Comment'],
          keyspaces.map((keyspace) => [keyspace.name, String(isSharded(keyspace)), 'unmanaged', '']),
        );
      default:
        return undefined;
    }
  }

  #tablets(shard: Shard): Table {
    const one = (kind: string, offset: number): (string | number)[] => [
      'zone1',
      shard.keyspace,
      shard.name,
      kind,
      shard.serving ? 'SERVING' : 'NOT_SERVING',
      `zone1-${String(shard.tabletUid + offset).padStart(10, '0')}`,
      'localhost',
      '2026-11-22T17:00:00Z',
    ];
    return [one('PRIMARY', 0), one('REPLICA', 1)];
  }

  #keyspace(text: string, call: Call): QueryResult | undefined {
    const lower = text.toLowerCase();
    if (lower === 'show global gtid_executed') {
      const keyspace = this.#engine.keyspace(call.keyspace);
      const shards = [...keyspace.shards.values()].filter(
        (shard) => shard.serving && (call.shard === undefined || shard.name === call.shard),
      );
      return table(
        ['db_name', 'gtid_executed', 'shard'],
        shards.map((shard) => [shard.keyspace, shard.server.executed.toString(), shard.name]),
      );
    }
    if (!lower.includes('information_schema.')) return undefined;
    const wanted = call.binds.get('keyspace');
    const name = lower.includes('database()') ? call.keyspace : typeof wanted === 'string' ? wanted : call.keyspace;
    const keyspace = this.#engine.keyspaces.get(name);
    const shard =
      keyspace && (call.shard === undefined ? [...keyspace.shards.values()].find((one) => one.serving) : keyspace.shards.get(call.shard));
    return schemaAnswer(lower, shard);
  }

  #tablet(text: string, { keyspace, shard }: Call): QueryResult | undefined {
    const answer = shard === undefined ? undefined : tabletAnswer(text, this.#engine.shard(keyspace, shard), this.#faults);
    return answer && table(answer.names, answer.rows);
  }

  /** Variables of the server behind a shard: statements past the routing. */
  #server(text: string, call: Call): QueryResult | undefined {
    if (call.shard === undefined || !/^select @@global\.\w+(, @@global\.\w+)*$/i.test(text)) return undefined;
    const { server } = this.#engine.shard(call.keyspace, call.shard);
    const items = text.slice('select '.length).split(', ');
    const cells = items.map((item) => variable(item.slice('@@global.'.length).toLowerCase(), this.#engine, server));
    return cells.every((cell) => cell !== undefined) ? table(items, [cells]) : undefined;
  }

  #ddl(text: string, target: string, call: Call): QueryResult {
    try {
      parseDdl(text);
    } catch (error) {
      const message = `syntax error: ${(error as Error).message}`;
      this.unexpected.push({ target, text, message });
      throw new SqlError(message);
    }
    if (call.keyspace === '')
      throw new SqlError('VT09005: no database selected: use keyspace<:shard><@type> or keyspace<[range]><@type> (<> are optional)', 9);
    this.#engine.ddl(call.keyspace, text, call.shard === undefined ? {} : { shard: call.shard });
    return table([], []);
  }
}

function isSharded(keyspace: Keyspace): boolean {
  return [...keyspace.shards.keys()].some((shard) => shard.includes('-') && shard !== '-');
}

function variable(name: string, engine: Engine, server: { executed: GtidSet; purged: GtidSet }): string | undefined {
  if (name === 'gtid_purged') return server.purged.toString();
  if (name === 'gtid_executed') return server.executed.toString();
  return engine.variables[name];
}

function schemaAnswer(text: string, shard: Shard | undefined): QueryResult | undefined {
  const tables = [...(shard?.tables ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  const select = /^select (.*?) from information_schema\.(\w+) /.exec(text);
  const rows = ((): Readonly<Record<string, string | number | null>>[] | undefined => {
    switch (select?.[2]) {
      case 'tables':
        return tables.map(([name, store]) => ({ table_name: name, table_rows: store.size, table_type: 'BASE TABLE' }));
      case 'columns':
        return tables.flatMap(([name, store]) =>
          store.version.columns.map((column, index) => ({
            table_name: name,
            column_name: column.name,
            column_type: column.columnType,
            is_nullable: column.nullable ? 'YES' : 'NO',
            data_type: column.base,
            column_key: column.key ? 'PRI' : '',
            character_set_name: column.collation === 'binary' ? null : (column.collation.split('_')[0] ?? null),
            collation_name: column.collation === 'binary' ? null : column.collation,
            extra: column.autoIncrement ? 'auto_increment' : '',
            column_comment: '',
            ordinal_position: index + 1,
            column_default: column.default === undefined ? null : String(column.default),
          })),
        );
      case 'key_column_usage':
        return tables.flatMap(([name, store]) =>
          store.version.key
            .filter((at) => store.version.columns[at]?.key)
            .map((at, index) => ({
              table_name: name,
              column_name: store.version.columns[at]?.name ?? '',
              ordinal_position: index + 1,
              constraint_name: 'PRIMARY',
            })),
        );
      case 'referential_constraints':
        return [];
      default:
        return undefined;
    }
  })();
  if (!select || !rows) return undefined;
  const names = (select[1] ?? '').split(',').map((name) => name.trim());
  if (rows[0] && names.some((name) => !(name in (rows[0] as object)))) return undefined;
  return table(
    names,
    rows.map((row) => names.map((name) => row[name] ?? null)),
  );
}

function bindValue({ type, value }: BindVariable): SqlValue {
  if (type === Type.NULL_TYPE) return null;
  const text = Buffer.from(value).toString('utf8');
  if (type === Type.INT64 || type === Type.UINT64 || type === Type.INT32) return BigInt(text);
  if (type === Type.FLOAT64) return Number(text);
  if (type === Type.VARBINARY || type === Type.BLOB || type === Type.BINARY) return Uint8Array.from(value);
  return text;
}

function resultOf(answer: SqlAnswer): QueryResult {
  const rows = answer.rows.map((row) => row.map((value) => (typeof value === 'boolean' ? Number(value) : value)));
  return tableOf(
    answer.columns.map(({ name }, index) => ({ name, type: typeOf(rows.find((row) => row[index] !== null)?.[index]) })),
    rows,
    answer.affected,
  );
}

function table(names: readonly string[], rows: Table): QueryResult {
  return tableOf(
    names.map((name, index) => ({ name, type: typeOf(rows[0]?.[index]) })),
    rows,
    0,
  );
}

function typeOf(value: unknown): Type {
  if (typeof value === 'bigint' || typeof value === 'number') return Type.INT64;
  return value instanceof Uint8Array ? Type.VARBINARY : Type.VARCHAR;
}

function tableOf(
  fields: readonly { name: string; type: Type }[],
  rows: readonly (readonly (string | number | bigint | Uint8Array | null)[])[],
  affected: number,
): QueryResult {
  const result = create(ExecuteResponseSchema, {
    result: {
      fields: fields.map(({ name, type }) => ({ name, type, charset: type === Type.VARCHAR ? 255 : 63 })),
      rowsAffected: BigInt(affected),
      rows: rows.map((row) => {
        const cells = row.map((cell) =>
          cell === null ? undefined : cell instanceof Uint8Array ? Buffer.from(cell) : Buffer.from(String(cell)),
        );
        return {
          lengths: cells.map((cell) => BigInt(cell?.length ?? -1)),
          values: Buffer.concat(cells.filter((cell) => cell !== undefined)),
        };
      }),
    },
  }).result;
  return result as QueryResult;
}
