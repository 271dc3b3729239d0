/** Options of the DuckDB sink. Layer 5. */
import { VStreamError } from '../../errors.js';
import { systemClock, type Clock } from '../../internal/clock.js';

export interface DuckDbOptions {
  /** The database file; made when it is not there (its folder must be). `:memory:` for tests. */
  readonly path: string;
  /** DuckDB schema for the tables. Default `main`. */
  readonly schema?: string;
  /** One DuckDB schema per keyspace, named after it; for keyspaces with tables of the same name. Default false. */
  readonly schemaPerKeyspace?: boolean;
  /** Put before every table name. Default none. */
  readonly tablePrefix?: string;
  /**
   * What makes a row: its primary key (default), or key and source shard, for tables in which one key may live on two shards at
   * once. With `key+shard` a row that moves between shards is two rows until its delete arrives.
   */
  readonly identity?: 'key' | 'key+shard';
  /** Tables (`orders` or `commerce.orders`) to write as a log of changes, one row each, instead of the current rows. */
  readonly append?: readonly string[];
  /**
   * DATE, DATETIME and TIMESTAMP values that no calendar has (`0000-00-00`, `2024-00-15`; B31): stored as NULL (default), refused, or
   * kept by making all such columns VARCHAR (`text`).
   */
  readonly zeroDates?: 'null' | 'text' | 'fail';
  /** Wait while another process holds the file, saying so, instead of failing. Default true. */
  readonly waitForFile?: boolean;
  /** DuckDB's own memory limit. Default `1GB`. */
  readonly memoryLimit?: string;
  /** DuckDB's threads. Default: one per core. */
  readonly threads?: number;
  /** The log beside the file is folded into it at this size: larger is faster, smaller restarts sooner. Default `256MB`. */
  readonly checkpointThreshold?: string;
  /** @internal */
  readonly clock?: Clock;
}

export type Settings = Required<Omit<DuckDbOptions, 'threads'>> & { readonly threads: number | undefined };

const SIZE = /^\d+(\.\d+)?\s*([KMGT]i?B|B)$/i;

/** Defaults filled in; every problem in one error. */
export function resolveOptions(options: DuckDbOptions): Settings {
  const problems: string[] = [];
  const check = (fine: boolean, text: string): void => void (fine || problems.push(text));
  const optional = (value: unknown, type: string): boolean => value === undefined || typeof value === type;
  check(typeof options?.path === 'string' && options.path !== '', '`path` must be the path of a database file');
  check(optional(options.schema, 'string') && options.schema !== '', '`schema` must be a name');
  check(optional(options.schemaPerKeyspace, 'boolean'), '`schemaPerKeyspace` must be true or false');
  check(!(options.schema !== undefined && options.schemaPerKeyspace), '`schema` and `schemaPerKeyspace` exclude each other');
  check(optional(options.tablePrefix, 'string'), '`tablePrefix` must be text');
  check([undefined, 'key', 'key+shard'].includes(options.identity), "`identity` must be 'key' or 'key+shard'");
  check([undefined, 'null', 'text', 'fail'].includes(options.zeroDates), "`zeroDates` must be 'null', 'text' or 'fail'");
  check(optional(options.waitForFile, 'boolean'), '`waitForFile` must be true or false');
  check(options.memoryLimit === undefined || SIZE.test(options.memoryLimit), '`memoryLimit` must be a size such as 1GB');
  check(
    options.checkpointThreshold === undefined || SIZE.test(options.checkpointThreshold),
    '`checkpointThreshold` must be a size such as 128MB',
  );
  check(
    options.threads === undefined || (Number.isInteger(options.threads) && options.threads >= 1),
    '`threads` must be a whole number from 1',
  );
  check(
    options.append === undefined || (Array.isArray(options.append) && options.append.every((one) => typeof one === 'string' && one !== '')),
    '`append` must be a list of table names',
  );
  const known: Record<keyof DuckDbOptions, true> = {
    path: true,
    schema: true,
    schemaPerKeyspace: true,
    tablePrefix: true,
    identity: true,
    append: true,
    zeroDates: true,
    waitForFile: true,
    memoryLimit: true,
    threads: true,
    checkpointThreshold: true,
    clock: true,
  };
  for (const name of Object.keys(options ?? {})) check(Object.hasOwn(known, name), `\`${name}\` is not an option`);
  if (problems.length > 0) {
    throw new VStreamError('CONFIG_INVALID', `the DuckDB sink cannot be set up: ${problems.join('; ')}`, {
      next: `Correct the sink's options; known are ${Object.keys(known)
        .filter((name) => name !== 'clock')
        .join(', ')}.`,
    });
  }
  return {
    path: options.path,
    schema: options.schema ?? 'main',
    schemaPerKeyspace: options.schemaPerKeyspace ?? false,
    tablePrefix: options.tablePrefix ?? '',
    identity: options.identity ?? 'key',
    append: options.append ?? [],
    zeroDates: options.zeroDates ?? 'null',
    waitForFile: options.waitForFile ?? true,
    memoryLimit: options.memoryLimit ?? '1GB',
    threads: options.threads,
    checkpointThreshold: options.checkpointThreshold ?? '256MB',
    clock: options.clock ?? systemClock,
  };
}
