/**
 * Where a stream is: one opaque, versioned, JSON-serialisable value of GTID vector and copy plan. Layer 1.
 */
import { isDeepStrictEqual } from 'node:util';
import { VStreamError } from '../errors.js';
import { importForeignPosition } from './foreign.js';
import { isSinceList, Since, type SinceMark } from './since.js';
import { type Incomplete, isIncompleteList } from './incomplete.js';
import { CopyPlan, type TableCopy } from './plan.js';
import type { PackedPlan } from './plan-kinds.js';
import { isRangeCopy, isRangeWish } from './range-copy.js';

export interface ShardPosition {
  readonly keyspace: string;
  readonly shard: string;
  /** GTID set with flavour prefix; '' before the first snapshot of that shard. */
  readonly gtid: string;
  /** Reshards in the line of shards this one comes from, where that differs from the position's count. */
  readonly reshards?: number;
}

/** A transaction delivered in part (`split` mode): a replay skips that many of its changes. */
export interface PartialTransaction {
  readonly keyspace: string;
  readonly shard: string;
  readonly gtid: string;
  /** Changes of the transaction handed out so far. */
  readonly applied: number;
  /** Parts they came in. */
  readonly parts: number;
}

export interface PositionJson {
  /** 2 where there are `kinds`: a reader of 1 would miss those tables. */
  readonly version: 1 | 2;
  readonly shards: readonly ShardPosition[];
  /** Entries of the plan that several tables share. */
  readonly kinds?: readonly TableCopy[];
  /** Per keyspace and table; absent when nothing was ever to be copied. */
  readonly copy?: PackedPlan;
  /** How many times the shard set was replaced; for a shard without a number of its own the first part of `sequence`. */
  readonly reshards?: number;
  readonly partial?: readonly PartialTransaction[];
  /** Tables with gaps that a policy allowed; absent when there are none. */
  readonly incomplete?: readonly Incomplete[];
  /** Tables whose copied rows are ahead of their shard; absent when there are none. */
  readonly since?: readonly SinceMark[];
}

/**
 * A position in a stream. Opaque to users: store `JSON.stringify(position)`, give it back through `Position.parse`.
 * Immutable; safe to share.
 */
export class Position {
  /** Per shard what is delivered. */
  readonly shards: readonly ShardPosition[];
  /** @internal */
  readonly plan: CopyPlan;
  /** How many times the shards of a keyspace were replaced. */
  readonly reshards: number;
  /** Transactions handed out in part; several when more than one shard was cut inside one. */
  readonly partial: readonly PartialTransaction[];
  /** Tables with gaps that a policy allowed (skipped rows or transactions), until they are copied again. */
  readonly incomplete: readonly Incomplete[];
  /** @internal Tables whose copied rows are ahead of their shard, until it reaches them. */
  readonly since: Since;

  constructor(
    shards: readonly ShardPosition[],
    plan: CopyPlan = CopyPlan.empty,
    reshards = 0,
    partial: readonly PartialTransaction[] = [],
    incomplete: readonly Incomplete[] = [],
    since: Since = Since.none,
  ) {
    this.shards = shards;
    this.plan = plan;
    this.reshards = reshards;
    this.partial = partial;
    this.incomplete = incomplete;
    this.since = since;
  }

  /**
   * Reads a position from JSON text or a parsed value: our own, a raw VGTID (`{"shardGtids":[…]}` in either spelling, or its
   * bare list), the Go client's `latest_vgtid`, Debezium's `vitess.vgtid`.
   * @throws VStreamError `POSITION_INVALID`, naming what was found and what is accepted.
   */
  static parse(input: unknown): Position {
    const value = typeof input === 'string' ? parseJson(input) : input;
    if (value instanceof Position) return value;
    if (isRecord(value) && 'version' in value) return fromOwnJson(value);
    const foreign = importForeignPosition(value);
    if ('problem' in foreign) throw invalid(foreign.problem);
    return new Position(foreign.shards);
  }

  /** The GTID set of a shard, with its flavour; undefined for a shard it does not know. */
  gtid(keyspace: string, shard: string): string | undefined {
    return this.shards.find((one) => one.keyspace === keyspace && one.shard === shard)?.gtid;
  }

  /** True when every copy is finished and every shard has reached what was copied of it, or nothing was to be copied. */
  get copied(): boolean {
    return this.plan.done && this.since.isEmpty;
  }

  /** @internal */
  with(changes: {
    shards?: readonly ShardPosition[];
    plan?: CopyPlan;
    reshards?: number;
    partial?: readonly PartialTransaction[];
    incomplete?: readonly Incomplete[];
    since?: Since;
  }): Position {
    return new Position(
      changes.shards ?? this.shards,
      changes.plan ?? this.plan,
      changes.reshards ?? this.reshards,
      changes.partial ?? this.partial,
      changes.incomplete ?? this.incomplete,
      changes.since ?? this.since,
    );
  }

  /** @internal Without the marks that its shards have reached. */
  settled(): Position {
    const since = this.since.open(this);
    return since === this.since ? this : this.with({ since });
  }

  /** The same shards, sets, plan and marks. */
  equals(other: Position): boolean {
    if (this === other || this.toString() === other.toString()) return true;
    // The same plan is written in several ways: which entries have a number depends on what it was made from.
    const spelled = (one: Position): unknown => JSON.parse(one.#text({ copy: JSON.stringify(one.plan.toJson()), kinds: '' }));
    return isDeepStrictEqual(spelled(this), spelled(other));
  }

  /** For `JSON.stringify`: docs/positions.md has the fields. */
  toJSON(): PositionJson {
    return JSON.parse(this.toString()) as PositionJson;
  }

  /** For `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](): PositionJson {
    return this.toJSON();
  }

  /** What `JSON.stringify` gives, and faster for plans of thousands of tables. */
  toString(): string {
    return this.#text(this.plan.toText());
  }

  #text({ copy, kinds }: { readonly copy: string; readonly kinds: string }): string {
    const { shards, plan, reshards, partial, incomplete, since } = this;
    const fields = [
      `"version":${kinds === '' ? 1 : 2}`,
      `"shards":${JSON.stringify(shards)}`,
      ...(kinds === '' ? [] : [`"kinds":${kinds}`]),
      ...(plan.size > 0 ? [`"copy":${copy}`] : []),
      ...(reshards > 0 ? [`"reshards":${reshards}`] : []),
      ...(partial.length > 0 ? [`"partial":${JSON.stringify(partial)}`] : []),
      ...(incomplete.length > 0 ? [`"incomplete":${JSON.stringify(incomplete)}`] : []),
      ...(since.isEmpty ? [] : [`"since":${since.text()}`]),
    ];
    return `{${fields.join(',')}}`;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid('this is not JSON', cause);
  }
}

function fromOwnJson(value: Record<string, unknown>): Position {
  if (value['version'] !== 1 && value['version'] !== 2)
    throw invalid(`format version ${String(value['version'])} is not known to this release`);
  const { shards, kinds = [], copy, reshards = 0, partial = [], incomplete = [], since = [] } = value;
  if (!Array.isArray(shards) || shards.length === 0 || !shards.every(isShardPosition)) {
    throw invalid('`shards` is not a list of {keyspace, shard, gtid}');
  }
  const names = new Set(shards.map((one) => `${one.keyspace}/${one.shard}`));
  if (names.size !== shards.length) throw invalid('a shard is listed twice');
  if (!Array.isArray(kinds) || !kinds.every(isTableCopy)) throw invalid('`kinds` is not a list of entries');
  if (copy !== undefined && !isPlan(copy, kinds)) throw invalid('`copy` is not a copy plan');
  if (!isCount(reshards)) throw invalid('`reshards` is not a count');
  if (!Array.isArray(partial) || !partial.every(isPartial)) throw invalid('`partial` is not a list of transactions under way');
  if (!isIncompleteList(incomplete)) throw invalid('`incomplete` is not a list of marks');
  if (!isSinceList(since)) throw invalid('`since` is not a list of snapshots');
  return new Position(
    shards.map(({ keyspace, shard, gtid, reshards: own }) => ({ keyspace, shard, gtid, ...(own === undefined ? {} : { reshards: own }) })),
    copy === undefined ? CopyPlan.empty : CopyPlan.fromJson(copy, kinds),
    reshards,
    partial,
    incomplete,
    Since.of(since),
  );
}

function isPlan(value: unknown, kinds: readonly TableCopy[]): value is PackedPlan {
  const isKind = (kind: unknown): boolean => isCount(kind) && kind < kinds.length;
  const isEntry = (entry: unknown): boolean =>
    Array.isArray(entry) ? entry.length === 2 && isKind(entry[0]) && isCount(entry[1]) : isKind(entry) || isTableCopy(entry);
  return isRecord(value) && Object.values(value).every((tables) => isRecord(tables) && Object.values(tables).every(isEntry));
}

function isTableCopy(value: unknown): value is TableCopy {
  if (!isRecord(value)) return false;
  const { state, generation, fingerprint, rows, opened, shards, removed } = value;
  if (state !== 'pending' && state !== 'done') return false;
  if (!isCount(generation) || !isOptional(fingerprint, isText) || !isOptional(rows, isCount)) return false;
  if ((removed !== undefined && removed !== true) || (opened !== undefined && opened !== true)) return false;
  if (shards !== undefined && !(isRecord(shards) && Object.values(shards).every(isShardCopy))) return false;
  return hasRanges(value);
}

function hasRanges({ range, waiting, ranged }: Record<string, unknown>): boolean {
  if (!isOptional(range, isRangeCopy)) return false;
  if (waiting !== undefined && !(Array.isArray(waiting) && waiting.every(isRangeWish))) return false;
  return ranged === undefined || (isRecord(ranged) && isCount(ranged['after']) && isCount(ranged['to']));
}

function isShardCopy(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { state, generation, lastPk, rows } = value;
  if (state !== 'pending' && state !== 'copying' && state !== 'done') return false;
  return isCount(generation) && isOptional(lastPk, isText) && isOptional(rows, isCount);
}

function isShardPosition(value: unknown): value is ShardPosition {
  if (!isRecord(value) || !isOptional(value['reshards'], isCount)) return false;
  return isText(value['gtid']) && ['keyspace', 'shard'].every((name) => isText(value[name]) && value[name] !== '');
}

function isPartial(value: unknown): value is PartialTransaction {
  if (!isRecord(value) || !['keyspace', 'shard', 'gtid'].every((name) => isText(value[name]))) return false;
  return isCount(value['applied']) && isCount(value['parts']);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isOptional = (value: unknown, is: (value: unknown) => boolean): boolean => value === undefined || is(value);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(what: string, cause?: unknown): VStreamError {
  return new VStreamError('POSITION_INVALID', `unreadable position: ${what}`, {
    next: 'Give a position this client printed, a VGTID as JSON, or the word `beginning` or `current`.',
    cause,
  });
}
