/**
 * Every recording of a real VTGate through the shipped client, row by row and position by position, against the slow and obvious
 * reading of the same bytes in test/reference.
 */
import { describe, expect, test } from 'vitest';
import { VersionRegistry } from '../src/schema/versions.js';
import { Grouper, type Unit } from '../src/stream/grouper.js';
import type { ChangeRecord } from '../src/stream/record.js';
import { Type } from '../src/wire/gen/query_pb.js';
import { loadRecording, type Recording, recordings } from './captures/load.js';
import { eventsOfFrames, type ReferenceCell } from './reference/events.js';
import { groupByShard, type ReferenceGroup, type ReferenceRow } from './reference/grouper.js';

const names = recordings();

/** What is compared: one line per group, with its rows and the position it leads to. */
interface Line {
  readonly kind: 'rows' | 'statement' | 'empty';
  readonly statement: string;
  readonly gtid: string | undefined;
  readonly rows: readonly string[];
}

/** A row as one line of text: what differs is seen at once, and 5,000 of them compare fast. */
function rowText(
  op: string,
  table: string,
  gtid: string,
  before: readonly ReferenceCell[] | undefined,
  after: readonly ReferenceCell[] | undefined,
): string {
  return JSON.stringify([op, table, gtid, before ?? null, after ?? null]);
}

const OMITTED = '(omitted)';
/** Completed from the document before; its values are the business of the schema tests. */
const PARTIAL = '(partial JSON)';

function expectedRow(row: ReferenceRow): string {
  let json = 0;
  const after = row.after?.map((cell, index) => {
    const partial = row.columns[index]?.json === true && row.partialJson?.[json++] === true;
    if (row.sent?.[index] === false) return OMITTED;
    return partial ? PARTIAL : cell;
  });
  // Without the keyspace in front where the request asked for bare names.
  return rowText(row.op, row.table.slice(row.table.indexOf('.') + 1), row.gtid, row.before, after);
}

function expectedLines(groups: readonly ReferenceGroup[]): Line[] {
  return groups.map(({ kind, statement, gtid, rows }) => ({
    kind: kind === 'statement' ? 'statement' : rows.length > 0 ? 'rows' : 'empty',
    statement,
    gtid,
    rows: rows.map(expectedRow),
  }));
}

function actualRow(change: ChangeRecord, reference: ReferenceRow | undefined): string {
  const { beforeCells, afterCells } = change;
  const cell = (bytes: Uint8Array | undefined): ReferenceCell => (bytes === undefined ? null : Buffer.from(bytes).toString('latin1'));
  const before = beforeCells && Array.from({ length: beforeCells.count }, (_, index) => cell(beforeCells.bytes(index)));
  let json = 0;
  const after =
    afterCells &&
    Array.from({ length: afterCells.count }, (_, index) => {
      const partial = change.schema.columns[index]?.type === Type.JSON && reference?.partialJson?.[json++] === true;
      if (partial) return PARTIAL;
      return afterCells.isAbsent(index) ? OMITTED : cell(afterCells.bytes(index));
    });
  return rowText(change.op, change.table, change.gtid ?? '', before, after);
}

function actualLine(unit: Unit, reference: ReferenceGroup | undefined): Line | undefined {
  const gtid = unit.vgtid?.gtid;
  switch (unit.kind) {
    case 'group':
      return {
        kind: unit.changes.length > 0 ? 'rows' : 'empty',
        statement: '',
        gtid,
        rows: unit.changes.map((change, index) => actualRow(change, reference?.rows[index])),
      };
    case 'statement':
      return { kind: 'statement', statement: unit.statement, gtid, rows: [] };
    case 'checkpoint':
      return { kind: 'empty', statement: '', gtid, rows: [] };
    default:
      return undefined;
  }
}

/** Every shard a recording speaks of: those asked for, and those a reshard put in their place. */
function shardsOf(expected: ReadonlyMap<string, readonly ReferenceGroup[]>): Array<{ keyspace: string; shard: string }> {
  return [...expected.keys()].map((name) => {
    const [keyspace = '', shard = ''] = name.split('/');
    return { keyspace, shard };
  });
}

function groupsOfClient(recording: Recording, expected: ReadonlyMap<string, readonly ReferenceGroup[]>): Map<string, Line[]> {
  const grouper = new Grouper({
    // `partial`: rows as they came. Completing or refusing them is the business of the schema tests.
    catalog: { versions: new VersionRegistry(), optionsFor: () => ({ images: 'partial' }), generationOf: () => 1 },
    shards: shardsOf(expected),
    phase: 'live',
    reshards: 0,
    transactionBytes: 1 << 30,
    hugeTransaction: 'fail',
  });
  const shards = new Map<string, Line[]>([...expected.keys()].map((name) => [name, []]));
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

describe('grouping', () => {
  test.each(names)('%s: the same rows in the same groups, each with the same position', (name) => {
    const recording = loadRecording(name);
    const expected = groupByShard(eventsOfFrames(recording.frames));
    const actual = groupsOfClient(recording, expected);
    for (const [shard, groups] of expected) expect(actual.get(shard), shard).toEqual(expectedLines(groups));
    if (recording.frames.length > 0) expect(expected.size).toBeGreaterThan(0);
  });
});
