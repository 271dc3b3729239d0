/**
 * `npm run bench`: what a row costs the client, next to receiving its bytes at all. See README.md beside this file.
 *
 *   --json     the last line of output is JSON
 *   --check    compare ratios with baseline.json; exit 3 when one is 1.5 times what it was
 *   --full     more rounds, every shape in replication too, memory over 10 million rows
 *   --only=six,wide   these shapes
 *   --peers    protobuf-es and protobufjs (installs bench/peers) in each shape, next to the client, instead of the other figures
 *   --vtgate=HOST:PORT --table=KEYSPACE.TABLE --rows=N   a table of a real VTGate, one shard, instead of the replay server; with
 *              Debezium where there are java and mvn, and without it with --no-debezium
 *   --prof     write CPU profiles of the client processes
 */
import { parseArgs } from 'node:util';
import { type Case, Lab, ratio, above, type Result } from './lab.js';
import { check } from './baseline.js';
import { measurePeers } from './peers.js';
import { round, say } from './report.js';
import { measureVtgate } from './vtgate.js';
import { SHAPES } from './shapes.js';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
    prof: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    'no-debezium': { type: 'boolean', default: false },
    rounds: { type: 'string' },
    vtgate: { type: 'string' },
    table: { type: 'string', default: 'commerce.bench_rows' },
    rows: { type: 'string', default: '1000000' },
  },
});
const rounds = Number(flags.rounds ?? (flags.full ? 9 : 5));
// `--only=` alone is none of them.
const only = flags.only?.split(',').filter((name) => name !== '') ?? Object.keys(SHAPES);
const started = performance.now();
const lab = new Lab(flags.prof ? ['--cpu-prof', '--cpu-prof-dir=bench/profiles'] : []);
const figures: Record<string, number | string> = {};
const ratios: Record<string, number> = {};

try {
  if (flags.vtgate !== undefined) {
    const [keyspace = '', table = ''] = flags.table.split('.');
    const source = { address: flags.vtgate, keyspace, table };
    Object.assign(figures, await measureVtgate(lab, source, Number(flags.rows), Number(flags.rounds ?? 3), !flags['no-debezium']));
  } else if (flags.peers) {
    for (const shape of only) Object.assign(figures, await measurePeers(lab, shape, Number(flags.rounds ?? 3)));
  } else {
    if (only.includes('six')) await measureSix();
    for (const shape of only) if (shape !== 'six') await measureShape(shape);
  }
  if (flags.full) await measureMemory();
} finally {
  lab.end();
}
figures['seconds'] = Math.round((performance.now() - started) / 1000);
figures['node'] = process.version;

const regressions = flags.check ? await check(ratios) : [];
if (flags.json) console.log(JSON.stringify({ ...figures, ratios }));
if (regressions.length > 0) {
  console.error(regressions.join('\n'));
  process.exitCode = 3;
}

/** The row of six columns: more than a million of it in each way, in rounds. */
async function measureSix(): Promise<void> {
  const rows = flags.full ? 1_000_000 : 220_000;
  const base = { shape: 'six', rows } as const;
  const cases = {
    floor: { ...base, kind: 'floor', phase: 'copy' },
    protobufEs: { ...base, kind: 'protobuf-es', phase: 'copy', rows: 20_000 },
    protobufEsMessages: { ...base, kind: 'protobuf-es messages', phase: 'copy', rows: 20_000 },
    copy: { ...base, kind: 'typed', phase: 'copy' },
    records: { ...base, kind: 'records', phase: 'copy' },
    cells: { ...base, kind: 'cells', phase: 'copy' },
    texts: { ...base, kind: 'texts', phase: 'copy' },
    replicationFloor: { ...base, kind: 'floor', phase: 'replication' },
    replicationProtobufEs: { ...base, kind: 'protobuf-es', phase: 'replication', rows: 20_000 },
    replicationProtobufEsMessages: { ...base, kind: 'protobuf-es messages', phase: 'replication', rows: 20_000 },
    replication: { ...base, kind: 'typed', phase: 'replication' },
    replicationCells: { ...base, kind: 'cells', phase: 'replication' },
  } satisfies Record<string, Case>;
  const list = await lab.measure(Object.values(cases), rounds);
  const results = Object.fromEntries(Object.keys(cases).map((name, index) => [name, list[index] as Result])) as Record<
    keyof typeof cases,
    Result
  >;
  const { floor, protobufEs, copy, cells, replicationFloor, replicationProtobufEs, replication } = results;
  say('six columns', Object.entries(results));
  Object.assign(figures, {
    floorUsPerRow: round(floor.usPerRow),
    protobufEsUsPerRow: round(protobufEs.usPerRow),
    protobufEsMessagesUsPerRow: round(results.protobufEsMessages.usPerRow),
    copyUsPerRow: round(copy.usPerRow),
    replicationUsPerRow: round(replication.usPerRow),
    cellsUsPerRow: round(cells.usPerRow),
    textsUsPerRow: round(results.texts.usPerRow),
    recordsUsPerRow: round(results.records.usPerRow),
    replicationFloorUsPerRow: round(replicationFloor.usPerRow),
    replicationProtobufEsUsPerRow: round(replicationProtobufEs.usPerRow),
    replicationProtobufEsMessagesUsPerRow: round(results.replicationProtobufEsMessages.usPerRow),
    replicationCellsUsPerRow: round(results.replicationCells.usPerRow),
    copyAboveFloorUs: round(above(copy, floor)),
    replicationAboveFloorUs: round(above(replication, replicationFloor)),
    cellsAboveFloorUs: round(above(cells, floor)),
    peakRssMb: Math.round(Math.max(...[copy, replication].flatMap((one) => one.rounds.map((pass) => pass.peakRssMb)))),
    bytesPerRow: Math.round(floor.bytesPerRow),
  });
  Object.assign(ratios, {
    'six copy / protobuf-es': round(ratio(copy, protobufEs)),
    'six copy above floor / protobuf-es above floor': round(above(copy, floor) / above(protobufEs, floor)),
    'six copy / floor': round(ratio(copy, floor)),
    'six cells / floor': round(ratio(cells, floor)),
    'six replication / protobuf-es': round(ratio(replication, replicationProtobufEs)),
    'six replication above floor / protobuf-es above floor': round(
      above(replication, replicationFloor) / above(replicationProtobufEs, replicationFloor),
    ),
    'six replication / floor': round(ratio(replication, replicationFloor)),
  });
  lab.endClients();
}

/** Another shape, as many rows as make about 15 MB, and enough for generated code to be optimised. */
async function measureShape(name: string): Promise<void> {
  const shape = SHAPES[name];
  if (!shape) throw new Error(`no shape ${name}; there are ${Object.keys(SHAPES).join(', ')}`);
  const bytes = shape.cells(1000).reduce((sum, cell) => sum + (cell?.length ?? 0) + 1, 60);
  const rows = flags.full ? Math.max(100_000, Math.ceil(60_000_000 / bytes)) : Math.max(20_000, Math.ceil(15_000_000 / bytes));
  const fewer = Math.ceil(rows / 8);
  for (const phase of flags.full ? (['copy', 'replication'] as const) : (['copy'] as const)) {
    const cases: Record<string, Case> = {
      floor: { shape: name, phase, kind: 'floor', rows },
      protobufEs: { shape: name, phase, kind: 'protobuf-es', rows: fewer },
      typed: { shape: name, phase, kind: 'typed', rows },
      ...(name === 'json' ? { unparsed: { shape: name, phase, kind: 'typed', rows, types: { json: 'text' } } } : {}),
    };
    const list = await lab.measure(Object.values(cases), flags.full ? rounds : Math.min(rounds, 3));
    const results = Object.keys(cases).map((key, index): [string, Result] => [key, list[index] as Result]);
    say(`${name}, ${phase}`, results);
    const of = (key: string): Result => results.find(([one]) => one === key)?.[1] as Result;
    const key = phase === 'copy' ? name : `${name}Replication`;
    figures[`${key}FloorUsPerRow`] = round(of('floor').usPerRow);
    figures[`${key}ProtobufEsUsPerRow`] = round(of('protobufEs').usPerRow);
    figures[`${key}UsPerRow`] = round(of('typed').usPerRow);
    // Parsing a document costs what JSON.parse costs, whoever does it.
    const compared = name === 'json' ? 'unparsed' : 'typed';
    if (name === 'json') figures[`${key}UnparsedUsPerRow`] = round(of(compared).usPerRow);
    const title = `${name}${phase === 'copy' ? '' : ' replication'}`;
    ratios[`${title} / protobuf-es`] = round(ratio(of(compared), of('protobufEs')));
    ratios[`${title} above floor / protobuf-es above floor`] = round(
      above(of(compared), of('floor')) / above(of('protobufEs'), of('floor')),
    );
    lab.endClients();
  }
}

/** Ten million rows in a fresh process: memory must not follow their number. */
async function measureMemory(): Promise<void> {
  const [result] = await lab.measure([{ shape: 'six', phase: 'copy', kind: 'typed', rows: 10_000_000 }], 1);
  const pass = result?.rounds[0];
  if (!pass) return;
  console.log(
    `ten million rows: ${round(pass.cpuUs / pass.rows)} us a row, RSS ${Math.round(pass.rssMb)} MB at the end, ${Math.round(pass.peakRssMb)} MB at most`,
  );
  figures['tenMillionRssMb'] = Math.round(pass.rssMb);
  figures['tenMillionPeakRssMb'] = Math.round(pass.peakRssMb);
  lab.endClients();
}
