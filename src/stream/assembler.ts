/**
 * Units in, batches out, with the position after each. Layer 3. Pure but for its own state: no time, no network.
 *
 * The position is kept per shard: a batch moves only the entries of the shards whose units it holds, so that copied rows of one
 * shard can be gathered into large batches while another shard's go out. Order per shard is kept.
 */
import { VStreamError } from '../errors.js';
import { type CopyPlan, type ShardCopy } from '../position/plan.js';
import type { PartialTransaction, Position } from '../position/position.js';
import { resharded } from '../copy/reshard.js';
import { copyAfter, again } from '../copy/steps.js';
import { fromSnapshot, type SnapshotRows } from './snapshot-rows.js';
import type { TableRef } from '../schema/table.js';
import type { Progress, SchemaChange } from './change.js';
import { Announced } from './announced.js';
import { type BatchContent, BatchTransaction, StreamBatch } from './batch.js';
import { type Advance, Builder, CopyBuilder, isTransactionOf, type Moves } from './builders.js';
import type { AssemblerOptions } from './batch-limits.js';
import { moved } from './moved.js';
import type { CheckpointUnit, GroupUnit, StatementUnit, UnitBase } from './units.js';
import type { VgtidEntry } from '../wire/vgtid.js';
import type { FieldNotice } from './tables.js';
import { RangeRows, tableEnd } from './range-rows.js';
import type { ChangeRecord } from './record.js';
import { applyFilter } from './where.js';

const shardKey = (keyspace: string, shard: string): string => `${keyspace}/${shard}`;

export class Assembler {
  readonly #options: AssemblerOptions;
  #position: Position;
  /** The last position a batch carried. */
  #given: Position;
  /** The plan after everything taken in, handed out or not. */
  #plan: CopyPlan;
  readonly #gtids = new Map<string, string>();
  #copying: TableRef | undefined;
  #ranges: RangeRows;
  readonly #copies = new Map<string, CopyBuilder>();
  #live = new Builder();
  readonly #announced = new Announced();

  constructor(position: Position, options: AssemblerOptions) {
    this.#position = position.settled();
    this.#given = this.#position;
    this.#plan = position.plan;
    this.#options = options;
    this.#ranges = new RangeRows(position.plan, undefined);
    this.#setGtids(position);
  }

  /** The position after the last batch handed out. */
  get position(): Position {
    return this.#position;
  }

  /** The copy plan after everything taken in. */
  get plan(): CopyPlan {
    return this.#plan;
  }

  /** Rows of a table are ahead of their shard, after everything taken in. */
  get isAhead(): boolean {
    const { since, shards } = this.#position;
    if (since.isEmpty) return false;
    return since.isOpen({ shards: shards.map((one) => ({ ...one, gtid: this.gtid(one.keyspace, one.shard) })), plan: this.#plan });
  }

  /** Every copy is finished and its shard has come as far. */
  get copied(): boolean {
    return this.#plan.done && !this.isAhead;
  }

  /** The same of one shard, after what was handed out. */
  copiedOn(keyspace: string, shard: string): boolean {
    return this.#plan.doneOn(keyspace, shard) && !this.#position.since.on(keyspace, shard);
  }

  /** True when the rows of a table on that shard were read ahead of it and hold this transaction. */
  isHeld(keyspace: string, table: string, shard: string, gtid: string | undefined): boolean {
    return this.#position.since.isHeld({ keyspace, table, shard, gtid }, this.#plan, this.gtid(keyspace, shard));
  }

  /** The GTID set of a shard after everything taken in. */
  gtid(keyspace: string, shard: string): string {
    return this.#gtids.get(shardKey(keyspace, shard)) ?? '';
  }

  /** True when changes wait to be handed out. */
  get hasChanges(): boolean {
    return this.#live.changes.length > 0 || this.#copies.size > 0;
  }

  /** True when positions moved beyond the last batch handed out. */
  get hasMoved(): boolean {
    return this.#position !== this.#given || this.#live.advances.size > 0 || this.#copies.size > 0;
  }

  /** Starts over from the last position handed out: what was taken in and not handed out is dropped. */
  rewind(): void {
    this.#copies.clear();
    this.#live = new Builder();
    this.#plan = this.#position.plan;
    this.#setGtids(this.#position);
  }

  /** With every RPC. */
  setCopying(table: TableRef | undefined): void {
    this.#copying = table;
    this.#ranges = new RangeRows(this.#plan, table);
  }

  /** True when the RPC copies what nobody wants: rows behind a range, or the table for another range than the next one. */
  get copiesInVain(): boolean {
    return this.#ranges.areRead(this.#plan);
  }

  /** Replaces position and plan between batches: a changed selection, a resolved `current`, a replaced shard set. */
  replace(position: Position): void {
    this.#position = position.settled();
    this.rewind();
  }

  /** A table's rows on one shard, read beside the stream. Nothing may be waiting to be handed out. */
  addSnapshot(rows: SnapshotRows): StreamBatch[] {
    const out: StreamBatch[] = [];
    for (const notice of rows.fields) this.#announce(notice, rows.shard, out);
    const { position, contents } = fromSnapshot(this.#position, rows, (changes) => applyFilter(changes, this.#options.keepsUnjudged));
    this.replace(position);
    return [...out, ...contents.map((content) => this.#batch(content))];
  }

  #setGtids(position: Position): void {
    this.#gtids.clear();
    for (const { keyspace, shard, gtid } of position.shards) this.#gtids.set(shardKey(keyspace, shard), gtid);
  }

  /**
   * Takes a group in. Returns the batches that had to be closed. `restarted` is called when copied rows belong to a table that
   * was already done on its shard: VTGate restarted that copy inside the RPC, which makes a new generation.
   */
  addGroup(unit: GroupUnit, restarted: (table: TableRef, shard: string) => void): StreamBatch[] {
    const out = this.announce(unit);
    const first = unit.changes[0];
    if (unit.copied && (first || this.#copying?.keyspace === unit.keyspace)) this.#addCopied(unit, first, restarted, out);
    else this.#addTransaction(unit, out);
    return out;
  }

  /** Tells of new table versions in a group, each once. */
  announce(unit: GroupUnit): StreamBatch[] {
    const out: StreamBatch[] = [];
    for (const notice of unit.fields) this.#announce(notice, unit.shard, out);
    return out;
  }

  addCheckpoint(unit: CheckpointUnit): StreamBatch[] {
    const out: StreamBatch[] = [];
    this.#closeCopy(unit.keyspace, unit.shard, out);
    this.#advance(this.#live, unit);
    return out;
  }

  /** The end of a shard's copy where no group said so. */
  addCopyCompleted(unit: UnitBase): StreamBatch[] {
    const out: StreamBatch[] = [];
    const copying = this.#copying;
    if (!copying || copying.keyspace !== unit.keyspace) return out;
    const state = this.#plan.shard(copying.keyspace, copying.table, unit.shard);
    if (!state || state.state === 'done') return out;
    this.#settle(shardKey(unit.keyspace, unit.shard), out);
    this.#endTable(
      copying,
      unit.shard,
      { state: 'done', generation: state.generation, rows: state.rows },
      this.gtid(unit.keyspace, unit.shard),
      out,
    );
    return out;
  }

  /**
   * A statement outside any transaction: closes everything before it; one batch per table it concerns, the last of which moves
   * the position. `recopy` names the tables whose rows have to be read again on that shard.
   */
  addStatement(unit: StatementUnit, changes: readonly SchemaChange[], recopy: readonly TableRef[]): StreamBatch[] {
    const out: StreamBatch[] = [];
    this.#closeAll(out);
    this.#advance(this.#live, unit);
    for (const { keyspace, table } of recopy) {
      const state = this.#plan.shard(keyspace, table, unit.shard);
      if (!state) continue;
      this.#plan = this.#plan.withShard(keyspace, table, unit.shard, again(state), this.#shardNames(keyspace));
    }
    changes.forEach((schema, index) => {
      const last = index === changes.length - 1;
      if (last) this.#move(this.#live, recopy.length > 0);
      out.push(this.#batch({ kind: 'schema', schema }));
      if (last) this.#live = new Builder();
    });
    return out;
  }

  /** A reshard: the next batch moves to this shard set as a whole (copy/reshard.ts). Call after `flush`. */
  replaceShards(vector: readonly VgtidEntry[]): void {
    this.replace(resharded(this.#position.with({ plan: this.#plan }), vector));
  }

  /** Hands out everything taken in. */
  flush(): StreamBatch[] {
    const out: StreamBatch[] = [];
    this.#closeAll(out);
    return out;
  }

  /** A batch without rows that carries the position as far as it moved. What waits to be handed out must be flushed before. */
  progress(progress: Progress): StreamBatch {
    if (this.hasChanges) throw new VStreamError('INTERNAL', 'a position was asked for while changes before it wait to be handed out');
    this.#move(this.#live, false);
    this.#live = new Builder();
    return this.#batch({ kind: 'progress', progress });
  }

  #batch(content: Omit<BatchContent, 'position'>): StreamBatch {
    this.#given = this.#position;
    return new StreamBatch({ ...content, position: this.#position });
  }

  #addTransaction(unit: GroupUnit, out: StreamBatch[]): void {
    this.#closeCopy(unit.keyspace, unit.shard, out);
    const { keyspace, shard, group, part } = unit;
    const changes = applyFilter(unit.changes, this.#options.keepsUnjudged);
    const ended = part?.last === false ? undefined : this.#position.partial.find((one) => isTransactionOf(one, unit));
    if (part) {
      this.#closeLive(out);
      if (ended) this.#live.ended.push(ended);
      this.#advance(this.#live, unit);
      // An empty last part is told too: it is what completes the transaction.
      if (changes.length > 0 || part.last) this.#push(changes, unit, { index: part.index, last: part.last });
      const applied = part.before + unit.changes.length;
      this.#closeLive(out, part.last ? undefined : { keyspace, shard, gtid: group.gtid ?? '', applied, parts: part.index + 1 });
      return;
    }
    if (changes.length > 0 && (this.#live.differs(changes) || this.#isFull(this.#live, unit))) this.#closeLive(out);
    if (ended) this.#live.ended.push(ended);
    this.#advance(this.#live, unit);
    if (changes.length > 0) this.#push(changes, unit, undefined);
    if (this.#isFull(this.#live)) this.#closeLive(out);
  }

  #push(changes: readonly ChangeRecord[], unit: GroupUnit, part: { index: number; last: boolean } | undefined): void {
    const live = this.#live;
    live.transactions.push(new BatchTransaction(unit, changes, part));
    live.add(changes, unit);
  }

  /** True when the limits are reached, or would be passed with `more`. */
  #isFull({ changes, bytes }: Builder, more?: GroupUnit): boolean {
    const { batchChanges, batchBytes } = this.#options;
    if (more) return changes.length + more.changes.length > batchChanges || bytes + more.bytes > batchBytes;
    return changes.length >= batchChanges || bytes >= batchBytes;
  }

  #addCopied(
    unit: GroupUnit,
    first: ChangeRecord | undefined,
    restarted: (table: TableRef, shard: string) => void,
    out: StreamBatch[],
  ): void {
    const { keyspace, shard, vgtid } = unit;
    const table = first ? { keyspace: first.keyspace, table: first.table } : (this.#copying as TableRef);
    if (this.#ranges.dropsGroup(unit, table)) return;
    const key = shardKey(keyspace, shard);
    this.#settle(key, out);
    let state = this.#plan.shard(table.keyspace, table.table, shard) ?? { state: 'pending', generation: 1 };
    if (first && state.state === 'done') {
      this.#closeCopy(keyspace, shard, out);
      state = again(state);
      this.#setCopy(table, shard, state);
      restarted(table, shard);
      const context = { ...first.context, generation: state.generation };
      for (const change of unit.changes) change.context = context;
    }
    let builder = this.#copies.get(key);
    if (builder && (builder.table !== table.table || builder.differs(unit.changes) || this.#isFull(builder, unit))) {
      this.#closeCopy(keyspace, shard, out);
      builder = undefined;
    }
    if (first && vgtid && state.state === 'pending' && this.#options.positionApart && this.#given.gtid(keyspace, shard) === '') {
      // Whoever resumes needs to know where these rows were read, or the changes since are lost with them.
      this.#move({ advances: new Map([[key, { keyspace, shard, gtid: vgtid.gtid }]]), ended: [] }, false);
      out.push(this.#batch({ kind: 'progress', progress: { type: 'position' } }));
    }
    // The end of a table that was not under way here any more is only a position.
    if (!first && state.state === 'done') {
      this.#closeCopy(keyspace, shard, out);
      this.#advance(this.#live, unit);
      return;
    }
    if (!builder) {
      builder = new CopyBuilder(table, shard, state.generation);
      this.#copies.set(key, builder);
    }
    const { rows, ended } = this.#ranges.take(unit, this.#plan.rangeOn(table.keyspace, table.table, shard));
    builder.add(applyFilter(rows, this.#options.keepsUnjudged), unit);
    if (!vgtid) return;
    const next = copyAfter(table.table, state, rows.length, ended ? { ...vgtid, pending: [] } : vgtid);
    if (next.state === 'done') {
      this.#endTable(table, shard, next, vgtid.gtid, out);
      return;
    }
    this.#setCopy(table, shard, next);
    this.#gtids.set(key, vgtid.gtid);
    builder.advances.set(key, { keyspace, shard, gtid: vgtid.gtid, copy: { table: table.table, state: next } });
    if (this.#isFull(builder)) this.#closeCopy(keyspace, shard, out);
  }

  /** Changes of a shard that came before its copied rows go out first: order per shard is kept. */
  #settle(key: string, out: StreamBatch[]): void {
    if (!this.#live.advances.has(key)) return;
    this.#closeLive(out);
    // An empty transaction may still wait with its position; it must not move the shard back later.
    const waiting = this.#live.advances.get(key);
    if (!waiting) return;
    this.#live.advances.delete(key);
    this.#move({ advances: new Map([[key, waiting]]), ended: [] }, false);
  }

  /** Rows still held go out under the state before the end; the end itself is a batch of its own, which sweeps. */
  #endTable(table: TableRef, shard: string, state: ShardCopy, gtid: string, out: StreamBatch[]): void {
    this.#closeCopy(table.keyspace, shard, out);
    const range = this.#plan.rangeOn(table.keyspace, table.table, shard);
    this.#setCopy(table, shard, state);
    this.#gtids.set(shardKey(table.keyspace, shard), gtid);
    const advances = new Map<string, Advance>();
    advances.set(shardKey(table.keyspace, shard), { keyspace: table.keyspace, shard, gtid, copy: { table: table.table, state } });
    this.#move({ advances, ended: [] }, false);
    out.push(this.#batch({ kind: 'progress', progress: tableEnd(table, shard, state, range) }));
  }

  #setCopy(table: TableRef, shard: string, state: ShardCopy): void {
    this.#plan = this.#plan.withShard(table.keyspace, table.table, shard, state, this.#shardNames(table.keyspace));
  }

  #shardNames(keyspace: string): string[] {
    return this.#position.shards.filter((one) => one.keyspace === keyspace).map((one) => one.shard);
  }

  #advance(builder: Builder, { keyspace, shard, vgtid }: UnitBase): void {
    if (!vgtid || vgtid.gtid === '' || vgtid.gtid === 'current') return;
    const key = shardKey(keyspace, shard);
    this.#gtids.set(key, vgtid.gtid);
    builder.advances.set(key, { keyspace, shard, gtid: vgtid.gtid });
  }

  #announce(notice: FieldNotice, shard: string, out: StreamBatch[]): void {
    const schema = this.#announced.take(notice, shard);
    if (!schema) return;
    this.#closeAll(out);
    out.push(this.#batch({ kind: 'schema', schema }));
  }

  #closeAll(out: StreamBatch[]): void {
    for (const builder of [...this.#copies.values()]) this.#closeCopy(builder.keyspace, builder.shard, out);
    this.#closeLive(out);
  }

  #closeCopy(keyspace: string, shard: string, out: StreamBatch[]): void {
    const key = shardKey(keyspace, shard);
    const builder = this.#copies.get(key);
    if (!builder) return;
    this.#copies.delete(key);
    this.#move(builder, false);
    if (builder.changes.length === 0) return;
    const { changes, bytes, table, generation } = builder;
    out.push(this.#batch({ kind: 'copy', changes, bytes, copy: { keyspace, table, shard, generation } }));
  }

  /** Without changes nothing is handed out: the moved position stays with the builder until somebody asks for progress. */
  #closeLive(out: StreamBatch[], started?: PartialTransaction): void {
    const builder = this.#live;
    if (builder.transactions.length === 0) {
      // A part whose every change the filter dropped still counts: a replay skips it.
      if (started) this.#move(builder, false, started);
      return;
    }
    this.#move(builder, false, started);
    this.#live = new Builder();
    const { changes, transactions, bytes, lagMs } = builder;
    out.push(this.#batch({ kind: 'transactions', changes, transactions, bytes, lagMs }));
  }

  #move(moves: Moves, takePlan: boolean, started?: PartialTransaction): void {
    this.#position = moved(this.#position, moves, takePlan ? this.#plan : undefined, started);
  }
}
