/** Reads a recording back into tables, rows and steps. */
import { VEventType, type RowChange, type VEvent } from '../../src/wire/gen/binlogdata_pb.js';
import { fromBinary } from '@bufbuild/protobuf';
import type { Field } from '../../src/wire/gen/query_pb.js';
import { VStreamResponseSchema } from '../../src/wire/gen/vtgate_pb.js';
import type { ShardJournal } from '../../src/embedded/binlog.js';
import { COLLATIONS, makeColumn, type ColumnInput } from '../../src/embedded/columns.js';
import { parseDdl } from '../../src/embedded/ddl.js';
import { decodeKeyCell } from '../../src/embedded/encode.js';
import type { JsonPatch, RowObject, Write } from '../../src/embedded/index.js';
import type { Recording } from '../captures/load.js';

export type Step =
  | { kind: 'transaction'; gtid: string; writes: Write[]; undecodable?: string }
  | { kind: 'ddl'; gtid: string; statement: string }
  /** A statement on a table outside the filter. */
  | { kind: 'other'; gtid: string }
  | { kind: 'version'; gtid: string }
  | { kind: 'heartbeat'; gtid: string; before: bigint; after: bigint }
  | { kind: 'journal'; gtid: string; journal: ShardJournal }
  /** VTGate started the shard again inside the RPC: FIELD came a second time without a DDL. */
  | { kind: 'restart'; gtid: string }
  | { kind: 'copy'; table: string; rows: RowObject[] };

export interface ShardScript {
  keyspace: string;
  shard: string;
  /** `keyspace/shard` */
  place: string;
  database: string;
  /** UUID of its transactions. */
  uuid: string;
  /** GTID set executed before the first step. */
  start: string;
  steps: Step[];
}

export interface RecordedJournal extends ShardJournal {
  keyspace: string;
  shard: string;
  gtid: string;
}

type RowImage = { lengths: readonly bigint[]; values: Uint8Array };

export function readJournals(recording: Recording): RecordedJournal[] {
  return recording.frames
    .flatMap((frame) => fromBinary(VStreamResponseSchema, frame).events)
    .flatMap(({ journal, keyspace, shard, eventGtid }) =>
      journal
        ? [
            {
              keyspace,
              shard,
              gtid: eventGtid,
              id: journal.id,
              localPosition: journal.localPosition,
              participants: journal.participants.map((one) => ({ keyspace: one.keyspace, shard: one.shard })),
              targets: journal.shardGtids.map((one) => ({ keyspace: one.keyspace, shard: one.shard, gtid: one.gtid })),
            },
          ]
        : [],
    );
}

export function readScripts(recording: Recording, events: readonly VEvent[], journals: readonly RecordedJournal[]): ShardScript[] {
  const asked = recording.request.vgtid?.shardGtids ?? [];
  const targets = journals.flatMap((journal) => journal.targets);
  const places = new Set(
    [
      ...events.flatMap((event) => event.vgtid?.shardGtids ?? []),
      ...asked.filter((entry) => entry.shard !== ''),
      ...targets,
      ...journals.flatMap((journal) => journal.participants),
    ].map((entry) => `${entry.keyspace}/${entry.shard}`),
  );
  return [...places].sort().map((place) => {
    const [keyspace = '', shard = ''] = place.split('/');
    const isHere = (entry: { keyspace: string; shard: string }): boolean => entry.keyspace === keyspace && entry.shard === shard;
    const own = events.filter(isHere);
    const steps = readSteps(own);
    const journal = journals.find(isHere);
    if (journal && !steps.some((step) => step.kind === 'journal')) steps.push({ kind: 'journal', gtid: journal.gtid, journal });
    const panic = recording.end.kind === 'error' ? /desc = (uncaught panic.*)$/s.exec(recording.end.details)?.[1] : undefined;
    if (panic !== undefined) steps.push({ kind: 'transaction', gtid: nextGtid(steps), writes: [], undecodable: panic });
    const first = own.find((event) => event.vgtid)?.vgtid?.shardGtids.find(isHere)?.gtid;
    const known = [targets.find(isHere)?.gtid, asked.find(isHere)?.gtid, first].find((gtid) => gtid?.startsWith('MySQL56/'));
    if (known === undefined) steps.length = 0; // a participant outside the stream
    const start = (known ?? '00000000-0000-0000-0000-000000000001:1-9').replace('MySQL56/', '');
    const database =
      own.find((event) => event.fieldEvent && !event.fieldEvent.isInternalTable)?.fieldEvent?.fields[0]?.database ?? `vt_${keyspace}`;
    const firstGtid = steps.find((step): step is Exclude<Step, { kind: 'copy' }> => step.kind !== 'copy')?.gtid;
    return { keyspace, shard, place, database, start, steps, uuid: (firstGtid ?? start).split(':')[0] as string };
  });
}

function nextGtid(steps: readonly Step[]): string {
  const last = steps.findLast((step): step is Exclude<Step, { kind: 'copy' }> => step.kind !== 'copy');
  const [uuid, number] = last?.gtid.split(':') ?? [];
  return `${uuid}:${Number(number) + 1}`;
}

/** Columns by `keyspace/table`: as the first FIELD shows them, unless a DDL of the recording creates the table. */
export function readTables(
  recording: Recording,
  events: readonly VEvent[],
  given: Readonly<Record<string, ColumnInput[]>>,
): Map<string, ColumnInput[]> {
  const tables = new Map(Object.entries(given));
  const created = new Set<string>();
  for (const { fieldEvent, type, statement, keyspace } of events) {
    if (type === VEventType.DDL) {
      const ddl = parseDdl(statement);
      if (ddl.kind === 'create') created.add(`${keyspace}/${ddl.table.name}`);
      if (ddl.kind === 'rename') for (const [, to] of ddl.pairs) created.add(`${keyspace}/${to}`);
    }
    if (!fieldEvent || fieldEvent.isInternalTable) continue;
    const name = `${fieldEvent.keyspace}/${bare(fieldEvent.tableName)}`;
    if (!tables.has(name) && !created.has(name)) tables.set(name, fieldEvent.fields.map(inputOf));
  }
  // Tables of rules that sent nothing; where there are several keyspaces a hint says whose they are.
  const keyspaces = new Set((recording.request.vgtid?.shardGtids ?? []).map((entry) => entry.keyspace));
  const [only] = keyspaces;
  if (keyspaces.size === 1) {
    for (const rule of recording.request.filter?.rules ?? []) {
      if (!rule.match.startsWith('/') && !tables.has(`${only}/${rule.match}`))
        tables.set(`${only}/${rule.match}`, [{ name: 'id', type: 'bigint', key: true }]);
    }
  }
  return tables;
}

function readSteps(events: readonly VEvent[]): Step[] {
  const steps: Step[] = [];
  const fields = new Map<string, readonly Field[]>();
  let changed = new Set<string>(); // tables a DDL touched since their FIELD
  let afterCopy = false;
  let open: Step | undefined;
  let copying: Extract<Step, { kind: 'copy' }> | undefined;
  let statement: RowChange[] = [];
  events.forEach((event, index) => {
    const table = bare((event.fieldEvent ?? event.rowEvent)?.tableName ?? '');
    if (event.type === VEventType.COPY_COMPLETED) afterCopy = true;
    if (event.fieldEvent && !event.fieldEvent.isInternalTable) {
      if (event.eventGtid === '') {
        copying = { kind: 'copy', table, rows: [] };
        steps.push(copying);
        afterCopy = true; // the next stream of the tablet sends FIELD again
      } else if (fields.has(table) && !changed.has(table) && !afterCopy && open) {
        steps.splice(steps.indexOf(open), 0, { kind: 'restart', gtid: event.eventGtid });
      }
      if (event.eventGtid !== '' && afterCopy) [changed, afterCopy] = [new Set(fields.keys()), false];
      changed.delete(table);
      fields.set(table, event.fieldEvent.fields);
    } else if (event.type === VEventType.BEGIN && event.eventGtid !== '') {
      open = { kind: 'transaction', gtid: event.eventGtid, writes: [] };
      steps.push(open);
    } else if (event.type === VEventType.VERSION && open && open.kind !== 'copy')
      steps[steps.indexOf(open)] = open = { kind: 'version', gtid: open.gtid };
    else if (event.journal && open && open.kind !== 'copy') {
      const { id, localPosition, participants, shardGtids } = event.journal;
      steps[steps.indexOf(open)] = open = {
        kind: 'journal',
        gtid: open.gtid,
        journal: { id, localPosition, participants, targets: shardGtids },
      };
    } else if (event.type === VEventType.DDL) {
      steps.push({ kind: 'ddl', gtid: event.eventGtid, statement: event.statement });
      for (const name of fields.keys()) changed.add(name);
    } else if (event.type === VEventType.OTHER && event.eventGtid !== '') {
      steps.push({ kind: 'other', gtid: event.eventGtid });
    } else if (event.rowEvent?.isInternalTable && open && open.kind !== 'copy') {
      const [change] = event.rowEvent.rowChanges;
      const ts = (row: RowImage | undefined): bigint =>
        BigInt(Buffer.from(row?.values.subarray(-Number(row.lengths[2])) ?? []).toString() || '0');
      steps[steps.indexOf(open)] = open = { kind: 'heartbeat', gtid: open.gtid, before: ts(change?.before), after: ts(change?.after) };
    } else if (event.rowEvent) {
      const columns = fields.get(table) ?? [];
      if (event.eventGtid === '') for (const change of event.rowEvent.rowChanges) copying?.rows.push(rowOf(columns, change.after, true));
      else {
        statement.push(...event.rowEvent.rowChanges);
        if ((event.rowEvent.flags & 1) === 0) return; // the statement goes on in the next event
        if (open?.kind === 'transaction') open.writes.push(writeOf(table, columns, statement, events.slice(index + 1)));
        statement = [];
      }
    }
  });
  return steps;
}

function writeOf(table: string, columns: readonly Field[], changes: readonly RowChange[], later: readonly VEvent[]): Write {
  if (changes[0]?.before && changes[0].after)
    return { op: 'update', table, rows: changes.map((change) => updateOf(columns, change, later)) };
  if (changes[0]?.before)
    return { op: 'delete', table, where: changes.map((change) => withoutOmitted(columns, rowOf(columns, change.before))) };
  return { op: 'insert', table, rows: changes.map((change) => rowOf(columns, change.after)) };
}

/** An update; with partial images only what is present, and each patched document as the row's next before image shows it. */
function updateOf(
  columns: readonly Field[],
  change: RowChange,
  later: readonly VEvent[],
): { where: RowObject; set: RowObject; json?: Record<string, JsonPatch> } {
  const where = rowOf(columns, change.before);
  const set = rowOf(columns, change.after);
  if (!change.dataColumns) return { where, set };
  const json: Record<string, JsonPatch> = {};
  const jsonColumns = columns.filter((column) => column.columnType === 'json');
  columns.forEach((column, at) => {
    if (!bit(change.dataColumns?.cols, at)) delete set[column.name];
    if (column.columnType !== 'json') return;
    if (!bit(change.jsonPartialValues?.cols, jsonColumns.indexOf(column))) {
      if (set[column.name] !== undefined) json[column.name] = { document: set[column.name] };
      delete set[column.name];
      return;
    }
    const expression = String(set[column.name]);
    delete set[column.name];
    if (expression === '' || expression === 'null') return;
    const keys = columns.filter((one) => one.flags & 2).map((one) => one.name);
    const next = later
      .flatMap((event) => event.rowEvent?.rowChanges ?? [])
      .map((one) => one.before && rowOf(columns, one.before))
      .find((row) => row && keys.every((key) => row[key] === (set[key] ?? where[key])));
    json[column.name] = { document: next?.[column.name] ?? '{"unknown": true}', expression };
  });
  return { where: withoutOmitted(columns, where), set, ...(Object.keys(json).length > 0 ? { json } : {}) };
}

/** NOBLOB leaves BLOB and TEXT out of before images; they look like NULL. */
function withoutOmitted(columns: readonly Field[], row: RowObject): RowObject {
  return Object.fromEntries(
    Object.entries(row).filter(
      ([name, value]) => value !== null || !/(blob|text)$/.test(columns.find((column) => column.name === name)?.columnType ?? ''),
    ),
  );
}

function bit(bytes: Uint8Array | undefined, at: number): boolean {
  return (((bytes?.[at >> 3] ?? 0) >> (at & 7)) & 1) === 1;
}

function bare(name: string): string {
  return name.replace(/^.*\./, '');
}

function inputOf(field: Field): ColumnInput {
  const collation = Object.keys(COLLATIONS).find((name) => COLLATIONS[name] === field.charset);
  const isText = /^(char|varchar|\w*text|enum|set)/.test(field.columnType);
  return {
    name: field.name,
    type: field.columnType,
    nullable: (field.flags & 1) === 0,
    key: (field.flags & 2) !== 0,
    autoIncrement: (field.flags & 512) !== 0,
    ...(isText && collation ? { collation } : {}), // 0 is a set the tablet does not know: gbk here (B7)
  };
}

/** Replicated labels of ENUM and SET are UTF-8 whatever the column's character set (B13). */
function rowOf(fields: readonly Field[], row: RowImage | undefined, copied = false): RowObject {
  const object: RowObject = {};
  let at = 0;
  fields.forEach((field, index) => {
    const length = Number(row?.lengths[index] ?? -1n);
    const bytes = row?.values.subarray(at, at + Math.max(0, length));
    const column = makeColumn(inputOf(field));
    const utf8 = !copied && column.kind === 'label' ? { ...column, collation: 'utf8mb4_bin' } : column;
    object[field.name] = length < 0 || !bytes ? null : decodeKeyCell(utf8, bytes);
    at += Math.max(0, length);
  });
  return object;
}
