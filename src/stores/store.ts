/** The contract of the place that keeps a stream's state: one record per stream. Layer 3. */
import type { Position } from '../position/position.js';

/** An operator's wish, written by the CLI, taken by the owner at its next renewal. Several may wait. */
export interface StateRequest {
  readonly id: string;
  readonly verb: 'copy' | 'pause' | 'resume' | 'add-table' | 'remove-table';
  readonly table?: string | undefined;
  readonly where?: string | undefined;
  /** Filled by the owner once it acted (`done`, or why not), or by a later request that supersedes this one. */
  readonly outcome?: string | undefined;
}

/** All that is kept of a stream. `part` is '' for a whole stream. Times are the store's own clock. */
export interface StateRecord {
  readonly name: string;
  readonly part: string;
  /** Version of this record's format, 1. A higher one is refused; unknown fields are kept. */
  readonly format: number;
  /** UUID of this life of the stream; new at first start and at reset. */
  readonly incarnation: string;
  /** `host:pid:random` of the process that holds or last held the lease; undefined when released. */
  readonly owner: string | undefined;
  /** Counts owners; the fencing token. */
  readonly epoch: bigint;
  /** Counts writes, so that one affected row proves the fence held. */
  readonly beat: bigint;
  /** Milliseconds until the lease ends by the store's clock at reading; 0 or less when it has ended or none is held. */
  readonly leaseRemainingMs: number;
  readonly position: Position | undefined;
  /** What of the configuration decides about the position, as text: whether a sink that stores it is its home. At most 255 characters. */
  readonly config: string | undefined;
  /** The last error as JSON, kept until the next progress. */
  readonly lastError: string | undefined;
  /** Oldest first: those that wait, and the last ones that have an outcome. */
  readonly requests: readonly StateRequest[];
  /** UTC: `2026-11-23 02:00:00.000000` of a Vitess table, ISO 8601 of the other stores. */
  readonly createdAt: string | undefined;
  /** The last write of anybody; an owner renews at a third of its lease. */
  readonly updatedAt: string | undefined;
}

/** The right to write, until the lease is over and another takes it. */
export interface Claim {
  readonly name: string;
  readonly part: string;
  readonly owner: string;
  readonly epoch: bigint;
  readonly incarnation: string;
}

export type ClaimResult =
  | { readonly claimed: true; readonly claim: Claim; readonly record: StateRecord }
  | { readonly claimed: false; readonly holder: string; readonly leaseRemainingMs: number };

/** What a write may change; an absent field stays, `null` clears it. Every write also renews the lease. */
export interface StatePatch {
  readonly position?: Position | undefined;
  readonly config?: string | undefined;
  readonly lastError?: string | null | undefined;
  /** One with its outcome: takes the place of the one that has its id. */
  readonly request?: StateRequest | undefined;
}

/** Of a single call: aborted, it rejects; whether a write was done is not known then. */
export interface StoreOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A handful of methods. Implementations: a Vitess table (stores/vitess.ts), a file, memory; bring your own and check it with
 * the suite in `vstream-client/testing`. Every method throws `VStreamError`; a lost fence is `FENCED`.
 */
export interface CheckpointStore {
  /** Where this keeps its records, for messages: `vstream.streams on localhost:15991`. */
  readonly description: string;
  /** Creates what is missing and checks rights, so that trouble shows before streaming. Idempotent. */
  prepare(options?: StoreOptions): Promise<void>;
  read(name: string, part?: string, options?: StoreOptions): Promise<StateRecord | undefined>;
  /** Every record, for `status`. */
  list(options?: StoreOptions): Promise<readonly StateRecord[]>;
  /**
   * Takes the stream when nobody holds a live lease (or it is ours): epoch + 1, owner set, lease started. Creates the record
   * with a new incarnation when there is none. Atomic: of two callers one gets it.
   */
  claim(name: string, owner: string, leaseMs: number, part?: string, options?: StoreOptions): Promise<ClaimResult>;
  /** Writes under the fence and renews the lease; returns the requests that wait, oldest first. Throws `FENCED` when it is lost. */
  write(claim: Claim, patch: StatePatch, leaseMs: number, options?: StoreOptions): Promise<readonly StateRequest[]>;
  /** Ends the lease and clears the owner; a lost fence is not an error here. */
  release(claim: Claim, options?: StoreOptions): Promise<void>;
  /** Operator's writes, outside any lease: add a request to those there are; forget the position under a new incarnation; set one. */
  request(name: string, request: StateRequest, part?: string, options?: StoreOptions): Promise<void>;
  reset(name: string, position: Position | undefined, part?: string, options?: StoreOptions): Promise<void>;
  close(): Promise<void>;
}
