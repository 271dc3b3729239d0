/**
 * One shard's part of a VStream, as tablet and VTGate together produce it: start modes, the copy with its catch-ups, then
 * replication (protocol.md B.3 to B.6, measured.md sections 1 and 2). Packets are pulled one at a time, so nothing is buffered
 * for a slow client, and the vector is encoded at the moment it is sent.
 */
import { VEventType, type TableLastPK } from '../wire/gen/binlogdata_pb.js';
import type { RowsEvent, ShardJournal, Transaction } from './binlog.js';
import { fieldOf, type Column } from './columns.js';
import { encodeRow } from './encode.js';
import type { Shard } from './engine.js';
import { envelopeFields, event, rowEnvelope, rowEvent, vgtid, type Packet, type VectorEntry, type WireEvent } from './events.js';
import type { Filter, TablePlan } from './filter.js';
import { GtidSet } from './gtid.js';
import { encodeChange } from './images.js';
import { decodeLastKey, lastKey } from './last-key.js';
import type { TableStore } from './table-store.js';
import { commonFields, heartbeatEvents, journalOf, type Common } from './transaction-events.js';
import type { Row } from './values.js';

const FLAVOUR = 'MySQL56/';

/** Ends the RPC with a gRPC status. */
export class StreamFailure extends Error {
  readonly code: number;

  constructor(code: number, details: string) {
    super(details);
    this.code = code;
  }
}

export interface RunContext {
  readonly shard: Shard;
  readonly entry: VectorEntry;
  /** The stream's whole vector; VTGate's, shared by all runs of the RPC. */
  readonly vector: () => readonly VectorEntry[];
  readonly filter: Filter;
  readonly tablesToCopy: readonly string[];
  readonly packetBytes: number;
  readonly bareTableNames: boolean;
  readonly keyspaceHeartbeats: boolean;
  /** JOURNAL events are delivered (`stop_on_reshard` or `include_reshard_journal_events`). */
  readonly journalEvents: boolean;
  /** Transactions before the position that are delivered once more (fault `duplicateAfterResume`). */
  readonly replayed: number;
  /** Called at points of the copy where tests want to write, cut or restart. */
  readonly atCopyPoint: (point: CopyPoint) => void;
}

export interface CopyPoint {
  readonly keyspace: string;
  readonly shard: string;
  readonly table: string;
  /** `snapshot`: before the table is read; `opened`: before its first row; `rows`: after a packet of rows was made; `end`: its entry is removed. */
  readonly at: 'snapshot' | 'opened' | 'rows' | 'end';
  /** Rows of this table copied so far in this run. */
  readonly rows: number;
}

/** Why a run sends nothing although transactions are there: the position is of no use to this server (measured.md section 4). */
export type StuckReason = 'purged' | 'ahead';

export class ShardRun {
  readonly shard: Shard;
  readonly entry: VectorEntry;
  stuck: StuckReason | undefined;
  /** The journal the run stopped at. */
  journal: ShardJournal | undefined;
  copyCompleted = false;
  #stopped = false;
  #context: RunContext;
  #packets: Generator<Packet | undefined, void>;
  #position = new GtidSet();
  #index = 0;
  /** Version of each table whose FIELD this tablet stream has sent. */
  #sentFields = new Map<string, number>();
  /** Tables still to be copied; their changes are dropped until they have a last key. */
  #pending: Map<string, TableLastPK | undefined> | undefined;

  constructor(context: RunContext) {
    this.#context = context;
    this.shard = context.shard;
    this.entry = context.entry;
    this.#packets = this.#run();
  }

  /** The next packet; undefined while there is nothing to send. */
  next(): Packet | undefined {
    try {
      return this.#packets.next().value ?? undefined;
    } catch (error) {
      if (!this.#stopped) throw error;
    }
    return undefined;
  }

  /** The tablet stream broke: a copy under way says nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  *#run(): Generator<Packet | undefined, void> {
    const { entry } = this;
    if (entry.gtid === 'current' && entry.keys.length === 0) {
      this.#position = this.shard.server.executed.clone();
      this.#index = this.shard.server.endIndex;
      entry.gtid = FLAVOUR + this.#position.toString();
      yield { events: [this.#vgtid(), this.#event({ type: VEventType.OTHER })], end: true };
    } else {
      yield* this.#start(entry.gtid);
      if (entry.gtid === '' || entry.keys.length > 0) yield* this.#copy();
    }
    this.#pending = undefined;
    this.#sentFields.clear(); // a new tablet stream sends FIELD again
    yield* this.#replicate();
  }

  /** Sets the position; waits while it is purged or ahead, as the real one does without a word. */
  *#start(text: string): Generator<undefined, void> {
    const { server } = this.shard;
    if (text === '') {
      this.#index = server.endIndex;
      return;
    }
    const set = text.startsWith(FLAVOUR) ? GtidSet.parse(text.slice(FLAVOUR.length)) : undefined;
    if (!set)
      throw new StreamFailure(
        13,
        `could not decode position: parse error: unknown GTIDSet flavor ${JSON.stringify(text.includes('/') ? text.split('/')[0] : '')}`,
      );
    this.#position = set;
    for (;;) {
      if (!server.executed.covers(set)) this.stuck = 'ahead';
      else if (!set.covers(server.purged)) this.stuck = 'purged';
      else break;
      yield undefined;
    }
    this.stuck = undefined;
    this.#index = server.firstIndex;
    this.#skipSeen();
    if (this.#context.replayed > 0) this.#rewind(this.#context.replayed);
  }

  #skipSeen(): void {
    for (
      let next = this.shard.server.at(this.#index);
      next && this.#position.has(next.uuid, next.number);
      next = this.shard.server.at(this.#index)
    )
      this.#index += 1;
  }

  #rewind(count: number): void {
    const again = new GtidSet();
    for (let back = count; back > 0 && this.#index > this.shard.server.firstIndex; back -= 1) {
      this.#index -= 1;
      const transaction = this.shard.server.at(this.#index) as Transaction;
      again.add(transaction.uuid, transaction.number);
    }
    this.#position = this.#position.minus(again);
  }

  // ---- replication

  *#replicate(): Generator<Packet | undefined, void> {
    for (;;) {
      const transaction = this.shard.server.at(this.#index);
      if (!transaction) {
        if (this.#index < this.shard.server.firstIndex) this.stuck = 'purged';
        yield undefined;
        continue;
      }
      yield* this.#transaction(transaction);
      if (this.journal) return;
    }
  }

  /** Sends everything committed so far: catch-up and fast-forward of the copy. */
  *#catchUp(): Generator<Packet | undefined, void> {
    this.#sentFields.clear();
    for (let next = this.shard.server.at(this.#index); next; next = this.shard.server.at(this.#index)) yield* this.#transaction(next);
  }

  *#transaction(transaction: Transaction): Generator<Packet, void> {
    this.#index += 1;
    if (this.#position.has(transaction.uuid, transaction.number)) return;
    const own = transaction.keyspace === this.shard.keyspace && transaction.shard === this.shard.name;
    if (transaction.undecodable !== undefined && own) throw new StreamFailure(2, transaction.undecodable);
    const common = commonFields(transaction, this.shard);
    const adopt = (): WireEvent => {
      this.#position.add(transaction.uuid, transaction.number);
      this.entry.gtid = FLAVOUR + this.#position.toString();
      return this.#vgtid();
    };
    if (transaction.ddl) {
      const wanted = own && transaction.ddl.tables.some((table) => this.#context.filter.matches(table));
      const position = adopt();
      const body = wanted
        ? event({ ...common, type: VEventType.DDL, statement: transaction.ddl.statement })
        : event({ ...common, type: VEventType.OTHER });
      yield { events: [position, body], end: true };
      return;
    }
    if (transaction.journal && own) {
      this.journal = transaction.journal;
      if (!this.#context.journalEvents) return; // VTGate swallows the whole transaction [topology/reshard-default]
      const journal = journalOf(transaction.journal);
      yield {
        events: [
          event({ ...common, type: VEventType.BEGIN }),
          event({ ...common, type: VEventType.JOURNAL, journal }),
          adopt(),
          event({ ...common, type: VEventType.COMMIT }),
        ],
        end: true,
      };
      return;
    }
    yield* this.#rowsOf(transaction, own, common, adopt);
  }

  *#rowsOf(transaction: Transaction, own: boolean, common: Common, adopt: () => WireEvent): Generator<Packet, void> {
    let events: WireEvent[] = [event({ ...common, type: VEventType.BEGIN })];
    let buffered = 0;
    if (transaction.versionEvent && own) {
      events.push(event({ ...common, type: VEventType.VERSION }));
      yield { events, end: false }; // VERSION ends a packet without being terminal [shapes/where-and-truncate]
      events = [];
    }
    if (transaction.heartbeat && own && this.#context.keyspaceHeartbeats) {
      const names = { ...this.#place(), tableName: this.#context.bareTableNames ? 'heartbeat' : `${this.shard.keyspace}.heartbeat` };
      events.push(...heartbeatEvents(names, transaction.heartbeat, common, !this.#sentFields.has('_vt.heartbeat')));
      this.#sentFields.set('_vt.heartbeat', 0);
    }
    const envelope = own && transaction.rows.length > 0 ? envelopeFields(common) : undefined;
    for (const rows of own ? transaction.rows : []) {
      const plan = this.#planFor(rows);
      if (!plan) continue;
      const field = this.#fieldEvent(plan, common, false);
      if (field) events.push(field);
      const changes = rows.changes.flatMap((change) => encodeChange(plan, rows, change) ?? []);
      if (changes.length === 0) continue;
      const size = changes.reduce((sum, change) => sum + (change.before?.size ?? 0) + (change.after?.size ?? 0), 0);
      if (buffered > 0 && buffered + size > this.#context.packetBytes) {
        yield { events, end: false };
        events = [];
        buffered = 0;
      }
      events.push(rowEvent(rowEnvelope(this.#names(plan), 16 | (rows.endOfStatement ? 1 : 0), false, envelope as Uint8Array), changes));
      buffered += size;
    }
    events.push(adopt(), event({ ...common, type: VEventType.COMMIT }));
    yield { events, end: true };
  }

  /** The table's plan, unless no rule wants it or its copy is still to come: then its changes are dropped (measured.md section 2). */
  #planFor(rows: RowsEvent): TablePlan | undefined {
    const table = rows.version.name;
    if (this.#pending?.has(table) && (this.#pending.get(table)?.lastpk?.rows.length ?? 0) === 0) return undefined;
    const plan = this.#context.filter.plan(rows.version, 'replication');
    if (plan && 'error' in plan) throw new StreamFailure(2, plan.error);
    return plan;
  }

  *#copy(): Generator<Packet | undefined, void> {
    const { shard, entry } = this;
    const plans = this.#tablesToCopy();
    this.#pending = new Map([...plans.keys()].map((table) => [table, entry.keys.find((key) => key.tableName === table)]));
    let fresh = entry.gtid === '';
    for (const table of plans.keys()) {
      this.#reach(table, 'snapshot', 0);
      if (!fresh) yield* this.#catchUp();
      const store = shard.tables.get(table);
      const plan = store && this.#context.filter.plan(store.version, 'copy');
      if (!store || !plan || 'error' in plan) {
        throw new StreamFailure(2, plan && 'error' in plan ? plan.error : `table ${table} is not present in the database`);
      }
      yield* this.#copyTable(store, plan, fresh);
      fresh = false;
    }
    this.copyCompleted = true;
    yield { events: [this.#event({ type: VEventType.COPY_COMPLETED })], end: true };
  }

  /** Names in byte order, each matched by a rule and, where `tables_to_copy` is given, listed in it. */
  #tablesToCopy(): Map<string, true> {
    const { shard } = this;
    const { filter, tablesToCopy } = this.#context;
    const listed = (table: string): boolean => tablesToCopy.length === 0 || tablesToCopy.includes(table);
    for (const table of filter.exactTables()) {
      if (!shard.tables.has(table)) throw new StreamFailure(2, `table ${table} is not present in the database`);
    }
    const names = [...shard.tables.keys()].filter((table) => filter.matches(table) && listed(table));
    if (names.length === 0 && this.entry.gtid === '') throw new StreamFailure(2, 'stream needs a position or a table to copy');
    return new Map(names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((table) => [table, true]));
  }

  *#copyTable(store: TableStore, plan: TablePlan, fresh: boolean): Generator<Packet, void> {
    const { shard, entry } = this;
    const { name: table, columns, key } = plan.version;
    const snapshot = store.snapshot();
    const keyColumns = key.length > 0 ? key : columns.map((_, index) => index);
    const last = this.#pending?.get(table)?.lastpk;
    yield { events: [this.#begin(), this.#copyField(plan)], end: false };
    if (fresh) {
      // The position changes here, between FIELD and rows: two VGTIDs in the first transaction of a copy.
      this.#position = shard.server.executed.clone();
      this.#index = shard.server.endIndex;
      entry.gtid = FLAVOUR + this.#position.toString();
      yield { events: [this.#vgtid()], end: false };
    }
    this.#reach(table, 'opened', 0);
    const envelope = rowEnvelope(this.#names(plan), 0, false, envelopeFields({ keyspace: shard.keyspace, shard: shard.name }));
    let open = true;
    let events: WireEvent[] = [];
    let bytes = 0;
    let copied = 0;
    let lastRow: Row | undefined;
    const packet = function* (this: ShardRun): Generator<Packet, void> {
      if (!open) yield { events: [this.#begin()], end: false };
      open = false;
      entry.setKey(table, lastKey(columns, keyColumns, lastRow as Row));
      this.#pending?.set(
        table,
        entry.keys.find((one) => one.tableName === table),
      );
      events.push(this.#vgtid(), this.#event({ type: VEventType.COMMIT }));
      yield { events, end: true };
      events = [];
      bytes = 0;
      this.#reach(table, 'rows', copied);
    }.bind(this);
    for (const row of snapshot.rows(
      last
        ? decodeLastKey(
            keyColumns.map((at) => columns[at] as Column),
            last,
          )
        : undefined,
    )) {
      lastRow = row; // the last row read, also when the filter drops it
      copied += 1;
      if (plan.filtered && !plan.passes(row)) continue;
      const after = encodeRow(columns, plan.picks, row, 'copy');
      events.push(rowEvent(envelope, [{ after }]));
      bytes += after.size;
      if (bytes > this.#context.packetBytes) yield* packet();
    }
    if (events.length > 0) yield* packet();
    entry.removeKey(table);
    this.#pending?.delete(table);
    yield { events: [this.#begin(), this.#vgtid(), this.#event({ type: VEventType.COMMIT })], end: true };
    this.#reach(table, 'end', copied);
  }

  // ---- events

  #reach(table: string, at: CopyPoint['at'], rows: number): void {
    this.#context.atCopyPoint({ keyspace: this.shard.keyspace, shard: this.shard.name, table, at, rows });
    if (this.#stopped) throw new Error('stopped');
  }

  #names(plan: TablePlan): { tableName: string; keyspace: string; shard: string } {
    const { keyspace, name: shard } = this.shard;
    return { tableName: this.#context.bareTableNames ? plan.version.name : `${keyspace}.${plan.version.name}`, keyspace, shard };
  }

  #place(): { keyspace: string; shard: string } {
    return { keyspace: this.shard.keyspace, shard: this.shard.name };
  }

  #event(init: Parameters<typeof event>[0]): WireEvent {
    return event({ ...init, keyspace: this.shard.keyspace, shard: this.shard.name });
  }

  #begin(): WireEvent {
    return this.#event({ type: VEventType.BEGIN });
  }

  #vgtid(): WireEvent {
    return vgtid(this.#context.vector(), this.shard.keyspace, this.shard.name);
  }

  #copyField(plan: TablePlan): WireEvent {
    return this.#fieldEvent(plan, { keyspace: this.shard.keyspace, shard: this.shard.name }, true) as WireEvent;
  }

  /** FIELD; in replication only when this table's version was not announced yet on this tablet stream. */
  #fieldEvent(plan: TablePlan, common: Common, copying: boolean): WireEvent | undefined {
    const { columns, id, name } = plan.version;
    if (!copying && this.#sentFields.get(name) === id) return undefined;
    if (!copying) this.#sentFields.set(name, id);
    const picked = plan.picks.map((at) => columns[at] as Column);
    const fields = picked.map((column) => fieldOf(column, name, this.shard.database));
    // Copy: always true. Replication: only for tables with ENUM or SET (values.md A.4).
    const enumSetStringValues = copying || picked.some((column) => column.kind === 'label');
    return event({ ...common, type: VEventType.FIELD, fieldEvent: { ...this.#names(plan), fields, enumSetStringValues } });
  }
}
