/**
 * What a test can make go wrong. Verbs act on the streams that run now, or on the next one where the text says so; those that
 * hold something return the function that lets it go.
 */
import { VEventType } from '../wire/gen/binlogdata_pb.js';
import type { Shard } from './engine.js';
import type { WireEvent } from './events.js';
import type { Gate } from './gate.js';
import { StreamFailure, type CopyPoint } from './shard-run.js';

export type EventName = keyof typeof VEventType;

export interface FailureAt {
  /** The status comes instead of this event (and what is behind it). Default: at once, on every running stream. */
  atEvent?: EventName | 'any';
  /** Which one of them, counted over all streams from now on. Default 1. */
  nth?: number;
}

interface Pending {
  failure: StreamFailure;
  type: number | undefined;
  left: number;
}

/** What faults can do to running streams. */
export interface StreamControl {
  close(failure?: StreamFailure): void;
  restartShard(keyspace: string, shard: string): void;
  nudge(): void;
}

export class Faults {
  #gate: Gate;
  #streams: () => Iterable<StreamControl>;
  #goaway: (graceMs: number) => void;
  #failures: Pending[] = [];
  #held = new Set<string>();
  #ruled = new Set<string>();
  #moved = new Set<string>();
  #silences = 0;
  #mutes = 0;
  #replay = 0;
  #pauseMs = 0;
  #copyHooks = new Set<(point: CopyPoint) => void>();
  #refusals: StreamFailure[] = [];

  constructor(gate: Gate, streams: () => Iterable<StreamControl>, goaway: (graceMs: number) => void) {
    this.#gate = gate;
    this.#streams = streams;
    this.#goaway = goaway;
  }

  // ---- connection

  /** Cuts every connection after part of the next bytes from the server: the client is left inside an HTTP/2 frame. */
  cutMidFrame(): void {
    this.#gate.cutMidFrame();
  }

  /** Cuts every connection now. */
  cut(): void {
    this.#gate.cut();
  }

  /** Nothing passes in either direction, and nothing is closed. */
  blackHole(): () => void {
    return this.#gate.blackHole();
  }

  /** New connections are closed at once, as by a process that just died. */
  refuseConnections(): () => void {
    return this.#gate.refuse();
  }

  /** Bytes from the server come in pieces of this size, one piece each `everyMs`. */
  slowBytes(bytes = 64, everyMs = 1): () => void {
    return this.#gate.slow(bytes, everyMs);
  }

  /** HTTP/2 GOAWAY on every connection; running RPCs get `graceMs` to end. */
  goaway(graceMs = 50): void {
    this.#goaway(graceMs);
  }

  // ---- streams

  /** Ends streams with a gRPC status: now, or in place of an event. */
  failWith(code: number, text: string, { atEvent, nth = 1 }: FailureAt = {}): void {
    const failure = new StreamFailure(code, text);
    if (atEvent === undefined) for (const stream of this.#streams()) stream.close(failure);
    else this.#failures.push({ failure, type: atEvent === 'any' ? undefined : VEventType[atEvent], left: nth });
  }

  /** The next stream ends with this status before anything else. */
  refuseNext(code: number, text: string): void {
    this.#refusals.push(new StreamFailure(code, text));
  }

  /** No shard says anything any more; VTGate's heartbeats go on. */
  heartbeatsOnly(): () => void {
    this.#silences += 1;
    return once(() => {
      this.#silences -= 1;
      this.#nudge();
    });
  }

  /** Not even heartbeats. */
  stall(): () => void {
    const release = this.heartbeatsOnly();
    this.#mutes += 1;
    return once(() => {
      this.#mutes -= 1;
      release();
    });
  }

  /**
   * A throttled or stuck tablet: this shard alone says nothing, and the stream does not tell why (B.11). `by: 'rule'`: SQL does, as for
   * `UpdateThrottlerConfig --throttle-app`; by default the throttler is off.
   */
  throttle(keyspace: string, shard: string, { by }: { readonly by?: 'rule' } = {}): () => void {
    const name = `${keyspace}/${shard}`;
    this.#held.add(name);
    if (by === 'rule') this.#ruled.add(name);
    return once(() => {
      this.#held.delete(name);
      this.#ruled.delete(name);
      this.#nudge();
    });
  }

  /** MoveTables has switched the table's traffic to another keyspace: statements on it are refused here, the stream shows nothing of it. */
  moveTable(keyspace: string, table: string): () => void {
    const name = `${keyspace}.${table}`;
    this.#moved.add(name);
    return once(() => void this.#moved.delete(name));
  }

  /** @internal */
  isMoved(keyspace: string, table: string): boolean {
    return this.#moved.has(`${keyspace}.${table}`);
  }

  /** @internal */
  hasRule(keyspace: string, shard: string): boolean {
    return this.#ruled.has(`${keyspace}/${shard}`);
  }

  /** Waits this long after each response: a server slower than its client. */
  slowResponses(ms: number): () => void {
    this.#pauseMs = ms;
    return once(() => {
      this.#pauseMs = 0;
    });
  }

  /** The next stream starts this many transactions before the position it was asked for. */
  duplicateAfterResume(transactions = 1): void {
    this.#replay = transactions;
  }

  /** VTGate restarts a shard inside the RPC: no error, the shard starts again from its present entry (measured.md section 2). */
  restartShardInsideRpc(keyspace: string, shard: string): void {
    for (const stream of this.#streams()) stream.restartShard(keyspace, shard);
  }

  /** Calls back at points of every copy, in the middle of producing it: write, alter, restart or fail from there. */
  atCopyPoint(hook: (point: CopyPoint) => void): () => void {
    this.#copyHooks.add(hook);
    return () => this.#copyHooks.delete(hook);
  }

  // ---- used by the streams

  get silent(): boolean {
    return this.#silences > 0;
  }

  get mute(): boolean {
    return this.#mutes > 0;
  }

  isHeld(shard: Shard): boolean {
    return this.#held.has(`${shard.keyspace}/${shard.name}`);
  }

  takeReplayed(): number {
    return this.#replay;
  }

  /** Called once per stream, when it starts. */
  begin(): StreamFailure | undefined {
    return this.#refusals.shift();
  }

  /** Called when a stream has started its runs. */
  started(): void {
    this.#replay = 0;
  }

  reachCopyPoint(point: CopyPoint): void {
    for (const hook of this.#copyHooks) hook(point);
  }

  async pause(): Promise<void> {
    if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
  }

  /** The events that still go out, and the failure that comes after them. */
  filter(events: readonly WireEvent[]): { events: readonly WireEvent[]; failure?: StreamFailure } {
    if (this.#failures.length === 0) return { events };
    for (const [index, { type }] of events.entries()) {
      for (const pending of this.#failures) {
        if (pending.type !== undefined && pending.type !== type) continue;
        pending.left -= 1;
        if (pending.left > 0) continue;
        this.#failures.splice(this.#failures.indexOf(pending), 1);
        return { events: events.slice(0, index), failure: pending.failure };
      }
    }
    return { events };
  }

  #nudge(): void {
    for (const stream of this.#streams()) stream.nudge();
  }
}

function once(fn: () => void): () => void {
  let done = false;
  return () => {
    if (!done) fn();
    done = true;
  };
}
