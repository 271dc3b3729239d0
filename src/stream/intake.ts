/** Takes the units of one RPC in, and hands out what they complete: groups, statements, shards that a reshard put in the place of others. Layer 3. */
import { shardNames } from '../copy/changes.js';
import { owesOnlyRanges } from '../copy/ranges.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import type { ShardPosition } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import type { VgtidEntry } from '../wire/vgtid.js';
import type { Assembler } from './assembler.js';
import type { StreamBatch } from './batch.js';
import type { StreamCatalog } from './catalog.js';
import { keylessCopyRestarted, shardsChangedInCopy } from './copy-errors.js';
import type { Delivery } from './delivery.js';
import type { Grouper, StatementUnit, Unit } from './grouper.js';
import { ResumeGuard } from './resume-guard.js';
import { judgeStatement, type RowsChanged } from './statements.js';
import type { TablePresence } from './table-presence.js';

export interface IntakeOptions {
  readonly catalog: StreamCatalog;
  readonly assembler: Assembler;
  readonly delivery: Delivery;
  readonly presence: TablePresence;
  readonly recorder: Recorder;
  readonly logger: Logger;
  rowsChanged(table: TableRef, reason: string): RowsChanged;
}

export class Intake {
  readonly #options: IntakeOptions;
  #grouper: Grouper | undefined;
  #resumed = new ResumeGuard([]);
  /** The plan went back for a table, so that the request under way does not fit any more. */
  requestIsOld = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** With each RPC, from this position. `grouper` makes its units. */
  begin(shards: readonly ShardPosition[], grouper: Grouper): void {
    this.#resumed = new ResumeGuard(shards);
    this.#grouper = grouper;
    this.requestIsOld = false;
  }

  *take(unit: Unit): Generator<StreamBatch, void, void> {
    if (this.#resumed.isRepeat(unit)) return;
    const { assembler, catalog, delivery, recorder, logger } = this.#options;
    const { vector } = unit;
    if (vector) {
      // The vector already holds this unit: what it needs told first goes out under the old position.
      if (unit.kind === 'group') yield* delivery.handOut(assembler.announce(unit));
      yield* this.#adoptShards(unit.keyspace, vector);
    }
    switch (unit.kind) {
      case 'group': {
        if (unit.copyRestarted !== undefined && catalog.get({ keyspace: unit.keyspace, table: unit.copyRestarted })?.resumable === false) {
          throw keylessCopyRestarted(unit.keyspace, unit.shard, unit.copyRestarted);
        }
        if (unit.timestamp > 0) {
          delivery.watching?.lag(unit.keyspace, unit.shard, unit.lagMs);
          recorder.arrived(unit.keyspace, unit.shard, unit.lagMs, unit.changes.length > 0 ? unit.timestamp : undefined);
        }
        const restarted = (table: TableRef, shard: string): void => {
          logger.warn({ ...table, shard }, 'VTGate copies a finished table again; it becomes a new generation');
          catalog.setPlan(assembler.plan, table);
          this.#grouper?.refresh();
        };
        yield* delivery.handOut(assembler.addGroup(unit, restarted));
        for (const statement of unit.statements) yield* this.#statement({ ...unit, kind: 'statement', statement, gtid: unit.group.gtid });
        break;
      }
      case 'checkpoint':
        yield* delivery.handOut(assembler.addCheckpoint(unit));
        break;
      case 'copy-completed':
        yield* delivery.handOut(assembler.addCopyCompleted(unit));
        break;
      case 'statement':
        yield* this.#statement(unit);
        break;
    }
    if (assembler.copied) yield* delivery.copyCompleted();
    // With what came first from the new shards: stored now, as the old ones may be gone soon.
    if (vector) yield* delivery.everything();
  }

  /** VTGate followed a reshard: the new shard set replaces the old one as a whole, once everything before it is handed out. */
  *#adoptShards(keyspace: string, vector: readonly VgtidEntry[]): Generator<StreamBatch, void, void> {
    const { assembler, delivery, logger } = this.#options;
    const before = shardNames(assembler.position, keyspace);
    const now = vector.filter((one) => one.keyspace === keyspace).map((one) => one.shard);
    const { plan, position, isAhead } = assembler;
    if (isAhead || !owesOnlyRanges(plan, position.shards)) {
      throw shardsChangedInCopy(keyspace, before, now);
    }
    yield* delivery.handOut(assembler.flush());
    assembler.replaceShards(vector);
    delivery.watching?.follow(assembler.position.shards.filter((one) => vector.some((of) => of.keyspace === one.keyspace)));
    logger.warn({ keyspace, before, now }, 'the keyspace was resharded; the stream follows the new shards');
  }

  *#statement(unit: StatementUnit): Generator<StreamBatch, void, void> {
    const { assembler, catalog, delivery, presence } = this.#options;
    const { changes, recopy, perhapsGone } = judgeStatement(unit, {
      isActive: (ref, shard) => catalog.isActive(ref, shard) && !assembler.isHeld(ref.keyspace, ref.table, shard, unit.gtid),
      rowsChanged: (table, reason) => this.#options.rowsChanged(table, reason),
      columnOf: (table, name) => catalog.columnOf(table, name),
    });
    for (const [table, reason] of perhapsGone) presence.mayBeGone(table, reason);
    yield* delivery.handOut(assembler.addStatement(unit, changes, recopy));
    if (recopy.length === 0) return;
    delivery.copyOwed();
    this.requestIsOld = true;
  }
}
