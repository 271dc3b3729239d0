/** `vstream-client/testing`: a VTGate for tests, sinks to stream into, and suites that check sinks and stores of your own. */
export { startEmbeddedVtgate } from './embedded.js';
export { ManualClock, type EngineClock } from '../embedded/clock.js';
export type { EmbeddedOptions, EmbeddedVtgate } from '../embedded/server.js';
export type { Engine, EngineOptions, KeyspaceInput, TableInput } from '../embedded/engine.js';
export type { ColumnInput } from '../embedded/columns.js';
export type { CopyPoint } from '../embedded/shard-run.js';
export type { EventName, FailureAt, Faults } from '../embedded/faults.js';
export type { RowObject } from '../embedded/values.js';
export type { JsonPatch, Match, Write } from '../embedded/writes.js';

export { MemoryDestination, memorySink } from './memory-sink.js';
export { startSinkServer, type AuditEntry, type SinkServer, type SinkServerOptions } from './sink-server.js';
export { socketSink } from './socket-sink.js';

export { sinkConformance, type SinkAbilities, type SinkCase, type SinkHarness } from './sink-conformance.js';
export { storeConformance, type ConformanceCase, type StoreHarness } from './store-conformance.js';

export { BatchBuilder, columnsChange, makeChange, tableVersion, type ChangeSpec } from './batch-builder.js';
