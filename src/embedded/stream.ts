/**
 * One VStream RPC: resolves the request, pulls packets from the runs of its shards, one unit (up to COMMIT, DDL, OTHER or
 * COPY_COMPLETED) at a time, and writes them as fast as the client reads. Heartbeats are VTGate's: after a silence only.
 */
import { VEventType } from '../wire/gen/binlogdata_pb.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import type { ShardJournal } from './binlog.js';
import type { Engine, Shard } from './engine.js';
import { event, response, VectorEntry, type Packet, type WireEvent } from './events.js';
import type { Faults } from './faults.js';
import { Filter } from './filter.js';
import { copyKeys } from './last-key.js';
import { ShardRun, StreamFailure } from './shard-run.js';

/** What the stream needs of the RPC under it. */
export interface Wire {
  /** False: wait for `drained`. */
  write(message: Buffer): boolean;
  /** Resolves when the client has read on, or when the RPC is over. */
  drained(): Promise<void>;
}

export interface StreamSettings {
  packetBytes: number;
  /** After this long with a purged position the real server gives up with CANCELLED (measured.md section 4). */
  purgedTimeoutMs: number;
}

export class Stream {
  readonly request: VStreamRequest;
  #engine: Engine;
  #faults: Faults;
  #wire: Wire;
  #settings: StreamSettings;
  #vector: VectorEntry[] = [];
  #runs: ShardRun[] = [];
  #idle = new Set<ShardRun>();
  #completed = new Set<VectorEntry>();
  #journals = new Map<bigint, { journal: ShardJournal; runs: ShardRun[] }>();
  #filter: Filter;
  #wake: (() => void) | undefined;
  #over = false;
  #failure: StreamFailure | undefined;
  #cleanup: (() => void)[] = [];
  #sent = false;
  #lastSent = 0;
  #quiet: (() => void)[] = [];
  #blocked = false;
  #watchers: (() => void)[] = [];

  constructor(engine: Engine, faults: Faults, request: VStreamRequest, wire: Wire, settings: StreamSettings) {
    this.#engine = engine;
    this.#faults = faults;
    this.request = request;
    this.#wire = wire;
    this.#settings = settings;
    this.#filter = new Filter(request.filter?.rules ?? []);
  }

  get shards(): readonly string[] {
    return this.#vector.map((entry) => `${entry.keyspace}/${entry.shard}`);
  }

  /** Runs until the RPC ends: normally on a reshard with `stop_on_reshard`, else by `close`, or with a StreamFailure. */
  async run(): Promise<void> {
    try {
      this.#vector = this.#resolve();
      this.#runs = this.#vector.map((entry) => this.#startRun(entry, this.#faults.takeReplayed()));
      this.#watchClock();
      await this.#pump();
    } finally {
      this.close();
    }
  }

  /** Ends `run` at once; what was not written yet is dropped. */
  close(failure?: StreamFailure): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    for (const step of this.#cleanup) step();
    this.#wake?.();
    this.#beQuiet();
  }

  /** VTGate's internal restart of one shard: a new tablet stream from the shard's present entry, without a sign to the client. */
  restartShard(keyspace: string, shard: string): void {
    const at = this.#runs.findIndex((run) => run.shard.keyspace === keyspace && run.shard.name === shard);
    const old = this.#runs[at];
    if (!old) return;
    old.stop();
    this.#idle.delete(old);
    this.#runs[at] = this.#startRun(old.entry, 0);
    this.#wake?.();
  }

  /** Resolves when everything there is to say has been written, or the stream is over. */
  quiet(): Promise<void> {
    if (this.#over || this.#wake) return Promise.resolve();
    return new Promise((resolve) => this.#quiet.push(resolve));
  }

  /** Resolves when the stream has to wait for its client to read. */
  blocked(): Promise<void> {
    if (this.#blocked) return Promise.resolve();
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  #beQuiet(): void {
    for (const resolve of this.#quiet.splice(0)) resolve();
  }

  /** Lets the pump look at all shards again; for faults that end. */
  nudge(): void {
    this.#idle.clear();
    this.#wake?.();
  }

  async #pump(): Promise<void> {
    while (!this.#over) {
      const ready = this.#faults.silent ? [] : this.#runs.filter((run) => !this.#idle.has(run) && !this.#faults.isHeld(run.shard));
      const run = ready[Math.floor(this.#engine.random() * ready.length)];
      if (!run) {
        await new Promise<void>((resolve) => {
          this.#wake = () => {
            this.#wake = undefined;
            resolve();
          };
          this.#beQuiet();
        });
        continue;
      }
      if (!(await this.#unit(run))) return;
    }
    if (this.#failure) throw this.#failure;
  }

  /** Sends one unit of one shard. False when the stream ended. */
  async #unit(run: ShardRun): Promise<boolean> {
    for (;;) {
      const packet = this.#pull(run);
      if (!packet) {
        this.#idle.add(run);
        if (run.journal && !this.#takeJournal(run)) return false;
        return true;
      }
      await this.#send(this.#withFinalCopyEvent(run, packet));
      if (this.#over) break;
      if (!this.#runs.includes(run)) return true; // restarted meanwhile
      if (run.journal && packet.end) continue; // the journal's own packet went out; now follow it
      if (packet.end) return true;
    }
    if (this.#failure) throw this.#failure;
    return false;
  }

  #pull(run: ShardRun): Packet | undefined {
    const before = run.entry.gtid;
    try {
      return run.next();
    } catch (error) {
      if (error instanceof StreamFailure) throw tabletFailure(run, before, error);
      throw error;
    }
  }

  /** VTGate adds a COPY_COMPLETED of its own once every shard of the vector sent one in this RPC. */
  #withFinalCopyEvent(run: ShardRun, packet: Packet): Packet {
    if (packet.events[0]?.type !== VEventType.COPY_COMPLETED) return packet;
    this.#completed.add(run.entry);
    if (!this.#vector.every((entry) => this.#completed.has(entry))) return packet;
    return { ...packet, events: [...packet.events, event({ type: VEventType.COPY_COMPLETED })] };
  }

  async #send(packet: Packet): Promise<void> {
    const { events, failure } = this.#faults.filter(packet.events);
    if (events.length > 0) await this.#write(events);
    if (failure && !this.#over) throw failure;
  }

  async #write(events: readonly WireEvent[]): Promise<void> {
    this.#sent = true;
    this.#lastSent = this.#engine.clock.now();
    if (!this.#wire.write(response(events))) {
      this.#blocked = true;
      for (const resolve of this.#watchers.splice(0)) resolve();
      await this.#wire.drained();
      this.#blocked = false;
    }
    await this.#faults.pause();
  }

  #startRun(entry: VectorEntry, replayed: number): ShardRun {
    const shard = this.#engine.keyspaces.get(entry.keyspace)?.shards.get(entry.shard);
    if (!shard) {
      throw new StreamFailure(
        9,
        `error starting stream from shard GTID ${describe(entry.keyspace, entry.shard, entry.gtid)}: failed to determine if keyspace ${entry.keyspace} has been resharded: shard provided in VGTID, ${entry.shard}, not found in the ${entry.keyspace} keyspace`,
      );
    }
    const flags = this.request.flags;
    const run = new ShardRun({
      shard,
      entry,
      filter: this.#filter,
      vector: () => this.#vector,
      replayed,
      tablesToCopy: flags?.tablesToCopy ?? [],
      packetBytes: this.#settings.packetBytes,
      bareTableNames: flags?.excludeKeyspaceFromTableName ?? false,
      keyspaceHeartbeats: flags?.streamKeyspaceHeartbeats ?? false,
      journalEvents: (flags?.stopOnReshard || flags?.includeReshardJournalEvents) ?? false,
      atCopyPoint: (point) => this.#faults.reachCopyPoint(point),
    });
    this.#cleanup.push(
      shard.server.onCommit(() => {
        this.#idle.delete(run);
        this.#wake?.();
      }),
    );
    return run;
  }

  // ---- reshard (protocol.md B.12)

  /** False when the stream ends here. */
  #takeJournal(run: ShardRun): boolean {
    const journal = run.journal as ShardJournal;
    const known = this.#journals.get(journal.id) ?? { journal, runs: [] };
    if (!known.runs.includes(run)) known.runs.push(run);
    this.#journals.set(journal.id, known);
    const inStream = journal.participants.filter((one) =>
      this.#vector.some((entry) => entry.keyspace === one.keyspace && entry.shard === one.shard),
    );
    if (inStream.length < journal.participants.length) {
      const list = (items: readonly { keyspace: string; shard: string; gtid?: string }[]): string =>
        items.map((one) => describe(one.keyspace, one.shard, one.gtid)).join(' ');
      const text = `not all journaling participants are in the stream: journal: [${list(journal.participants)}], stream: [${list(this.#vector)}]`;
      const place = describe(run.entry.keyspace, run.entry.shard, run.entry.gtid);
      throw new StreamFailure(
        13,
        `error starting stream from shard GTID ${place}: error in vstream for ${run.entry.keyspace}/${run.entry.shard} on tablet ${tabletOf(run.shard)}: target: ${run.entry.keyspace}.${run.entry.shard}.primary: error getting journal event for shard GTID ${place} on tablet ${tabletOf(run.shard)}: ${text}`,
      );
    }
    if (known.runs.length < journal.participants.length) return true;
    for (const done of known.runs) this.#runs.splice(this.#runs.indexOf(done), 1);
    if (this.request.flags?.stopOnReshard) return this.#runs.length > 0;
    this.#vector = this.#vector.filter((entry) => !known.runs.some((done) => done.entry === entry));
    for (const target of journal.targets) {
      const entry = new VectorEntry(target.keyspace, target.shard, target.gtid);
      this.#vector.push(entry);
      this.#runs.push(this.#startRun(entry, 0));
    }
    return true;
  }

  // ---- time

  #watchClock(): void {
    const { clock } = this.#engine;
    const interval = (this.request.flags?.heartbeatInterval ?? 0) * 1000;
    if (interval > 0) {
      this.#lastSent = clock.now();
      this.#every(
        interval,
        () => this.#lastSent + interval - clock.now(),
        () => this.#heartbeat(),
      );
    }
    const age = (this.request.flags?.maxStreamAgeSeconds ?? 0) * 1000;
    if (age > 0) {
      const text = `vstream exceeded maximum age of ${age / 1000}s (jitter: 0s)`;
      this.#cleanup.push(clock.after(age, () => this.close(new StreamFailure(14, `vstream exceeded maximum age: ${text}`))));
    }
    this.#cleanup.push(clock.after(this.#settings.purgedTimeoutMs, () => this.#giveUpPurged()));
  }

  /** Calls `fn` whenever `remaining` is used up; asks again otherwise. */
  #every(interval: number, remaining: () => number, fn: () => void): void {
    let cancel = (): void => {};
    const arm = (ms: number): void => {
      cancel = this.#engine.clock.after(ms, () => {
        const left = remaining();
        if (left <= 0) fn();
        if (!this.#over) arm(left <= 0 ? interval : left);
      });
    };
    arm(interval);
    this.#cleanup.push(() => cancel());
  }

  #heartbeat(): void {
    if (this.#faults.mute || this.#over) return;
    const now = this.#engine.clock.now();
    this.#lastSent = now;
    this.#wire.write(
      response([
        event({
          type: VEventType.HEARTBEAT,
          timestamp: BigInt(Math.floor(now / 1000)),
          currentTime: BigInt(Math.floor(now * 1000)) * 1000n,
        }),
      ]),
    );
  }

  #giveUpPurged(): void {
    const run = this.#runs.find((one) => one.stuck === 'purged');
    if (!run || this.#sent) return;
    const { keyspace, name } = run.shard;
    this.close(
      new StreamFailure(
        1,
        `failed to find a PRIMARY tablet for VStream in ${keyspace}/${name} within the zone1 cell(s): context has expired`,
      ),
    );
  }

  // ---- request (protocol.md B.9)

  #resolve(): VectorEntry[] {
    const entries = this.request.vgtid?.shardGtids ?? [];
    if (entries.length === 0) throw unresolved(3, 'vgtid must have at least one value with a starting position in ShardGtids');
    return entries.flatMap((entry) => {
      const keyspaces = this.#keyspacesOf(entry.keyspace, entry.gtid, entries.length === 1);
      return keyspaces.flatMap((keyspace) => {
        if (entry.shard !== '' && keyspace === entry.keyspace) {
          this.#requireKeyspace(keyspace);
          return [new VectorEntry(keyspace, entry.shard, entry.gtid, copyKeys(entry.tablePKs))];
        }
        if (entry.gtid !== '' && entry.gtid !== 'current')
          throw unresolved(3, `if shards are unspecified, the Gtid value has to be 'current' or empty; got: ${entry.gtid}`);
        return this.#requireKeyspace(keyspace).map((shard) => new VectorEntry(keyspace, shard.name, entry.gtid));
      });
    });
  }

  #keyspacesOf(name: string, gtid: string, alone: boolean): string[] {
    const all = [...this.#engine.keyspaces.keys()];
    if (alone && name === '') {
      if (gtid !== 'current') throw unresolved(3, "for an empty keyspace, the Gtid value has to be 'current'");
      return all;
    }
    if (alone && name.startsWith('/')) return all.filter((keyspace) => new RegExp(name.replace(/^\/+|\/+$/g, '')).test(keyspace));
    return [name];
  }

  #requireKeyspace(name: string): Shard[] {
    const keyspace = this.#engine.keyspaces.get(name);
    if (!keyspace)
      throw unresolved(
        2,
        `failed to get shards in keyspace ${name}: keyspace ${name} fetch error: node doesn't exist: keyspaces/${name}/SrvKeyspace`,
      );
    return [...keyspace.shards.values()].filter((shard) => shard.serving);
  }
}

function unresolved(code: number, text: string): StreamFailure {
  return new StreamFailure(code, `failed to resolve vstream parameters: ${text}`);
}

/** Go's text form of a ShardGtid, as it stands in every error of a stream. */
function describe(keyspace: string, shard: string, gtid?: string): string {
  return `keyspace:${JSON.stringify(keyspace)} shard:${JSON.stringify(shard)}${gtid ? ` gtid:${JSON.stringify(gtid)}` : ''}`;
}

function tabletOf(shard: Shard): string {
  return `zone1-${String(shard.tabletUid).padStart(10, '0')}`;
}

/** Wraps a tablet's error as VTGate does: position errors at once, the others as "persistent" after its own retries. */
function tabletFailure(run: ShardRun, gtid: string, { code, message }: StreamFailure): StreamFailure {
  const { keyspace, name } = run.shard;
  const kind =
    code === 13
      ? `error in vstream for ${keyspace}/${name} on tablet ${tabletOf(run.shard)}`
      : `persistent error in vstream for ${keyspace}/${name} on tablet ${tabletOf(run.shard)}; giving up`;
  const words = code === 13 ? 'Internal' : 'Unknown';
  return new StreamFailure(
    code,
    `error starting stream from shard GTID ${describe(keyspace, name, gtid)}: ${kind}: target: ${keyspace}.${name}.primary: vttablet: rpc error: code = ${words} desc = ${message}`,
  );
}
