/** What a statement is, and the one way to run it. Layer 2; knows the network only as something that executes. */
import type { QueryResult } from '../wire/gen/query_pb.js';

export type Bind = string | number | bigint | Uint8Array | null;

/** One SQL text with its values and the reader of its answer. The text never holds a value. */
export interface Statement<T> {
  /** VTGate target: see target.ts. */
  readonly target: string;
  readonly text: string;
  readonly binds?: Readonly<Record<string, Bind>>;
  read(result: QueryResult): T;
}

/** The part of `Transport` that statements need. */
export interface Executor {
  execute(
    call: { readonly target: string; readonly text: string; readonly binds?: Readonly<Record<string, Bind>> },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<QueryResult>;
}

/** @throws VStreamError what `execute` throws, and `PROTOCOL` when the answer has another shape than the statement's. */
export async function runStatement<T>(
  executor: Executor,
  statement: Statement<T>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  return statement.read(await executor.execute(statement, options));
}
