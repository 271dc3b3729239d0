/** The reference is right about the recordings: both decoders agree, and known facts come out. */
import { expect, test } from 'vitest';
import { loadRecording, recordings } from '../captures/load.js';
import { eventsOfFrames, eventsOfLines } from './events.js';
import { groupByShard } from './grouper.js';

const withLines = recordings().filter((name) => loadRecording(name).events !== undefined);

test.each(withLines)('%s reads the same through generated code and through the decoder of the recorder', (name) => {
  const { frames, events } = loadRecording(name);
  expect(eventsOfFrames(frames)).toEqual(eventsOfLines(events ?? []));
});

test('most recordings have a second decoder', () => {
  expect(withLines.length).toBe(31);
});

test('a fresh copy gives each row once, and its last position names no table', () => {
  const groups = groupByShard(eventsOfFrames(loadRecording('copy/full-copy').frames)).get('commerce/0') ?? [];
  const keys = groups.flatMap((group) =>
    group.rows.filter((row) => row.op === 'copy').map((row) => `${row.table} ${JSON.stringify(row.after)}`),
  );
  expect(keys.length).toBeGreaterThan(5000);
  expect(new Set(keys).size).toBe(keys.length);
  expect(groups.at(-1)?.copying).toEqual([]);
  expect(groups.some((group) => group.copying.includes('c_b'))).toBe(true);
});

test('a transaction over two shards is two groups', () => {
  const shards = groupByShard(eventsOfFrames(loadRecording('shapes/sharded-tx').frames));
  expect([...shards.keys()].sort()).toEqual(['customer/-80', 'customer/80-']);
  for (const groups of shards.values()) {
    expect(groups.filter((group) => group.kind === 'transaction').length).toBeGreaterThan(0);
    expect(groups.every((group) => group.gtid !== undefined)).toBe(true);
  }
});

test('a big transaction is one group of all its rows', () => {
  const groups = groupByShard(eventsOfFrames(loadRecording('shapes/big-tx').frames)).get('commerce/0') ?? [];
  expect(groups.map((group) => group.rows.length).filter((count) => count > 0)).toContain(3000);
});
