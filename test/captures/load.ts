/** Reads the recordings of a real VTGate that lie beside this file. For tests and for the bench. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type VStreamRequest, VStreamRequestSchema } from '../../src/wire/gen/vtgate_pb.js';
import { decodeFrames, decompress, type PartialJsonStep, type RecordingMeta } from './format.js';

export type { PartialJsonStep } from './format.js';

/** Where the recordings are: one folder per subject. */
export const CAPTURES = fileURLToPath(new URL('.', import.meta.url));

/** How the recorded stream ended: cut off by whoever recorded it, closed by the server with OK, or with a status. */
export type RecordedEnd =
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'ok' }
  | { readonly kind: 'error'; readonly code: number; readonly details: string };

/** One line of `events.jsonl`: field names as in proto/, 64-bit integers as text, bytes as text or `{"hex"}`. */
export interface RecordedEvent {
  /** Index of the message the event came in. */
  readonly frame: number;
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Recording {
  /** Folder and file name, such as `copy/full-copy`. */
  readonly name: string;
  readonly server: string;
  readonly notes: string | undefined;
  /** What was done to the cluster meanwhile, in words. */
  readonly action: string | undefined;
  /** Statements run while the stream was open, in order. Empty where the writes were made otherwise. */
  readonly sql: readonly string[];
  readonly steps: readonly PartialJsonStep[];
  readonly request: VStreamRequest;
  /** Each VStreamResponse as received. */
  readonly frames: readonly Buffer[];
  /** Arrival of each frame, milliseconds after the request. */
  readonly frameMs: readonly number[];
  /** The same stream decoded by a decoder that is not ours; undefined where it was left out for its size. */
  readonly events: readonly RecordedEvent[] | undefined;
  readonly end: RecordedEnd;
}

/** A request that is bad or odd, and what a real VTGate made of it. */
export interface ErrorCase {
  readonly name: string;
  /** Protobuf JSON; absent for statements sent through Execute. */
  readonly request?: JsonValue;
  /** gRPC status; null when the stream stayed open until the client left. */
  readonly code?: number | null;
  readonly details?: string | null;
  readonly after_ms?: number;
  /** Types of the events that came, in order. */
  readonly events?: readonly string[];
  /** The in-band error of an Execute. */
  readonly error?: unknown;
}

/** A way to connect, right or wrong, and what grpc-js reported. */
export interface ConnectErrorCase {
  readonly name: string;
  readonly code: number | null;
  readonly details?: string;
  readonly msgs: number;
  readonly after_ms: number;
}

/** Names of all recordings, sorted: every `.json` in a folder of CAPTURES. */
export function recordings(): string[] {
  return readdirSync(CAPTURES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((folder) => readdirSync(join(CAPTURES, folder.name)).map((file) => `${folder.name}/${file}`))
    .filter((path) => path.endsWith('.json'))
    .map((path) => path.slice(0, -'.json'.length))
    .sort();
}

/** @throws Error when there is no recording of that name. */
export function loadRecording(name: string): Recording {
  const meta = readJson(`${name}.json`) as RecordingMeta;
  const frames = read(`${name}.frames.br`);
  const events = read(`${name}.events.jsonl.br`);
  return {
    name,
    server: meta.server,
    notes: meta.notes,
    action: meta.action,
    sql: meta.sql ?? [],
    steps: meta.steps ?? [],
    request: fromJson(VStreamRequestSchema, meta.request as JsonValue),
    // A stream refused before its first message has no frames file.
    frames: frames ? decodeFrames(decompress(frames)) : [],
    frameMs: meta.frame_ms,
    events: events && parseLines(decompress(events).toString('utf8')),
    end: endOf(meta.end),
  };
}

export function errorCases(): readonly ErrorCase[] {
  return (readJson('errors.json') as { cases: ErrorCase[] }).cases;
}

export function connectErrorCases(): readonly ConnectErrorCase[] {
  return (readJson('connect-errors.json') as { cases: ConnectErrorCase[] }).cases;
}

function endOf(end: RecordingMeta['end']): RecordedEnd {
  if (typeof end === 'string') return { kind: 'cancelled' };
  return end.code === 'END' ? { kind: 'ok' } : { kind: 'error', code: end.code, details: end.details };
}

function parseLines(text: string): RecordedEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RecordedEvent);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(CAPTURES, path), 'utf8'));
}

function read(path: string): Buffer | undefined {
  const file = join(CAPTURES, path);
  return existsSync(file) ? readFileSync(file) : undefined;
}
