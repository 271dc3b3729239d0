/** The recordings are complete and readable: what replay and golden tests rest on. */
import { readdirSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { VEventTypeSchema } from '../../src/wire/gen/binlogdata_pb.js';
import { VStreamResponseSchema } from '../../src/wire/gen/vtgate_pb.js';
import { decodeFrames, encodeFrames } from './format.js';
import { CAPTURES, connectErrorCases, errorCases, loadRecording, recordings } from './load.js';

const names = recordings();

test('no recording is forgotten', () => {
  const perFolder: Record<string, number> = {};
  for (const name of names) {
    const folder = name.slice(0, name.indexOf('/'));
    perFolder[folder] = (perFolder[folder] ?? 0) + 1;
  }
  expect(perFolder).toEqual({ copy: 20, shapes: 16, topology: 13, values: 4 });
  expect(errorCases()).toHaveLength(36);
  expect(connectErrorCases()).toHaveLength(17);
});

test('every file belongs to a recording', () => {
  const files = readdirSync(CAPTURES, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('/'));
  const known = new Set(names.flatMap((name) => [`${name}.json`, `${name}.frames.br`, `${name}.events.jsonl.br`]));
  expect(files.filter((path) => !known.has(path))).toEqual([]);
});

test.each(names)('%s has one arrival time per frame and frames that generated code reads', (name) => {
  const recording = loadRecording(name);
  expect(recording.frameMs).toHaveLength(recording.frames.length);
  // Only a stream that was refused may hold nothing.
  if (recording.frames.length === 0) expect(recording.end.kind).toBe('error');
  let events = 0;
  for (const frame of recording.frames) {
    const response = fromBinary(VStreamResponseSchema, frame);
    events += response.events.length;
    for (const event of response.events) expect(VEventTypeSchema.value[event.type], `event type ${event.type}`).toBeDefined();
  }
  if (recording.events) expect(events).toBe(recording.events.length);
});

test('the request of a resume carries the last key as bytes', () => {
  const [entry] = loadRecording('copy/resume-mid-second-table').request.vgtid?.shardGtids[0]?.tablePKs ?? [];
  expect(Buffer.from(entry?.lastpk?.rows[0]?.values ?? []).toString()).toBe('1231');
});

test('frames survive being written and read, whatever their length', () => {
  const frames = [0, 1, 127, 128, 16_383, 16_384, 70_000].map((length) => Buffer.alloc(length, length % 251));
  expect(decodeFrames(encodeFrames(frames)).map((frame) => frame.length)).toEqual(frames.map((frame) => frame.length));
  expect(() => decodeFrames(encodeFrames(frames).subarray(0, -1))).toThrow('ends inside a frame');
});

test('generated code writes a message back as the server wrote it, so that no field is missing from our definitions', () => {
  // Unknown fields are kept by the decoder and written back, so the check is on what it did not know.
  const unknown = new Set<string>();
  for (const name of ['shapes/unsharded-dml', 'shapes/ddl-live', 'topology/reshard-journal-events', 'values/cf-values-copy']) {
    for (const frame of loadRecording(name).frames) {
      const response = fromBinary(VStreamResponseSchema, frame);
      expect(toBinary(VStreamResponseSchema, response).length).toBe(frame.length);
      for (const event of response.events) for (const field of event.$unknown ?? []) unknown.add(`VEvent.${field.no}`);
    }
  }
  expect([...unknown]).toEqual([]);
});
