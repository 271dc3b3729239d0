/**
 * Recordings through `vstream()`: discovery, a real connection, batches and positions, for every recording that a request of ours
 * could have caused. Rows and positions are checked against the slow and obvious reading of the same bytes in test/reference.
 */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../src/embedded/server.js';
import { Position, type ShardPosition, silentLogger, table, type TableOptions, vstream } from '../src/index.js';
import { loadRecording, type Recording, recordings } from './captures/load.js';
import { eventsOfFrames, type ReferenceEvent } from './reference/events.js';
import { groupByShard, type ReferenceRow } from './reference/grouper.js';
import { actualRow, expectedRow } from './reference/lines.js';

/** Recordings whose request the client never sends, with the reason; replay.test.ts reads their rows all the same. May only shrink. */
const NEVER_ASKED: Readonly<Record<string, string>> = {
  'copy/add-table-later': 'a list of tables with one under way: the client resumes it from its own plan, not from a VGTID',
  'copy/add-table-later-no-tables-to-copy': 'never without tables_to_copy: every table would be copied again',
  'copy/behind-least-number': 'a position inside a table comes with a copy plan, which a VGTID has not',
  'copy/behind-made-up-key-mid': 'a position inside a table comes with a copy plan, which a VGTID has not',
  'copy/behind-made-up-key-min': 'a position inside a table comes with a copy plan, which a VGTID has not',
  'copy/copy-one-of-many': 'the filter names tables that are not copied yet',
  'copy/full-copy': 'several tables in one copy RPC',
  'copy/resume-between-one-entry': 'several tables in one copy RPC',
  'copy/resume-between-with-rest': 'several tables in one copy RPC',
  'copy/resume-mid-second-table': 'several tables in one copy RPC',
  'copy/resume-mid-table-with-tables-to-copy': 'a position inside a table comes with a copy plan, which a VGTID has not',
  'copy/resume-rest-of-copy': 'several tables in one copy RPC',
  'copy/resume-rest-only-current-entry': 'several tables in one copy RPC',
  'copy/sharded-copy': 'several tables in one copy RPC',
  'copy/two-keys-at-once': 'several tables in one copy RPC',
  'copy/two-keyspace-copy': 'a rule never names a table of another keyspace in a copy',
  'copy/two-shards-one-done': 'a position inside a table comes with a copy plan, which a VGTID has not',
  'copy/two-shards-plan-loses-delete': 'several tables in one copy RPC',
  'values/cf-values-copy': 'several tables in one copy RPC',
};

/** Filters of the recorded requests as options of the client, and the character set that the server could not name (B7). */
const DEFINITIONS: Readonly<Record<string, Readonly<Record<string, TableOptions>>>> = {
  'shapes/projection-filter': { product: { columns: ['sku', 'price'], where: 'price > 5' } },
  'shapes/where-and-truncate': { tc: { where: 'k > 1500' } },
  'values/cf-values-replication': { cf_text: { types: { gb: 'charset:gbk' } } },
};
/** What those filters mean, said once more in another way. */
const PASSES: Readonly<Record<string, (value: (column: string) => number) => boolean>> = {
  'shapes/projection-filter': (value) => value('price') > 5,
  'shapes/where-and-truncate': (value) => value('k') > 1500,
};

const names = recordings();

test('every recording is streamed, or never asked for', () => {
  expect(Object.keys(NEVER_ASKED).filter((name) => !names.includes(name))).toEqual([]);
  expect(names.length - Object.keys(NEVER_ASKED).length).toBe(34);
});

test.each(names.filter((name) => !(name in NEVER_ASKED)))('%s arrives whole, with a position after each batch', async (name) => {
  const recording = loadRecording(name);
  const expected = expectationOf(recording);
  const { rows, moves, failure } = await streamed(recording, expected);
  expect(failure).toBeUndefined();
  expect(rows).toEqual(expected.rows);
  expect(moves.filter((move) => !move.known)).toEqual([]);
});

interface Expectation {
  /** `keyspace/shard` of the shards asked for. */
  readonly asked: readonly string[];
  /** Rows by shard, in order; also of shards that a reshard put in their place. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
  readonly references: ReadonlyMap<string, readonly ReferenceRow[]>;
  /** By shard: GTID sets a position may hold once so many rows were delivered. */
  readonly positions: ReadonlyMap<string, ReadonlyMap<number, ReadonlySet<string>>>;
  /** Where the recording ends. */
  readonly last: readonly ShardPosition[];
  readonly tables: readonly string[];
}

function expectationOf(recording: Recording): Expectation {
  const events = eventsOfFrames(recording.frames);
  const groups = groupByShard(events);
  const asked = shardsAskedFor(recording, events);
  const passes = PASSES[recording.name];
  const rows = new Map<string, string[]>();
  const references = new Map<string, ReferenceRow[]>();
  const positions = new Map<string, Map<number, Set<string>>>();
  for (const shard of new Set([...asked, ...groups.keys()])) {
    const lines: string[] = [];
    const kept: ReferenceRow[] = [];
    // Before anything of a shard came it is where the request, or the vector that introduced it, says.
    const starts = [
      recording.request.vgtid?.shardGtids.find((one) => `${one.keyspace}/${one.shard}` === shard)?.gtid,
      events.flatMap((event) => event.vgtid).find((one) => one.shard === shard && one.gtid !== 'current')?.gtid,
    ];
    const allowed = new Map<number, Set<string>>([
      [0, new Set(starts.filter((gtid): gtid is string => gtid !== undefined && gtid !== 'current'))],
    ]);
    for (const group of groups.get(shard) ?? []) {
      for (const row of group.rows) {
        const op = passes ? filteredOp(row, passes) : row.op;
        if (op === undefined) continue;
        lines.push(expectedRow(row, op));
        kept.push(row);
      }
      if (group.gtid === undefined) continue;
      const set = allowed.get(lines.length) ?? new Set<string>();
      allowed.set(lines.length, set.add(group.gtid));
    }
    rows.set(shard, lines);
    references.set(shard, kept);
    positions.set(shard, allowed);
  }
  const last = (events.findLast((event) => event.vgtid.length > 0)?.vgtid ?? []).map(({ shard, gtid }) => ({ ...split(shard), gtid }));
  return { asked, rows, references, positions, last, tables: tablesOf(recording, events) };
}

/** An update that leaves the filter is a delete, one that enters it an insert (measured.md section 1). */
function filteredOp(row: ReferenceRow, passes: (value: (column: string) => number) => boolean): ReferenceRow['op'] | undefined {
  const image = (cells: ReferenceRow['after']): boolean =>
    cells !== undefined && passes((column) => Number(cells[row.columns.findIndex((one) => one.name === column)]));
  const [before, after] = [image(row.before), image(row.after)];
  if (row.op !== 'update') return before || after ? row.op : undefined;
  if (before) return after ? 'update' : 'delete';
  return after ? 'insert' : undefined;
}

async function streamed(recording: Recording, expected: Expectation) {
  await using server = await startEmbeddedVtgate();
  for (const shard of expected.asked) {
    const { keyspace } = split(shard);
    if (server.engine.keyspaces.has(keyspace)) continue;
    server.engine.createKeyspace(
      keyspace,
      expected.asked
        .map(split)
        .filter((one) => one.keyspace === keyspace)
        .map((one) => one.shard),
    );
  }
  for (const name of expected.tables) {
    const [keyspace = '', bare = ''] = name.split('.');
    // Only names are looked up; what the columns are, the recording's FIELD events say.
    const { columns: listed = ['id'], where } = DEFINITIONS[recording.name]?.[bare] ?? {};
    const filtered = /^\w+/.exec(where ?? '')?.[0];
    const columns = [...new Set([...listed, ...(filtered === undefined ? [] : [filtered])])];
    server.engine.createTable(keyspace, {
      name: bare,
      columns: columns.map((column, index) => ({ name: column, type: 'bigint', key: index === 0 })),
    });
  }
  server.replayNext({ frames: recording.frames });

  const keyspaces = [...new Set(expected.asked.map((shard) => split(shard).keyspace))];
  const asked = recording.request.vgtid?.shardGtids ?? [];
  const named = asked.filter((one) => one.shard !== '').map((one) => one.shard);
  const starts = asked.map(({ keyspace, shard, gtid }) => ({ keyspace, shard, gtid }));
  const stream = vstream({
    source: {
      vtgate: server.address,
      ...(keyspaces.length === 1 ? { keyspace: String(keyspaces[0]) } : {}),
      ...(named.length > 0 ? { shards: named } : {}),
      tabletType: 'primary',
    },
    tables: Object.fromEntries(
      expected.tables.map((name) => [name, table(DEFINITIONS[recording.name]?.[name.slice(name.indexOf('.') + 1)] ?? {})]),
    ),
    from: starts.every((one) => one.gtid === 'current')
      ? 'current'
      : starts.every((one) => one.gtid === '')
        ? 'beginning'
        : Position.parse(starts),
    until: Position.parse(expected.last),
    images: 'partial',
    // Small batches: many positions to check.
    limits: { batchChanges: 40 },
    logger: silentLogger,
  });

  const rows = new Map<string, string[]>([...expected.rows.keys()].map((shard) => [shard, []]));
  const moves: Array<{ shard: string; rows: number; gtid: string; known: boolean }> = [];
  let failure: unknown;
  try {
    for await (const batch of stream) {
      for (const change of batch.changes) {
        const lines = rows.get(`${change.keyspace}/${change.shard}`);
        lines?.push(actualRow(change, expected.references.get(`${change.keyspace}/${change.shard}`)?.[lines.length]));
      }
      for (const { keyspace, shard, gtid } of batch.position.shards) {
        const name = `${keyspace}/${shard}`;
        const count = rows.get(name)?.length ?? 0;
        // Before a copy began there is no position.
        const known = gtid === '' ? count === 0 : expected.positions.get(name)?.get(count)?.has(gtid) === true;
        moves.push({ shard: name, rows: count, gtid, known });
      }
    }
  } catch (error) {
    failure = error;
  }
  expect(server.unexpectedStatements).toEqual([]);
  return { rows, moves, failure };
}

/** The request's own list, or, where it asks for whole keyspaces, what the first vector holds. */
function shardsAskedFor(recording: Recording, events: readonly ReferenceEvent[]): string[] {
  const asked = recording.request.vgtid?.shardGtids ?? [];
  if (asked.every((one) => one.shard !== '')) return asked.map((one) => `${one.keyspace}/${one.shard}`);
  return events.find((event) => event.vgtid.length > 0)?.vgtid.map((one) => one.shard) ?? [];
}

/** Tables named by rules, and for a pattern those whose columns came. */
function tablesOf(recording: Recording, events: readonly ReferenceEvent[]): string[] {
  const rules = recording.request.filter?.rules ?? [];
  const seen = events
    .filter((event) => event.type === 'FIELD' && !event.internal)
    .map((event) => (event.table.includes('.') ? event.table : `${split(event.shard).keyspace}.${event.table}`));
  const keyspaces = [...new Set((recording.request.vgtid?.shardGtids ?? []).map((one) => one.keyspace))];
  const named = rules.filter((rule) => !rule.match.startsWith('/')).map((rule) => rule.match);
  const unseen = named.filter((bare) => !seen.some((name) => name.endsWith(`.${bare}`))).map((bare) => `${String(keyspaces[0])}.${bare}`);
  return [...new Set([...seen, ...unseen])];
}

function split(shard: string): { keyspace: string; shard: string } {
  const [keyspace = '', name = ''] = shard.split('/');
  return { keyspace, shard: name };
}
