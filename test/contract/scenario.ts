/**
 * What a scenario is: tables, writes, streams and the events they must give, as data. The same data drives the embedded VTGate
 * and a real one (target.ts); expectations are written once and hold on both, so that neither can drift from the other.
 */
import type { Write } from '../../src/embedded/index.js';
import type { RowObject } from '../../src/embedded/values.js';
import { show } from '../support/rows.js';

/** `table` options of one table, as data. */
export interface Selected {
  readonly columns?: readonly string[];
  readonly where?: string;
  readonly copy?: false;
}

/** Events by shard, in order: shards have no order among them. A shard left out has none. */
export type Expected = Readonly<Record<string, readonly string[]>>;

export interface StreamStep {
  readonly do: 'stream';
  /** Default: the scenario's tables. */
  readonly tables?: Readonly<Record<string, Selected>>;
  /** Only the first stream of a scenario uses it: later ones resume. Default `beginning`. */
  readonly from?: 'beginning' | 'current';
  /** Default `now`. A stream without an end is left as soon as what it must give has come; nothing more may follow. */
  readonly until?: 'copied' | 'now' | 'never';
  /** Done while the stream runs, once it has said that it is up to date. Needs `until: 'never'`. */
  readonly meanwhile?: readonly Step[];
  /** Done when the copy of a table is announced, before its first row is read. */
  readonly atStart?: Readonly<Record<string, readonly Step[]>>;
  readonly expect: Expected;
  /** Column lists announced, sorted: `ct_item(id bigint, name varchar(20))`. Not checked when left out. */
  readonly versions?: readonly string[];
  /** Rows in the sink that `run()` filled, after this step. */
  readonly rows?: Readonly<Record<string, readonly RowObject[]>>;
}

export type Step =
  | StreamStep
  /** One transaction on one shard. */
  | { readonly do: 'write'; readonly shard?: string; readonly writes: readonly Write[] }
  | { readonly do: 'ddl'; readonly sql: string };

export interface Scenario {
  readonly title: string;
  /** `commerce` has one shard, `sharded` has `-80` and `80-`. */
  readonly keyspace: 'commerce' | 'sharded';
  /** Takes seconds. */
  readonly large?: true;
  /** CREATE TABLE statements by name; each name begins with `ct_`, as the tables are dropped again. */
  readonly tables: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  /**
   * Ends `run()` after every batch with rows, so that it is resumed wherever it can be; each time the next of these steps is done, and
   * at the end those that are left. The stream after that has to give them all. A copy of a table without a key, which starts again
   * each time, is interrupted only as long as there are steps.
   */
  readonly interruptions?: readonly Step[];
}

export const write = (...writes: Write[]): Step => ({ do: 'write', writes });
export const writeOn = (shard: string, ...writes: Write[]): Step => ({ do: 'write', shard, writes });
export const ddl = (sql: string): Step => ({ do: 'ddl', sql });

/** The lines of events. Long texts are told by their beginning and length. */
export const copied = (table: string, ...rows: RowObject[]): string[] => rows.map((row) => `copy ${table} ${line(row)}`);
export const end = (table: string, generation = 1): string => `end ${table}${generation > 1 ? ` generation ${generation}` : ''}`;
export const insert = (table: string, after: RowObject): string => `insert ${table} ${line(after)}`;
export const update = (table: string, before: RowObject, after: RowObject): string => `update ${table} ${line(before)} -> ${line(after)}`;
export const remove = (table: string, before: RowObject): string => `delete ${table} ${line(before)}`;
export const transaction = (...changes: string[]): string[] => ['begin', ...changes, 'commit'];

export function line(row: RowObject): string {
  const members = Object.entries(row).map(([name, value]) => {
    const text = show(value);
    return `${name}:${text.length > 200 ? `${text.slice(0, 20)}…${text.length}` : text}`;
  });
  return `{${members.sort().join(', ')}}`;
}
