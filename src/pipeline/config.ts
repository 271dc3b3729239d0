/** The configuration file of `vstream run`: the options of a run, where sink and state may also be data. Layer 4. */
import type { Tables } from '../schema/define.js';
import type { CheckpointStore } from '../stores/store.js';
import type { Handler, RunOptions, StateTable } from './options.js';
import type { Sink } from './sink.js';

/** A destination as data; paths are relative to the configuration file. Further fields are the sink's own options. */
export type SinkData =
  | { readonly type: 'duckdb'; readonly path: string; readonly [option: string]: unknown }
  /** Without a path, or with `-`: standard output. */
  | { readonly type: 'jsonl'; readonly path?: string; readonly [option: string]: unknown }
  | ModuleData;

/**
 * A module of the user's: its default export, or the one named by `export`, is a sink or a handler; with `options` it is a
 * function that is called with them and returns (a promise of) one.
 */
export interface ModuleData {
  readonly module: string;
  readonly export?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Where state is kept, as data. `file` serves a single machine, `memory` forgets everything at the end of the process. */
export type StateData = StateTable | { readonly type: 'file'; readonly path: string } | { readonly type: 'memory' } | ModuleData;

export interface Config<T extends Tables = Tables> extends Omit<RunOptions<T>, 'sink' | 'state' | 'signal'> {
  readonly sink: Sink | Handler<T> | SinkData;
  readonly state: CheckpointStore | StateData;
}

/** Returns its argument; gives `vstream.config.ts` its types. */
export function defineConfig<const T extends Tables = Tables>(config: Config<T>): Config<T> {
  return config;
}
