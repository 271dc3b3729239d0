/**
 * Turns the events of one RPC into units: whole transactions, groups of copied rows, statements, bare positions. Layer 3.
 * The grammar decides (grammar.ts), this executes: it owns no time and no network, so every recording can be fed to it.
 */
import { ByShard } from '../internal/by-shard.js';
import { readBitmap } from '../wire/message.js';
import { RepeatedName } from '../wire/names.js';
import { type EventView, ResponseScanner, type RowEventVisitor, scanRowEvent } from '../wire/scan.js';
import { readVgtid, readVgtidEntry, type VgtidEntry } from '../wire/vgtid.js';
import { countGtids, parseGtidSet } from '../position/gtid.js';
import type { Op } from './change.js';
import { EVENT_KIND, GRAMMAR } from './grammar.js';
import type { GrouperOptions } from './grouper-options.js';
import { ChangeRecord, type GroupContext, type TableContext } from './record.js';
import { withPlace } from './row-failure.js';
import { ShardSet } from './shard-set.js';
import { HeldChanges } from './held.js';
import { clearGroup, type OpenShard as Shard, openShard, tooLarge } from './open-shard.js';
import { type FieldNotice, ShardTables } from './tables.js';
import type { Unit, UnitBase } from './units.js';

export type { GrouperOptions } from './grouper-options.js';
export type { CheckpointUnit, CopyCompletedUnit, GroupUnit, StatementUnit, Unit, UnitBase } from './units.js';

const HEARTBEAT = 14;
const ROW = 12;

export class Grouper implements RowEventVisitor {
  readonly #options: GrouperOptions;
  readonly #scanner = new ResponseScanner();
  readonly #tableName = new RepeatedName();
  readonly #shards = new ByShard<Shard>();
  readonly #set: ShardSet;
  #units: Unit[] = [];
  /** The shard, table and kind of the ROW event being walked. */
  #shard: Shard | undefined;
  #lastName = '';
  #lastShard: Shard | undefined;
  #context: TableContext | undefined;
  #copyRow = false;
  #wanted = false;
  #rowGtid: string | undefined;
  #keptOut = false;
  /** VTGate's own heartbeats seen; they prove nothing about a shard (G135). */
  heartbeats = 0;
  /** Rows of the tablets' heartbeat tables seen, by `keyspace/shard`: the best sign of life. */
  readonly keyspaceHeartbeats: Map<string, number> = new Map();

  constructor(options: GrouperOptions) {
    this.#options = options;
    this.#set = new ShardSet(options.shards, options.reshards);
    for (const { keyspace, shard, gtid = '' } of options.shards) this.#addShard(keyspace, shard, gtid, false);
  }

  #addShard(keyspace: string, shard: string, gtid: string, joined: boolean): Shard {
    const reshards = this.#set.behind(keyspace, shard);
    const splits = (this.#options.skip ?? []).filter((one) => one.keyspace === keyspace && one.shard === shard);
    const { catalog, isHeld } = this.#options;
    const added = openShard({
      keyspace,
      shard,
      tables: new ShardTables(catalog, keyspace, shard),
      held: isHeld && new HeldChanges(isHeld, keyspace, shard),
      group: this.#newGroup(keyspace, shard, reshards),
      joined,
      reshards,
      splits: new Map(splits.map((one) => [one.gtid, one])),
      gtid,
    });
    this.#shards.set(keyspace, shard, added);
    return added;
  }

  /** Feeds one VStreamResponse; returns the units it completed, in order. The array belongs to the caller. */
  push(response: Buffer): Unit[] {
    this.#scanner.scan(response, this.#visit, this.#addCopiedRow);
    const units = this.#units;
    this.#units = [];
    return units;
  }

  /** Takes up changed generations and selections between units. */
  refresh(): void {
    for (const shard of this.#shards.values()) shard.tables.refresh();
    this.#lastShard = undefined;
  }

  /** True for a row of a copy that is wanted: those like it that follow come through `#addCopiedRow`. */
  readonly #visit = (event: EventView): boolean => {
    this.#wanted = false;
    try {
      this.#see(event);
      return this.#wanted && this.#copyRow && event.type === ROW && this.#shard?.copied === true;
    } catch (error) {
      throw this.#placed(error, event);
    }
  };

  /** What is wrong with an event says in which shard, table and transaction. */
  #placed(error: unknown, { keyspace, shard: name, type }: EventView): unknown {
    const shard = this.#shards.get(keyspace, name);
    if (!shard) return error;
    const { gtid } = shard.group;
    const table = type === ROW && this.#lastShard === shard ? this.#context?.table : undefined;
    return withPlace(error, { keyspace, shard: name, table, gtid, shardGtid: shard.gtid });
  }

  #see(event: EventView): void {
    if (event.keyspace === '') {
      if (event.type === HEARTBEAT) this.heartbeats++;
      // The final COPY_COMPLETED has no shard and may never come after a resume (G48, G49): shards are counted instead.
      return;
    }
    const shard = this.#shardOf(event);
    if (event.type === ROW && shard.state === 'open') {
      this.#addRows(shard, event);
      return;
    }
    const kind = EVENT_KIND[event.type] ?? 'unknown';
    if (shard.copied && event.timestamp > 0 && (kind === 'ddl' || kind === 'other')) this.#abandonCopy(shard);
    const transition = GRAMMAR[shard.state][kind];
    shard.state = transition.next;
    switch (transition.action) {
      case 'ignore':
      case 'journal':
        break;
      case 'open':
      case 'reopen':
        this.#open(shard, event, transition.action === 'reopen');
        break;
      case 'learnFields': {
        const notice = shard.tables.learn(event.body());
        // Copy events carry no time; each cycle of a table's copy begins with its FIELD, so a second one is a restart.
        if (event.timestamp === 0) {
          const name = shard.tables.nameIn(event.body());
          if (shard.copyBegun.has(name)) shard.copyRestarted = name;
          shard.copyBegun.add(name);
        }
        this.#lastShard = undefined;
        this.#told(shard, notice && shard.held ? shard.held.learned(notice, event.timestamp === 0, gtidOf(shard, event)) : notice);
        break;
      }
      case 'addRows':
        this.#addRows(shard, event);
        break;
      case 'openAndAddRows':
        this.#open(shard, event, false);
        this.#addRows(shard, event);
        break;
      case 'holdPosition':
        shard.vgtid =
          event.bodyStart < 0 ? undefined : readVgtidEntry(event.buffer, event.bodyStart, event.bodyEnd, shard.keyspace, shard.shard);
        if (shard.joined) shard.vector = readVgtid(event.buffer, event.bodyStart, event.bodyEnd);
        break;
      case 'finish':
        this.#finish(shard, event);
        break;
      case 'discard':
        this.#reset(shard);
        break;
      case 'statement':
        this.#units.push({ kind: 'statement', statement: event.bodyText(), gtid: event.gtid(), ...this.#base(shard, event) });
        this.#adopt(shard);
        break;
      case 'attachStatement':
        shard.statements.push(event.bodyText());
        break;
      case 'checkpoint':
        this.#units.push({ kind: 'checkpoint', ...this.#base(shard, event) });
        this.#adopt(shard);
        break;
      case 'copyCompleted':
        // No terminal event: a vector that waits for its own is not adopted here (G48).
        this.#units.push({ kind: 'copy-completed', ...this.#base(shard, event), vgtid: undefined });
        break;
    }
  }

  #base(shard: Shard, event: EventView): UnitBase {
    const known = event.timestamp > 0 && event.currentTimeMs > 0;
    return {
      vector: this.#takeVector(shard),
      keyspace: shard.keyspace,
      shard: shard.shard,
      vgtid: shard.vgtid,
      timestamp: event.timestamp,
      lagMs: known ? Math.max(0, event.currentTimeMs - event.timestamp * 1000) : undefined,
    };
  }

  #takeVector(shard: Shard): readonly VgtidEntry[] | undefined {
    const { keyspace, vector } = shard;
    if (!vector) return undefined;
    shard.joined = false;
    shard.vector = undefined;
    const gone = this.#set.replace(keyspace, vector);
    // Traffic can be switched back: a shard that comes again joins again.
    for (const name of gone ?? []) this.#shards.delete(keyspace, name);
    return gone && vector;
  }

  #shardOf({ keyspace, shard }: EventView): Shard {
    return this.#shards.get(keyspace, shard) ?? this.#addShard(keyspace, shard, '', true);
  }

  #newGroup(keyspace: string, shard: string, reshards: number): GroupContext {
    const phase = this.#options.phase(keyspace, shard);
    return { gtid: undefined, commitTime: undefined, phase, reshards, shardGtid: '', transactions: undefined };
  }

  /** The held vector becomes the shard's position. */
  #adopt(shard: Shard): void {
    if (shard.vgtid) {
      shard.gtid = shard.vgtid.gtid;
      shard.unplaced = 0;
    }
    shard.vgtid = undefined;
  }

  #open(shard: Shard, event: EventView, again: boolean): void {
    const { copyRestarted, splits } = shard;
    this.#reset(shard);
    if (again) shard.copyRestarted = copyRestarted;
    shard.state = 'open';
    shard.copied = event.timestamp === 0;
    shard.group.gtid = event.gtid();
    if (shard.copied) shard.group.phase = 'copy';
    const split = splits.get(shard.group.gtid ?? '');
    if (split) {
      shard.skip = split.applied;
      shard.parts = split.parts;
    }
  }

  /**
   * What has a time comes from the binary log: VTGate began the copy again inside the RPC (G108) while a group of it was open. What stands
   * outside of groups there would go with the group at the next BEGIN.
   */
  #abandonCopy(shard: Shard): void {
    const { vgtid } = shard;
    this.#reset(shard);
    shard.vgtid = vgtid;
    shard.state = vgtid ? 'announced' : 'idle';
  }

  #reset(shard: Shard): void {
    clearGroup(shard, this.#newGroup(shard.keyspace, shard.shard, shard.reshards));
  }

  #addRows(shard: Shard, event: EventView): void {
    this.#shard = shard;
    this.#copyRow = event.timestamp === 0;
    this.#rowGtid = shard.held && gtidOf(shard, event);
    this.#keptOut = false;
    scanRowEvent(event.buffer, event.bodyStart, event.bodyEnd, this);
    if (this.#wanted && !this.#keptOut) shard.bytes += event.bodyEnd - event.bodyStart;
    if (shard.bytes > this.#options.transactionBytes && !shard.copied) this.#tooLarge(shard, event);
  }

  rowTable(buffer: Buffer, nameStart: number, nameEnd: number, internal: boolean): boolean {
    const shard = this.#shard as Shard;
    if (internal) {
      const name = `${shard.keyspace}/${shard.shard}`;
      this.keyspaceHeartbeats.set(name, (this.keyspaceHeartbeats.get(name) ?? 0) + 1);
      return false;
    }
    const name = this.#tableName.read(buffer, nameStart, nameEnd);
    if (name !== this.#lastName || this.#lastShard !== shard) {
      this.#context = shard.tables.find(name);
      this.#lastName = name;
      this.#lastShard = shard;
    }
    this.#wanted = this.#context !== undefined;
    if (this.#context === undefined) return false;
    if (shard.held) {
      // Neither counted nor numbered: as if the table came into the stream behind its snapshot.
      this.#keptOut = !this.#copyRow && shard.held.keepsOut(this.#context.table, this.#rowGtid);
      if (this.#keptOut) return false;
      this.#told(shard, shard.held.untold(this.#context.table));
    }
    return true;
  }

  #told(shard: Shard, notice: FieldNotice | undefined): void {
    if (notice) shard.fields.push(notice);
  }

  rowChange(
    buffer: Buffer,
    beforeStart: number,
    beforeEnd: number,
    afterStart: number,
    afterEnd: number,
    dataStart: number,
    dataEnd: number,
    jsonStart: number,
    jsonEnd: number,
  ): void {
    const shard = this.#shard as Shard;
    const ordinal = shard.ordinal++;
    if (ordinal < shard.skip) return;
    let op: Op;
    if (afterStart < 0) {
      if (beforeStart < 0) return;
      op = 'delete';
    } else if (beforeStart >= 0) op = 'update';
    else op = this.#copyRow ? 'copy' : 'insert';
    const { changes } = shard;
    // Not `push`, which onto a list that began empty is a call for each row.
    changes[changes.length] = new ChangeRecord(
      this.#context as TableContext,
      shard.group,
      buffer,
      beforeStart,
      beforeEnd,
      afterStart,
      afterEnd,
      dataStart < 0 ? undefined : readBitmap(buffer, dataStart, dataEnd),
      jsonStart < 0 ? undefined : readBitmap(buffer, jsonStart, jsonEnd),
      ordinal,
      op,
    );
  }

  /** There is one for each row of a copy: nothing around the row is read again. */
  readonly #addCopiedRow = (buffer: Buffer, start: number, end: number, rowEventBytes: number): void => {
    (this.#shard as Shard).bytes += rowEventBytes;
    this.rowChange(buffer, -1, -1, start, end, -1, -1, -1, -1);
  };

  #finish(shard: Shard, event: EventView): void {
    const { group, changes, fields, splits } = shard;
    group.gtid ??= event.gtid();
    group.commitTime = event.timestamp > 0 ? event.timestamp : undefined;
    if (shard.vgtid) group.shardGtid = shard.vgtid.gtid;
    else if (changes.length > 0) this.#countAhead(shard);
    this.#units.push({
      kind: 'group',
      copied: shard.copied,
      group,
      changes,
      fields,
      statements: shard.statements,
      copyRestarted: shard.copyRestarted,
      bytes: shard.bytes,
      part: shard.parts > 0 ? { index: shard.parts, last: true, before: shard.ordinal - changes.length } : undefined,
      ...this.#base(shard, event),
    });
    if (splits.size > 0) splits.delete(group.gtid ?? '');
    if (!shard.vgtid) shard.unplaced++;
    this.#adopt(shard);
    shard.fields = [];
    this.#reset(shard);
  }

  /** Where the group stands among the shard's transactions, told before its own vector: right behind those before it. */
  #countAhead(shard: Shard): void {
    shard.group.transactions ??= countGtids(parseGtidSet(shard.gtid) ?? new Map()) + BigInt(shard.unplaced + 1);
  }

  #tooLarge(shard: Shard, event: EventView): void {
    const { transactionBytes, hugeTransaction } = this.#options;
    const { group, changes, fields, bytes, ordinal } = shard;
    const { gtid } = group;
    if (hugeTransaction === 'fail' || gtid === undefined) throw tooLarge(shard, gtid, transactionBytes);
    shard.bytes = 0;
    // A replay still among what was handed out before.
    if (changes.length === 0) return;
    this.#countAhead(shard);
    const index = shard.parts++;
    this.#units.push({
      kind: 'group',
      copied: false,
      group,
      changes,
      fields,
      statements: [],
      copyRestarted: undefined,
      bytes,
      part: { index, last: false, before: ordinal - changes.length },
      ...this.#base(shard, event),
      vgtid: undefined,
    });
    shard.splits.set(gtid, { applied: ordinal, parts: shard.parts });
    shard.changes = [];
    shard.fields = [];
  }
}

function gtidOf({ group }: Shard, event: EventView): string | undefined {
  return group.gtid ?? event.gtid();
}
