/** What the events of one RPC amount to: units that are handed on whole. Layer 3, types only. */
import type { VgtidEntry } from '../wire/vgtid.js';
import type { ChangeRecord, GroupContext } from './record.js';
import type { FieldNotice } from './tables.js';

export interface UnitBase {
  readonly keyspace: string;
  readonly shard: string;
  /** This shard's entry of the vector; undefined when the group came without one: nothing moves (G37). */
  readonly vgtid: VgtidEntry | undefined;
  /** Seconds; 0 in the copy phase. */
  readonly timestamp: number;
  /**
   * The whole vector, with the first unit that shows another shard set than before: VTGate followed a reshard by itself, and this
   * set replaces the old one (measured.md section 3).
   */
  readonly vector: readonly VgtidEntry[] | undefined;
  /** `current_time` minus `timestamp` of the same event, so that no clock of ours is involved (G59); undefined when unknown. */
  readonly lagMs: number | undefined;
}

export interface GroupUnit extends UnitBase {
  readonly kind: 'group';
  /** Rows of a snapshot, or the end of a table's copy: the group carries no time. */
  readonly copied: boolean;
  readonly group: GroupContext;
  readonly changes: ChangeRecord[];
  readonly fields: readonly FieldNotice[];
  readonly statements: readonly string[];
  /** A table whose copy began a second time on this shard within the RPC: VTGate restarted it from the last key. */
  readonly copyRestarted: string | undefined;
  readonly bytes: number;
  /** Set when the transaction is handed out in parts. `before` counts changes of earlier parts. */
  readonly part: { readonly index: number; readonly last: boolean; readonly before: number } | undefined;
}

export interface StatementUnit extends UnitBase {
  readonly kind: 'statement';
  readonly statement: string;
  readonly gtid: string | undefined;
}

export interface CheckpointUnit extends UnitBase {
  readonly kind: 'checkpoint';
}

export interface CopyCompletedUnit extends UnitBase {
  readonly kind: 'copy-completed';
}

export type Unit = GroupUnit | StatementUnit | CheckpointUnit | CopyCompletedUnit;
