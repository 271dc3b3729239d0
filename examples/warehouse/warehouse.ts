/**
 * Stands in for a cloud warehouse: tables in memory behind HTTP, `POST /jobs` for a job that is done whole or not at all, `GET
 * /streams/NAME` for what one left behind. Beside each statement stands what it would be in SQL.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { isInRange, type KeyCondition } from 'vstream-client';

/** Whose rows a statement touches: those stored under a range of keyspace ids that overlaps this one. */
interface Place {
  readonly table: string;
  readonly start: string;
  readonly end: string;
}

export type Statement =
  | (Place & {
      /** MERGE … ON key IN (key, was) AND start < @end AND end > @start; `keep`: columns that are not in `row` stay as they are. */
      readonly type: 'merge';
      readonly key: string;
      readonly was: string;
      readonly keep: boolean;
      readonly generation: number;
      readonly row: Readonly<Record<string, unknown>>;
    })
  /** DELETE … WHERE key = @key AND start < @end AND end > @start */
  | (Place & { readonly type: 'delete'; readonly key: string })
  /**
   * DELETE … WHERE generation < @below AND start >= @start AND end <= @end, and for rows of a wider shard (there was a split)
   * UPDATE … SET start = @end, or end = @start: what is known of their other part is still to come. `where`: AND a comparison of a key
   * column for each of its conditions, values bound as the type of the column (`id >= @v`, `name BETWEEN @v AND @w`).
   */
  | (Place & { readonly type: 'clear'; readonly below: number | null; readonly where?: readonly KeyCondition[] });

export interface Job {
  readonly stream: string;
  /** Refused with 409 when the stream has another owner than this one and the `expected` one. */
  readonly owner: string;
  readonly expected: string | null;
  readonly position?: unknown;
  readonly statements: readonly Statement[];
}

export interface Kept {
  readonly owner: string | null;
  readonly position: unknown;
}

interface Version {
  readonly start: string;
  readonly end: string;
  readonly generation: number;
  readonly row: Readonly<Record<string, unknown>>;
}
/** By key. Shards have no common order, so a key can have a version of each; the last one written is the row. */
type Table = Map<string, readonly Version[]>;

export class Warehouse {
  readonly #tables = new Map<string, Table>();
  readonly #streams = new Map<string, Kept>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const reply = (status: number, body: unknown): void =>
        void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      this.#answer(request).then(
        (answer) => reply(answer ? 200 : 409, answer ?? {}),
        (error: unknown) => reply(400, { error: String(error) }),
      );
    });
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  rows(table: string): Readonly<Record<string, unknown>>[] {
    return [...(this.#tables.get(table)?.values() ?? [])].flatMap((versions) => versions.slice(-1).map(({ row }) => row));
  }

  async #answer(request: IncomingMessage): Promise<unknown> {
    return request.method === 'POST' ? this.#job((await json(request)) as Job) : this.#kept(request.url ?? '');
  }

  #kept(path: string): Kept {
    return this.#streams.get(decodeURIComponent(path.replace('/streams/', ''))) ?? { owner: null, position: null };
  }

  #job({ stream, owner, expected, position, statements }: Job): { cleared: number } | undefined {
    const kept = this.#streams.get(stream) ?? { owner: null, position: null };
    if (kept.owner !== owner && kept.owner !== expected) return undefined;
    this.#streams.set(stream, { owner, position: position ?? kept.position });
    return { cleared: statements.reduce((sum, statement) => sum + this.#execute(statement), 0) };
  }

  #execute(statement: Statement): number {
    const rows = this.#tables.get(statement.table) ?? new Map<string, readonly Version[]>();
    this.#tables.set(statement.table, rows);
    if (statement.type === 'clear') return clear(rows, statement);
    const { key, start, end } = statement;
    const others = (of: string): Version[] => (rows.get(of) ?? []).filter((one) => !overlap(one, statement));
    if (statement.type === 'delete') put(rows, key, others(key));
    else {
      const { was, keep, generation, row } = statement;
      const known = keep ? rows.get(was)?.find((one) => overlap(one, statement))?.row : undefined;
      put(rows, was, others(was));
      put(rows, key, [...others(key), { start, end, generation, row: { ...known, ...row } }]);
    }
    return 0;
  }
}

function put(rows: Table, key: string, versions: readonly Version[]): void {
  // Written last, read last: a moved row goes to the end.
  rows.delete(key);
  if (versions.length > 0) rows.set(key, versions);
}

const overlap = (a: Omit<Place, 'table'>, b: Omit<Place, 'table'>): boolean => a.start < b.end && b.start < a.end;

function clear(rows: Table, range: Extract<Statement, { readonly type: 'clear' }>): number {
  let cleared = 0;
  for (const [key, versions] of [...rows]) {
    const left = versions.flatMap((one) => {
      if (!overlap(one, range) || (range.below !== null && one.generation >= range.below)) return [one];
      // Bytes are hex on both sides by now, and hex sorts as its bytes do.
      if (range.where && !isInRange({ where: '', conditions: range.where }, one.row)) return [one];
      const [fromStart, toEnd] = [range.start <= one.start, one.end <= range.end];
      if (fromStart && toEnd) return [];
      return [fromStart ? { ...one, start: range.end } : toEnd ? { ...one, end: range.start } : one];
    });
    cleared += versions.length - left.length;
    if (left.length > 0) rows.set(key, left);
    else rows.delete(key);
  }
  return cleared;
}
