/**
 * A sink of one's own: the current rows of small tables as JSON files, each change exactly once.
 *
 * A batch becomes a new file `N.json` that holds everything: rows, position, epoch. `link` refuses a name that exists, so of two
 * processes only one can write number N: the other was the owner before, and stops with `FENCED`. What a crash leaves is
 * the last whole file.
 */
import { link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Position,
  shardsOverlap,
  VStreamError,
  type ApplyContext,
  type Batch,
  type Change,
  type Row,
  type Sink,
  type SinkOpenContext,
  type TableRef,
} from 'vstream-client';

/** Versions of one key, the last written last: while a row moves between shards, both may have sent theirs. */
type Versions = readonly { readonly shard: string; readonly row: Row }[];
type StoredTables = Record<string, Record<string, Versions>>;

interface Contents {
  readonly incarnation: string;
  readonly epoch: string;
  readonly position: unknown;
  readonly tables: StoredTables;
}

export function jsonFiles({ path }: { readonly path: string }): Sink {
  return new JsonFiles(path);
}

class JsonFiles implements Sink {
  // No `sweep`: what needs a second copy is refused by the stream, in words, instead of leaving stale rows here.
  readonly capabilities = { position: 'stored', deletes: true, sweep: false, schema: 'fixed' } as const;
  readonly #root: string;
  #folder = '';
  #number = 0;
  #contents: Contents = { incarnation: '', epoch: '0', position: null, tables: {} };

  constructor(root: string) {
    this.#root = root;
  }

  async open({ name, incarnation, epoch }: SinkOpenContext): Promise<{ position?: Position; incarnation?: string }> {
    this.#folder = join(this.#root, encodeURIComponent(name));
    await mkdir(this.#folder, { recursive: true });
    this.#number = Math.max(0, ...(await numbersIn(this.#folder)));
    const found = this.#number > 0 ? await readContents(this.#folder, this.#number) : undefined;
    const mine = found?.incarnation === incarnation;
    if (mine && BigInt(found.epoch) > epoch) throw fenced(name);
    this.#contents = { incarnation, epoch: String(epoch), position: mine ? found.position : null, tables: mine ? found.tables : {} };
    // Raises the epoch, which ends an older owner. Rows of another life of the stream stay until the first batch of this one.
    if (!found || mine) await this.#commit(this.#contents);
    return mine && found.position ? { position: Position.parse(found.position), incarnation } : {};
  }

  async apply(batch: Batch, { signal }: ApplyContext): Promise<void> {
    const tables = structuredClone(this.#contents.tables);
    for (const change of batch.changes) applyChange(tables, change);
    signal.throwIfAborted();
    await this.#commit({ ...this.#contents, tables, position: batch.position });
  }

  async truncate({ keyspace, table }: TableRef, shard: string): Promise<void> {
    const tables = structuredClone(this.#contents.tables);
    const rows = tables[`${keyspace}.${table}`] ?? {};
    for (const [key, versions] of Object.entries(rows))
      keep(
        rows,
        key,
        versions.filter((one) => one.shard !== shard),
      );
    await this.#commit({ ...this.#contents, tables });
  }

  async close(): Promise<void> {}

  /** Rows and position become durable together, or not at all. */
  async #commit(contents: Contents): Promise<void> {
    const number = this.#number + 1;
    const draft = join(this.#folder, `${number}-${contents.epoch}-${process.pid}.draft`);
    const file = await open(draft, 'w');
    try {
      await file.writeFile(JSON.stringify(contents, asJson));
      await file.sync();
      await link(draft, join(this.#folder, `${number}.json`));
    } catch (error) {
      throw (error as { code?: unknown }).code === 'EEXIST' ? fenced(this.#folder) : error;
    } finally {
      await file.close();
      await rm(draft, { force: true });
    }
    const others = (await numbersIn(this.#folder)).filter((one) => one !== number);
    if (others.some((one) => one > number)) {
      // Others wrote on since, and removed the file of this number: the highest counts.
      await rm(join(this.#folder, `${number}.json`));
      throw fenced(this.#folder);
    }
    this.#number = number;
    this.#contents = contents;
    for (const one of others) await rm(join(this.#folder, `${one}.json`), { force: true });
  }
}

/** All rows of a table, from the files alone. */
export async function readTable(root: string, { keyspace, table }: TableRef): Promise<Row[]> {
  const rows: Row[] = [];
  for (const stream of await readdir(root)) {
    const number = Math.max(0, ...(await numbersIn(join(root, stream))));
    const { tables } = number > 0 ? await readContents(join(root, stream), number) : { tables: {} as StoredTables };
    for (const versions of Object.values(tables[`${keyspace}.${table}`] ?? {})) rows.push(...versions.slice(-1).map(({ row }) => row));
  }
  return rows;
}

function applyChange(tables: StoredTables, change: Change): void {
  const { keyspace, table, shard, schema, before, after } = change;
  if (schema.key.length === 0) {
    throw new VStreamError('SINK_FAILED', `${keyspace}.${table} has no primary key`, {
      keyspace,
      table,
      next: 'Leave it out of `tables`.',
    });
  }
  const rows = (tables[`${keyspace}.${table}`] ??= {});
  const keyOf = (row: Row): string =>
    JSON.stringify(
      schema.key.map((name) => row[name]),
      asJson,
    );
  // Across shards there is no order: what a row's new shard sent may be here before the old one deletes it. So a shard replaces and
  // removes only versions that can be its own.
  const others = (key: string): Versions => (rows[key] ?? []).filter((one) => !shardsOverlap(one.shard, shard));
  const [old, now] = [before && keyOf(before), after && keyOf(after)];
  // A column that was not sent keeps its value.
  const known = change.op === 'update' ? rows[old ?? '']?.find((one) => shardsOverlap(one.shard, shard))?.row : undefined;
  if (old !== undefined && old !== now) keep(rows, old, others(old));
  if (now !== undefined && after) keep(rows, now, [...others(now), { shard, row: { ...known, ...after } }]);
}

function keep(rows: Record<string, Versions>, key: string, versions: Versions): void {
  if (versions.length > 0) rows[key] = versions;
  else delete rows[key];
}

/** What JSON lacks: 64-bit integers and bytes, as text. */
function asJson(this: Record<string, unknown>, name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  // Looked at in its place: a Buffer has made itself an object by now.
  const bytes = this[name];
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : value;
}

async function numbersIn(folder: string): Promise<number[]> {
  return (await readdir(folder)).flatMap((name) => (/^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : []));
}

async function readContents(folder: string, number: number): Promise<Contents> {
  return JSON.parse(await readFile(join(folder, `${number}.json`), 'utf8')) as Contents;
}

function fenced(name: string): VStreamError {
  return new VStreamError('FENCED', `another process took over ${name}`, { next: 'Let it run, or stop it before starting this one.' });
}
