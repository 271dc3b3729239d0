/**
 * The embedded VTGate: a real gRPC server in front of an in-memory engine, faithful to what a real VTGate sent (the recordings
 * are its oracle). It imports the generated wire code and nothing else of the client, so no mistake hides on both sides.
 */
export { startEmbeddedVtgate, type EmbeddedOptions, type EmbeddedVtgate } from './server.js';
export { Engine, type EngineOptions, type KeyspaceInput, type TableInput } from './engine.js';
export type { ColumnInput } from './columns.js';
export { ManualClock, realClock, seededRandom, type EngineClock } from './clock.js';
export { Faults, type EventName, type FailureAt } from './faults.js';
export type { CopyPoint } from './shard-run.js';
export { GtidSet } from './gtid.js';
export { splitFrames, type Replay } from './replay.js';
export type { UnexpectedStatement } from './execute.js';
export { writeToSql, type JsonPatch, type Match, type Write } from './writes.js';
export type { RowObject } from './values.js';
