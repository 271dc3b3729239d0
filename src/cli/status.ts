/** `vstream status`: what the state store knows of streams. */
import { isObject } from '../internal/fields.js';
import { toJson } from '../internal/json.js';
import type { IncompleteReason } from '../position/incomplete.js';
import type { Position } from '../position/position.js';
import { copiedRows, type TableCopy } from '../position/table-copy.js';
import { isPauseAsked, pendingRequests } from '../stores/requests.js';
import type { StateRecord, StateRequest } from '../stores/store.js';
import { EXIT } from './exit.js';
import { counted } from '../internal/figures.js';
import type { Session } from './session.js';
import { openState, recordOf } from './state-store.js';

export async function status(session: Session, values: Readonly<Record<string, unknown>>): Promise<number> {
  await using open = await openState(session, values);
  // One by name, else every one: a person asks "what is there".
  const records = open.name === undefined ? await open.store.list({ signal: session.signal }) : [await recordOf(open, session.signal)];
  if (session.json) {
    await session.out.write(`${toJson({ streams: records.map(asJson) })}\n`);
    return EXIT.done;
  }
  if (records.length === 0) session.status.note(`no stream has state in ${open.store.description}`);
  await session.out.write(records.map((record) => describeRecord(record, session.paint)).join('\n'));
  return EXIT.done;
}

function asJson(record: StateRecord): Record<string, unknown> {
  const { name, part, incarnation, owner, epoch, leaseRemainingMs, position, requests, createdAt, updatedAt } = record;
  return {
    name,
    ...(part === '' ? {} : { part }),
    running: isRunning(record),
    paused: isPaused(record),
    incarnation,
    owner: owner ?? null,
    epoch: epoch.toString(),
    leaseSeconds: Math.max(0, leaseRemainingMs / 1000),
    position: position ?? null,
    lastError: parsed(record.lastError),
    requests,
    createdAt: createdAt ?? null,
    updatedAt: updatedAt ?? null,
  };
}

export function isRunning({ owner, leaseRemainingMs }: StateRecord): boolean {
  return owner !== undefined && leaseRemainingMs > 0;
}

/** A pause that the owner has not taken yet holds nothing back; without an owner the next start is paused. */
export function isPaused(record: StateRecord): boolean {
  return isPauseAsked(record.requests, { taken: isRunning(record) });
}

function parsed(json: string | undefined): unknown {
  if (json === undefined) return null;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}

/** A few aligned lines per stream. Pure. */
export function describeRecord(record: StateRecord, paint: Session['paint']): string {
  const lease = Math.ceil(record.leaseRemainingMs / 1000);
  const paused = isPaused(record);
  const state = isRunning(record)
    ? paint(paused ? 'yellow' : 'green', `${paused ? 'paused' : 'running'} at ${record.owner} (lease ends in ${lease} s)`)
    : paint('yellow', paused ? 'not running, and paused' : 'not running');
  const lines: [string, string][] = [
    ['state', state],
    ['epoch', String(record.epoch)],
  ];
  if (record.updatedAt !== undefined) lines.push(['updated', record.updatedAt]);
  lines.push(...describePosition(record.position));
  const answered = record.requests.filter(({ outcome }) => outcome !== undefined).slice(-SHOWN_OUTCOMES);
  for (const one of [...answered, ...pendingRequests(record.requests)]) lines.push(['request', describeRequest(one)]);
  if (record.lastError !== undefined) lines.push(['last error', paint('red', messageIn(record.lastError))]);
  const width = Math.max(...lines.map(([name]) => name.length));
  return `${paint('bold', record.name)}${record.part === '' ? '' : ` part ${record.part}`}\n${lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('')}`;
}

/** Of requests that are done with; those that wait are all told. */
const SHOWN_OUTCOMES = 3;

export function wishOf({ verb, table, where }: StateRequest): string {
  return `${verb}${table === undefined ? '' : ` ${table}`}${where === undefined ? '' : ` where ${where}`}`;
}

function describeRequest(request: StateRequest): string {
  return `${wishOf(request)}${request.outcome === undefined ? ' (not taken yet)' : `: ${request.outcome}`}`;
}

function messageIn(json: string): string {
  const error = parsed(json);
  if (!isObject(error) || typeof error['message'] !== 'string') return json;
  return typeof error['code'] === 'string' ? `${error['message']} (${error['code']})` : error['message'];
}

const MAX_GTID = 80;

const REASONS: Readonly<Record<IncompleteReason, string>> = {
  'row-skipped': 'rows were skipped',
  'row-dead-lettered': 'rows are among the dead letters',
  'transaction-skipped': 'transactions were left out that the server cannot decode or has purged',
};

/** `shop.orders (where id > 5) (4,000 rows so far)` */
function describeOpen({
  keyspace,
  table,
  entry,
}: {
  readonly keyspace: string;
  readonly table: string;
  readonly entry: TableCopy;
}): string {
  const rows = copiedRows(entry);
  const range = entry.range === undefined ? '' : ` (where ${entry.range.where})`;
  return `${keyspace}.${table}${range}${rows > 0 ? ` (${counted(rows, 'row')} so far)` : ''}`;
}

function describePosition(position: Position | undefined): [string, string][] {
  if (!position) return [['position', 'none yet']];
  const tables = [...position.plan.tables()];
  const open = tables.filter(({ keyspace, table }) => !position.plan.isDone(keyspace, table));
  const lines: [string, string][] = [];
  if (tables.length > 0) {
    const names = open.slice(0, 5).map(describeOpen);
    const rest = open.length > 5 ? ` and ${open.length - 5} more` : '';
    lines.push([
      'copy',
      open.length === 0
        ? `complete (${counted(tables.length, 'table')})`
        : `${open.length} of ${counted(tables.length, 'table')} to go: ${names.join(', ')}${rest}`,
    ]);
  }
  for (const { keyspace, shard, reason, tables: lacking } of position.incomplete) {
    const names = Object.keys(lacking);
    const rest = names.length > 5 ? ` and ${names.length - 5} more` : '';
    lines.push(['incomplete', `${names.slice(0, 5).join(', ')}${rest} of ${keyspace}/${shard} (${REASONS[reason]})`]);
  }
  for (const { keyspace, shard, gtid } of position.shards) {
    if (gtid === '') lines.push([`${keyspace}/${shard}`, 'nothing yet']);
    else lines.push([`${keyspace}/${shard}`, gtid.length > MAX_GTID ? `${gtid.slice(0, MAX_GTID - 1)}…` : gtid]);
  }
  return lines;
}
