/**
 * Every recording of a real VTGate through the shipped client, row by row and position by position, against the slow and obvious
 * reading of the same bytes in test/reference: the grouping alone, and the transport alone. `vstream()` as a whole:
 * replay-stream.test.ts.
 */
import { create, toJson } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/server.js';
import { VersionRegistry } from '../src/schema/versions.js';
import { Grouper } from '../src/stream/grouper.js';
import { createTransport } from '../src/transport/grpc.js';
import { serverStatusOf } from '../src/transport/status.js';
import type { Transport } from '../src/transport/transport.js';
import { VStreamRequestSchema } from '../src/wire/gen/vtgate_pb.js';
import { loadRecording, type Recording, recordings } from './captures/load.js';
import { eventsOfFrames } from './reference/events.js';
import { groupByShard, type ReferenceGroup } from './reference/grouper.js';
import { actualLine, expectedLines, type GroupLine } from './reference/lines.js';

const names = recordings();

describe('grouping', () => {
  test.each(names)('%s: the same rows in the same groups, each with the same position', (name) => {
    const recording = loadRecording(name);
    const expected = groupByShard(eventsOfFrames(recording.frames));
    const actual = groupsOfClient(recording, expected);
    for (const [shard, groups] of expected) expect(actual.get(shard), shard).toEqual(expectedLines(groups));
    if (recording.frames.length > 0) expect(expected.size).toBeGreaterThan(0);
  });
});

function groupsOfClient(recording: Recording, expected: ReadonlyMap<string, readonly ReferenceGroup[]>): Map<string, GroupLine[]> {
  const shards = new Map<string, GroupLine[]>([...expected.keys()].map((name) => [name, []]));
  const grouper = new Grouper({
    // `partial`: rows as they came. Completing or refusing them is the business of the schema tests.
    catalog: {
      versions: new VersionRegistry(),
      optionsFor: () => ({ images: 'partial' }),
      generationOf: () => 1,
      whereOf: () => undefined,
      checkVersion() {},
      noteWarnings() {},
    },
    // Every shard the recording speaks of: those asked for, and those a reshard put in their place.
    shards: [...expected.keys()].map((name) => ({ keyspace: name.split('/')[0] ?? '', shard: name.split('/')[1] ?? '' })),
    phase: () => 'live',
    reshards: 0,
    transactionBytes: 1 << 30,
    hugeTransaction: 'fail',
  });
  for (const frame of recording.frames) {
    for (const unit of grouper.push(frame)) {
      const name = `${unit.keyspace}/${unit.shard}`;
      const lines = shards.get(name);
      const line = actualLine(unit, expected.get(name)?.[lines?.length ?? 0]);
      if (line) lines?.push(line);
    }
  }
  return shards;
}

describe('transport', () => {
  let server: EmbeddedVtgate;
  let transport: Transport;
  beforeAll(async () => {
    server = await startEmbeddedVtgate();
    transport = createTransport({ vtgate: server.address });
  });
  afterAll(async () => {
    await transport.close();
    await server.idle();
    await server.close();
  });

  test.each(names)('%s: the request arrives as recorded, the messages byte for byte, the end with its code', async (name) => {
    const { request, frames, end } = loadRecording(name);
    server.replayNext({ frames, end: end.kind === 'cancelled' ? 'open' : end.kind === 'ok' ? 'ok' : end });
    const received: Uint8Array[] = [];
    let failure: unknown;
    try {
      for await (const frame of transport.open(request)) {
        received.push(frame);
        if (end.kind === 'cancelled' && received.length === frames.length) break;
      }
    } catch (error) {
      failure = error;
    }
    expect(received.length).toBe(frames.length);
    expect(received.findIndex((frame, index) => !frames[index]?.equals(frame))).toBe(-1);
    const json = (message: typeof request): unknown => toJson(VStreamRequestSchema, create(VStreamRequestSchema, message));
    expect(json(server.requests.at(-1) ?? create(VStreamRequestSchema))).toEqual(json(request));
    if (end.kind === 'error') {
      const status = serverStatusOf(failure);
      expect(status).toMatchObject({ from: 'grpc', code: end.code });
      // Without the statement, which may hold data.
      expect(end.details.startsWith(status?.text ?? '?')).toBe(true);
    } else expect(failure).toBeUndefined();
  });
});
