/**
 * The recordings as oracle of the embedded VTGate. A recording is read back into what led to it (oracle-script.ts): tables and
 * rows at the moment of the request, and the steps in their order, each before, during or after the copy. The engine is seeded
 * with the first, performs the second, gets the recorded request, and must send the recorded stream and end as it ended.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { VEventType, type RowChange_Bitmap, type RowEvent, type VEvent } from '../../src/wire/gen/binlogdata_pb.js';
import type { Row } from '../../src/wire/gen/query_pb.js';
import { VStreamResponseSchema } from '../../src/wire/gen/vtgate_pb.js';
import type { ColumnInput } from '../../src/embedded/columns.js';
import type { Engine } from '../../src/embedded/engine.js';
import {
  GtidSet,
  startEmbeddedVtgate,
  type EmbeddedOptions,
  type EmbeddedVtgate,
  type RowObject,
  type Write,
} from '../../src/embedded/index.js';
import { loadRecording, type Recording } from '../captures/load.js';
import { readJournals, readScripts, readTables, type ShardScript, type Step } from './oracle-script.js';
import { RawClient, type StreamEnd } from './raw-client.js';

/** What a recording cannot tell by itself. */
export interface Hints {
  /** Statements of transactions the stream shows empty, by GTID suffix (`:255`). */
  hidden?: Record<string, Write[]>;
  /** Tables that no FIELD shows, or not whole; by `keyspace/table`. */
  tables?: Record<string, ColumnInput[]>;
  /** More rows at the start, by `keyspace/shard/table`. */
  rows?: Record<string, RowObject[]>;
  /** Recording of the same reshard that shows its journals. */
  journalsOf?: string;
  options?: EmbeddedOptions;
}

/** A step with its place: `slot` is the number of table copies of its shard that come before it. */
type Ordered = Exclude<Step, { kind: 'copy' }> & { keyspace: string; shard: string; place: string; slot: number };

export interface Outcome {
  streams: Record<string, string[]>;
  /** Event types of each message, heartbeats left out. */
  messages: string[];
  end: string;
}

/** Runs one recording through the engine. Both streams come back in the same normal form. */
export async function compareWithEngine(name: string, hints: Hints = {}): Promise<{ expected: Outcome; actual: Outcome }> {
  const recording = loadRecording(name);
  const events = recording.frames.flatMap((frame) => fromBinary(VStreamResponseSchema, frame).events);
  const journals = readJournals(hints.journalsOf ? loadRecording(hints.journalsOf) : recording);
  const scripts = readScripts(recording, events, journals);
  const tables = readTables(recording, events, hints.tables ?? {});
  const steps = orderSteps(scripts, events);
  await using vtgate = await startEmbeddedVtgate(optionsFor(scripts, tables, hints));
  for (const { target } of journals.flatMap((journal) => journal.targets.map((target) => ({ target }))))
    vtgate.engine.shard(target.keyspace, target.shard).serving = false;
  seedRows(vtgate.engine, scripts, tables, hints);
  const client = new RawClient(vtgate.address);
  const stream = await play(vtgate, client, recording, scripts, steps, hints);
  const ended = stream.end;
  vtgate.endStreams();
  await stream.ended();
  client.close();
  const recorded = recording.frames.map((frame) => fromBinary(VStreamResponseSchema, frame).events);
  return {
    expected: { streams: normalise(events), messages: messagesOf(recorded), end: endText(recording.end) },
    actual: { streams: normalise(stream.events), messages: messagesOf(stream.frames), end: endText(ended) },
  };
}

async function play(
  vtgate: EmbeddedVtgate,
  client: RawClient,
  recording: Recording,
  scripts: readonly ShardScript[],
  steps: readonly Ordered[],
  hints: Hints,
) {
  const perform = (step: Ordered): void => runStep(vtgate, step, hints);
  const live = recording.request.vgtid?.shardGtids.every((entry) => entry.gtid === 'current') ?? false;
  const copies = (place: string): number =>
    scripts.find((script) => script.place === place)?.steps.filter((step) => step.kind === 'copy').length ?? 0;
  const early = live ? [] : steps.filter((step) => step.slot === 0 && copies(step.place) > 0);
  early.forEach(perform);
  const slots = new Map<string, number>();
  vtgate.faults.atCopyPoint(({ keyspace, shard, at }) => {
    if (at !== 'end') return;
    const place = `${keyspace}/${shard}`;
    const slot = (slots.get(place) ?? 0) + 1;
    slots.set(place, slot);
    if (slot < copies(place)) steps.filter((step) => step.slot === slot && step.place === place).forEach(perform);
  });
  const stream = client.stream(recording.request);
  const asked = recording.request.vgtid?.shardGtids ?? [];
  const streamed = scripts.filter((script) =>
    asked.some(
      (entry) =>
        entry.keyspace === script.keyspace &&
        (entry.shard === '' ? vtgate.engine.shard(script.keyspace, script.shard).serving : entry.shard === script.shard),
    ),
  );
  if (live) await stream.untilCount('OTHER', streamed.length);
  else await untilAnswered(vtgate, stream);
  await vtgate.quiet();
  for (const step of steps.filter((one) => !early.includes(one) && one.slot === copies(one.place))) {
    // A restart comes between transactions, and a journal that ends the stream behind what the other shards had to say.
    if (step.kind === 'restart' || step.kind === 'journal') await vtgate.quiet();
    perform(step);
  }
  await untilAnswered(vtgate, stream);
  return stream;
}

/** Waits until the stream has said all it has to say, or has ended. */
async function untilAnswered(vtgate: EmbeddedVtgate, stream: ReturnType<RawClient['stream']>): Promise<void> {
  await vtgate.opened();
  await vtgate.quiet();
  if (vtgate.openStreams === 0) await stream.ended();
}

// ---- setting up

function orderSteps(scripts: readonly ShardScript[], events: readonly VEvent[]): Ordered[] {
  const steps = scripts.flatMap((script) => {
    let slot = 0;
    return script.steps.flatMap((step): Ordered[] => {
      if (step.kind !== 'copy') return [{ ...step, place: script.place, keyspace: script.keyspace, shard: script.shard, slot }];
      slot += 1;
      return [];
    });
  });
  if (!isShared(scripts)) {
    const first = new Map<string, number>();
    events.forEach((event, index) => {
      if (event.eventGtid !== '' && !first.has(event.eventGtid)) first.set(event.eventGtid, index);
    });
    const seen = (step: Ordered): number => first.get(step.gtid) ?? events.length;
    return steps.sort((a, b) => seen(a) - seen(b));
  }
  // One server under all shards: each transaction is seen by every shard, and belongs to the one that shows its rows.
  const number = (step: Ordered): number => Number(step.gtid.split(':')[1]);
  const empty = (step: Ordered): number => (step.kind === 'ddl' || (step.kind === 'transaction' && step.writes.length > 0) ? 0 : 1);
  return steps
    .sort((a, b) => number(a) - number(b) || empty(a) - empty(b))
    .filter((step, index, all) => index === 0 || step.gtid !== all[index - 1]?.gtid);
}

function isShared(scripts: readonly ShardScript[]): boolean {
  return scripts.length > 1 && new Set(scripts.map((script) => script.uuid)).size === 1;
}

function optionsFor(scripts: readonly ShardScript[], tables: ReadonlyMap<string, ColumnInput[]>, hints: Hints): EmbeddedOptions {
  const shared = isShared(scripts);
  const keyspaces = Object.fromEntries(
    scripts.map(({ keyspace }) => {
      const own = [...tables]
        .filter(([name]) => name.startsWith(`${keyspace}/`))
        .map(([name, columns]) => [name.slice(keyspace.length + 1), { columns }] as const);
      return [
        keyspace,
        { shards: scripts.filter((one) => one.keyspace === keyspace).map((one) => one.shard), tables: Object.fromEntries(own) },
      ];
    }),
  );
  const history = Object.fromEntries(scripts.map((script) => [shared ? '*' : script.place, { uuid: script.uuid, executed: script.start }]));
  return {
    keyspaces,
    history,
    servers: shared ? 'shared' : 'per-shard',
    transactionsAfterDdl: 0,
    database: (keyspace, shard) => scripts.find((one) => one.place === `${keyspace}/${shard}`)?.database ?? `vt_${keyspace}`,
    ...hints.options,
  };
}

/** Rows at the moment the first step runs: what a copy shows, with the steps before it undone, and every row a step needs. */
function seedRows(engine: Engine, scripts: readonly ShardScript[], tables: ReadonlyMap<string, ColumnInput[]>, hints: Hints): void {
  for (const script of scripts) {
    for (const [name, columns] of tables) {
      const [keyspace, table = ''] = name.split('/');
      if (keyspace !== script.keyspace) continue;
      const keys = columns.filter((column) => column.key).map((column) => column.name);
      const keyOf = (row: RowObject): string =>
        (keys.length > 0 ? keys : columns.map((column) => column.name)).map((key) => String(row[key])).join('\u0000');
      const rows = new Map<string, RowObject>();
      for (const step of [...script.steps].reverse()) {
        if (step.kind === 'copy' && step.table === table)
          for (const [index, row] of step.rows.entries()) rows.set(keys.length > 0 ? keyOf(row) : String(index), row);
        if (step.kind !== 'transaction') continue;
        for (const write of [...(hints.hidden?.[suffixOf(step.gtid)] ?? step.writes)].reverse())
          if (write.table === table) undo(write, rows, keyOf);
      }
      for (const row of hints.rows?.[`${script.place}/${table}`] ?? []) rows.set(keyOf(row), row);
      engine.seed(script.keyspace, table, rows.values(), script.shard);
    }
  }
}

function undo(write: Write, rows: Map<string, RowObject>, keyOf: (row: RowObject) => string): void {
  if (write.op === 'insert') for (const row of 'rows' in write ? write.rows : [write.row]) rows.delete(keyOf(row));
  else if (write.op === 'update' && 'rows' in write) {
    for (const { where, set } of write.rows) {
      rows.delete(keyOf({ ...where, ...set }));
      rows.set(keyOf(where), where);
    }
  } else if (write.op === 'delete')
    for (const row of (Array.isArray(write.where) ? write.where : [write.where]) as RowObject[]) rows.set(keyOf(row), row);
}

function suffixOf(gtid: string): string {
  return gtid.slice(gtid.indexOf(':'));
}

function runStep(vtgate: EmbeddedVtgate, step: Ordered, hints: Hints): void {
  const { keyspace, shard } = step;
  const { engine } = vtgate;
  const target = engine.shard(keyspace, shard);
  const [uuid = ''] = step.gtid.split(':');
  if (target.server.uuid !== uuid) engine.reparent(keyspace, shard, uuid);
  switch (step.kind) {
    case 'restart':
      vtgate.faults.restartShardInsideRpc(keyspace, shard);
      return;
    case 'ddl':
      engine.ddl(keyspace, step.statement, { shard, text: step.statement });
      break;
    case 'other':
      engine.ddl(keyspace, `create table unseen_${suffixOf(step.gtid).slice(1)} (id int)`, { shard });
      break;
    case 'version':
      engine.trackSchema(keyspace, shard);
      break;
    case 'journal':
      engine.writeJournal(target, step.journal);
      break;
    case 'heartbeat':
      target.heartbeat = step.before;
      engine.beatTablet(keyspace, shard, step.after);
      break;
    case 'transaction':
      engine.transaction(
        keyspace,
        shard,
        hints.hidden?.[suffixOf(step.gtid)] ?? step.writes,
        step.undecodable === undefined ? {} : { undecodable: step.undecodable },
      );
  }
  if (!target.server.executed.covers(GtidSet.of(step.gtid)))
    throw new Error(`the engine did not give ${step.gtid}: ${engine.executed(keyspace, shard)}`);
}

// ---- normal form

function messagesOf(frames: readonly (readonly VEvent[])[]): string[] {
  return frames
    .map((events) =>
      events
        .map((event) => event.type)
        .join(' ')
        .replace(/^14$/, ''),
    )
    .filter((text) => text !== '');
}

/**
 * Lines by shard: shards may interleave in any order, so each shard is compared by itself, with its own entry of each vector.
 * Times are reduced to whether they are set, MySQL's logical clock is dropped, heartbeats too, and row packets of one table
 * copy are joined.
 */
function normalise(events: readonly VEvent[]): Record<string, string[]> {
  const shards: Record<string, VEvent[]> = {};
  for (const event of events) if (event.type !== VEventType.HEARTBEAT) (shards[`${event.keyspace}/${event.shard}`] ??= []).push(event);
  return Object.fromEntries(Object.entries(shards).map(([place, own]) => [place, joinPackets(own).map(lineOf)]));
}

function lineOf(event: VEvent): string {
  const own = event.vgtid?.shardGtids.find((entry) => entry.keyspace === event.keyspace && entry.shard === event.shard);
  const parts: unknown[] = [
    event.type,
    event.timestamp === 0n ? 'untimed' : 'timed',
    event.currentTime === 0n ? '' : 'clocked',
    event.eventGtid,
    event.sequenceNumber === 0n ? '' : 'sequenced',
    event.statement,
    event.fieldEvent,
    event.rowEvent && rowsText(event.rowEvent),
    event.journal,
    own,
  ];
  return JSON.stringify(parts, plain);
}

/** By hand: recordings hold tens of thousands of them. */
function rowsText({ tableName, keyspace, shard, flags, isInternalTable, rowChanges }: RowEvent): string {
  const row = (image: Row | undefined): string =>
    image ? `${image.lengths.join(',')}:${Buffer.from(image.values).toString('latin1')}` : '-';
  const bits = (bitmap: RowChange_Bitmap | undefined): string =>
    bitmap ? `${bitmap.count}:${Buffer.from(bitmap.cols).toString('hex')}` : '-';
  const changes = rowChanges.map((one) => [row(one.before), row(one.after), bits(one.dataColumns), bits(one.jsonPartialValues)].join(' '));
  return [tableName, keyspace, shard, flags, isInternalTable, ...changes].join(' | ');
}

function plain(this: unknown, key: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[key]; // before Buffer.toJSON
  if (raw instanceof Uint8Array) return Buffer.from(raw).toString('latin1');
  return typeof value === 'bigint' ? String(value) : key === '$typeName' ? undefined : value;
}

/** Takes `VGTID COMMIT BEGIN` between two copied rows out. */
function joinPackets(events: readonly VEvent[]): VEvent[] {
  const copied = (event: VEvent | undefined): boolean =>
    event?.type === VEventType.ROW && event.timestamp === 0n && !event.rowEvent?.isInternalTable;
  const joined: VEvent[] = [];
  for (let at = 0; at < events.length; at += 1) {
    const types = [0, 1, 2].map((ahead) => events[at + ahead]?.type);
    if (
      copied(events[at - 1]) &&
      types[0] === VEventType.VGTID &&
      types[1] === VEventType.COMMIT &&
      types[2] === VEventType.BEGIN &&
      copied(events[at + 3])
    )
      at += 2;
    else joined.push(events[at] as VEvent);
  }
  return joined;
}

/** Tablet names are the cluster's own. */
function endText(end: Recording['end'] | StreamEnd | undefined): string {
  if (end === undefined || ('kind' in end && end.kind === 'cancelled')) return 'open';
  if ('kind' in end && end.kind === 'ok') return '0 ';
  const { code, details } = end as StreamEnd;
  return `${code} ${details}`.replace(/\b(zone1|test)-\d{10}/g, 'TABLET');
}
