/** The two servers a scenario runs on. Writes reach shards directly, so that a scenario decides where a row lies. */
import { type EmbeddedVtgate, type Write, writeToSql } from '../../src/embedded/index.js';
import type { Session } from '../../src/wire/gen/vtgate_pb.js';
import { RawClient } from '../support/raw-client.js';

export interface Target {
  readonly address: string;
  /** Runs the statement on every shard of the keyspace. */
  ddl(keyspace: string, sql: string): Promise<void>;
  transaction(keyspace: string, shard: string, writes: readonly Write[]): Promise<void>;
  close(): Promise<void>;
}

export function embeddedTarget(vtgate: EmbeddedVtgate): Target {
  const { engine } = vtgate;
  return {
    address: vtgate.address,
    async ddl(keyspace, sql) {
      const dropped = /^drop table if exists (\w+)$/.exec(sql)?.[1];
      const [shard] = engine.keyspace(keyspace).shards.values();
      if (dropped === undefined || shard?.tables.has(dropped)) engine.ddl(keyspace, sql);
    },
    async transaction(keyspace, shard, writes) {
      engine.transaction(keyspace, shard, writes);
    },
    close: () => vtgate.close(),
  };
}

/** Of one statement of MySQL, so that 100,000 rows are no single packet. */
const ROWS_PER_INSERT = 1_000;

export function realTarget(address: string): Target {
  const client = new RawClient(address);
  /** Runs statements on one session, as one transaction where they begin one. */
  const run = async (target: string, statements: Iterable<string>, autocommit: boolean): Promise<void> => {
    let session: Partial<Session> = { targetString: target, autocommit };
    for (const sql of statements) {
      const response = await client.execute({ session: session as Session, query: { sql } });
      if (response.error) throw new Error(`${response.error.message} [${sql.slice(0, 200)}]`);
      if (response.session) session = response.session;
    }
  };
  return {
    address,
    ddl: (keyspace, sql) => run(`${keyspace}@primary`, [sql], true),
    async transaction(keyspace, shard, writes) {
      const statements = writes.flatMap(cut).flatMap((one) => writeToSql(one).split(';\n'));
      await run(`${keyspace}:${shard}@primary`, ['begin', ...statements, 'commit'], false);
    },
    close: async () => client.close(),
  };
}

function cut(write: Write): Write[] {
  if (write.op !== 'insert' || !('rows' in write)) return [write];
  const parts: Write[] = [];
  for (let at = 0; at < write.rows.length; at += ROWS_PER_INSERT)
    parts.push({ ...write, rows: write.rows.slice(at, at + ROWS_PER_INSERT) });
  return parts;
}
