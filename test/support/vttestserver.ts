/**
 * A real Vitess for tests: starts `$VTROOT/bin/vttestserver` on free ports of this machine, waits until it serves, stops it.
 *
 * What it takes (measured.md section 7): the gRPC port is the one after `--port`, and the server is ready when it prints a JSON
 * line with `grpc-port`; it connects to its own parts by the name `localhost`; `config/mycnf/test-suite.cnf` must not set
 * `innodb_log_file_size`, which MySQL 9.7 refuses; mysqld must not run as root (VTROOT's own wrapper may see to that).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Vttestserver extends AsyncDisposable {
  /** Of VTGate's gRPC server: `127.0.0.1:PORT`. */
  readonly address: string;
  /** SIGTERM, and waits: vttestserver stops vtcombo and mysqld. */
  close(): Promise<void>;
}

/** The keyspaces that tests on a real Vitess expect. */
const KEYSPACES = { commerce: 1, sharded: 2, vstream: 1 } as const;

const ORDERS =
  'customer_id bigint, sku varbinary(128), price decimal(10,2), created_at datetime, note varchar(255), primary key (order_id)';
const SCHEMA: Record<keyof typeof KEYSPACES, { sql: string; vschema: object }> = {
  commerce: {
    sql: [
      'create table customer (customer_id bigint not null auto_increment, email varbinary(128), primary key (customer_id));',
      'create table product (sku varbinary(128) not null, description varbinary(128), price decimal(10,2), primary key (sku));',
      `create table orders (order_id bigint not null auto_increment, ${ORDERS});`,
    ].join('\n'),
    vschema: { sharded: false, tables: { customer: {}, product: {}, orders: {} } },
  },
  sharded: {
    sql: [
      'create table customer (customer_id bigint not null, email varbinary(128), primary key (customer_id));',
      `create table orders (order_id bigint not null, ${ORDERS});`,
    ].join('\n'),
    vschema: {
      sharded: true,
      vindexes: { xxhash: { type: 'xxhash' } },
      tables: {
        customer: { column_vindexes: [{ column: 'customer_id', name: 'xxhash' }] },
        orders: { column_vindexes: [{ column: 'order_id', name: 'xxhash' }] },
      },
    },
  },
  vstream: { sql: '', vschema: { sharded: false, tables: {} } },
};

export async function startVttestserver(root: string): Promise<Vttestserver> {
  const program = join(root, 'bin', 'vttestserver');
  await check(root, program);
  const folder = await mkdtemp(join(tmpdir(), 'vttestserver-'));
  // mysqld may run as another user than these tests.
  await chmod(folder, 0o755);
  const port = await freePorts(4);
  const data = join(folder, 'data');
  await mkdir(data);
  const args = [
    ['--port', String(port)],
    ['--data-dir', data],
    ['--keyspaces', Object.keys(KEYSPACES).join(',')],
    ['--num-shards', Object.values(KEYSPACES).join(',')],
    ['--schema-dir', await writeSchema(folder)],
    ['--cells', 'test'],
    ['--replica-count', '2'],
    ['--rdonly-count', '0'],
    ['--charset', 'utf8mb4'],
    ['--foreign-key-mode', 'allow'],
    ['--vschema-ddl-authorized-users', '%'],
    ['--mysql-bind-host', '127.0.0.1'],
    ['--vtcombo-bind-host', '127.0.0.1'],
    ['--tablet-refresh-interval', '1s'],
    ['--enable-direct-ddl'],
  ].flatMap(([name = '', value]) => (value === undefined ? [name] : [`${name}=${value}`]));
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, VTROOT: root, VTDATAROOT: data } });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await serving(child);
  } catch (error) {
    await stop();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= stop());
  return { address: `127.0.0.1:${port + 1}`, close, [Symbol.asyncDispose]: close };
}

async function check(root: string, program: string): Promise<void> {
  if (!existsSync(program)) throw new Error(`there is no ${program}: VTROOT must name a folder with bin/vttestserver`);
  await lookup('localhost').catch(() => {
    throw new Error('the name localhost does not resolve, and vttestserver connects to itself by it: add it to /etc/hosts');
  });
  const settings = join(root, 'config', 'mycnf', 'test-suite.cnf');
  if (existsSync(settings) && /^\s*innodb_log_file_size/m.test(readFileSync(settings, 'utf8'))) {
    throw new Error(`${settings} sets innodb_log_file_size, which MySQL 9 refuses: say innodb_redo_log_capacity instead`);
  }
}

async function writeSchema(folder: string): Promise<string> {
  const schema = join(folder, 'schema');
  for (const [keyspace, { sql, vschema }] of Object.entries(SCHEMA)) {
    await mkdir(join(schema, keyspace), { recursive: true });
    await writeFile(join(schema, keyspace, 'vschema.json'), JSON.stringify(vschema));
    if (sql !== '') await writeFile(join(schema, keyspace, '01.sql'), sql);
  }
  return schema;
}

/** The first of `count` ports in a row that nobody listens on. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const held = [await listen(0)];
    const first = portOf(held[0]);
    try {
      for (let next = 1; next < count; next += 1) held.push(await listen(first + next));
      return first;
    } catch {
      // One of them is taken: another place.
    } finally {
      await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
    }
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Resolves at the JSON line; rejects with what the server last said when it ends before. */
async function serving(child: ChildProcess): Promise<void> {
  const said: string[] = [];
  const keep = (line: string): void => void (said.push(line) > 40 && said.shift());
  await new Promise<void>((resolve, reject) => {
    const lines = [child.stdout, child.stderr].flatMap((stream) => (stream ? [createInterface({ input: stream })] : []));
    for (const reader of lines) {
      reader.on('line', (line) => {
        keep(line);
        if (line.includes('"grpc-port"')) resolve();
      });
    }
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`vttestserver ended with ${code} before it served:\n${said.join('\n')}`)));
  });
}
