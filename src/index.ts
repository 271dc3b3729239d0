/** The public list, by hand. Anything not named here is not part of the contract. */

// For users.
export { run, start } from './pipeline/start.js';
export { vstream, type LoopOptions, type VStream } from './pipeline/vstream.js';
export {
  table,
  type KyselyRow,
  type RowOf,
  type SchemaTableOptions,
  type TableDefinition,
  type TableOptions,
  type Tables,
  type TypedTableOptions,
} from './schema/define.js';
export { Position, type PartialTransaction, type PositionJson, type ShardPosition } from './position/position.js';
export { keyRange as shardRange, shardsOverlap, type KeyRange as ShardRange } from './position/keyrange.js';
export type { Incomplete, IncompleteReason } from './position/incomplete.js';
export { VStreamError, type ErrorCategory, type ErrorCode, type ErrorDetails } from './errors.js';
export { defineConfig, type Config, type ModuleData, type SinkData, type StateData } from './pipeline/config.js';
export type { Running, RunOptions, StateTable, Summary, Handler } from './pipeline/options.js';
export type { Auth, FlagOptions, Limits, SourceOptions, StreamOptions, TabletTypeName, Text, TlsOptions } from './stream/options.js';
export type {
  Batch,
  BeforeImage,
  Change,
  Op,
  Phase,
  Progress,
  SchemaChange,
  SchemaChangeKind,
  Sequence,
  Transaction,
} from './stream/change.js';
export { PartialJson, type JsonValue, type Key, type Row, type Value } from './schema/values.js';
export type { Override, RawCell, TypeName } from './schema/options.js';
export type { OverrideName } from './schema/type-table.js';
export type { StandardSchema, ValidateMode } from './schema/standard-schema.js';
export type { Geometry } from './schema/binary.js';
export type { Duration } from './internal/duration.js';
export { silentLogger, type Logger } from './observe/logger.js';
export type { ShardStats, ShardVerdict, Stats, StreamState, TableStats } from './observe/stats.js';

// For sinks and stores of your own.
export { atChange } from './pipeline/at-change.js';
export {
  rowsRefused,
  type ApplyContext,
  type OpenedSink,
  type Sink,
  type SinkCapabilities,
  type SinkOpenContext,
} from './pipeline/sink.js';
export type { Column, TableRef, TableVersion } from './schema/table.js';
export type { Cells } from './schema/cells.js';
export { isInRange, type KeyCondition, type KeyRange } from './schema/key-range.js';
export type { CheckpointStore, Claim, ClaimResult, StatePatch, StateRecord, StateRequest, StoreOptions } from './stores/store.js';
export { fileStore, type FileStoreOptions } from './stores/file.js';
export { memoryStore, type MemoryStoreOptions } from './stores/memory.js';
