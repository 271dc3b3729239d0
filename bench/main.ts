/**
 * `npm run bench`: what a row costs the client, next to receiving its bytes at all. See README.md beside this file.
 *
 *   --json     the last line of output is JSON
 *   --check    compare ratios with baseline.json, what seems worse up to three times; exit 3 when one is 1.5 times what it was
 *   Without --check, --full and --rounds a run ends within a minute: on a busy machine with fewer rounds, then with fewer shapes.
 *   --full     more rounds, every shape in replication too, memory over 10 million rows
 *   --only=six,wide   these shapes
 *   --peers    protobuf-es and protobufjs (installs bench/peers) in each shape, next to the client, instead of the other figures
 *   --vtgate=HOST:PORT --table=KEYSPACE.TABLE --rows=N   a table of a real VTGate, one shard, instead of the replay server; with
 *              Debezium where there are java and mvn, and without it with --no-debezium
 *   --prof     write CPU profiles of the client processes
 */
import { parseArgs } from 'node:util';
import { Budget } from './budget.js';
import { above, type Case, Lab, lowest, type Result, STEADY, steadyRatio } from './lab.js';
import { type Comparison, compareWithBaseline, says } from './baseline.js';
import { measurePeers } from './peers.js';
import { round, say, SUMMARY_HEAD, summaryLine } from './report.js';
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
const rounds = Number(flags.rounds ?? (flags.full ? 11 : 5));
// `--only=` alone is none of them.
const only = flags.only?.split(',').filter((name) => name !== '') ?? Object.keys(SHAPES);
const started = performance.now();
/** Processes have to start and end in the rest of the minute. */
const budget = new Budget(flags.full || flags.check || flags.rounds !== undefined ? Infinity : 50_000);
/** Cases of a shape: floor, client, protobuf-es, and as much again for JSON as text. */
const casesOf = (name: string): number => (name === 'six' ? 8 : name === 'json' ? 4 : 3);
let left = only.reduce((sum, name) => sum + casesOf(name), 0);
const profile = flags.prof ? ['--cpu-prof', '--cpu-prof-dir=bench/profiles'] : [];
const lab = new Lab(
  // A real VTGate is measured as users run their client.
  flags.vtgate === undefined ? [...STEADY, ...profile] : profile,
  flags.full ? { warmMs: 1500, windowMs: 200 } : undefined,
);
const figures: Record<string, number | string> = {};
const ratios: Record<string, number> = {};
const summary: string[] = [];
let comparison: Comparison | undefined;

try {
  if (flags.vtgate !== undefined) {
    const [keyspace = '', table = ''] = flags.table.split('.');
    const source = { address: flags.vtgate, keyspace, table };
    Object.assign(figures, await measureVtgate(lab, source, Number(flags.rows), Number(flags.rounds ?? 3), !flags['no-debezium']));
  } else if (flags.peers) {
    for (const shape of only) Object.assign(figures, await measurePeers(lab, shape, Number(flags.rounds ?? 3)));
  } else {
    const skipped: string[] = [];
    for (const shape of only) {
      const cases = casesOf(shape);
      if (!budget.allows(cases)) skipped.push(shape);
      else if (shape === 'six') await measureSix(budget.until(cases, left));
      else await measureShape(shape, budget.until(cases, left));
      if (!skipped.includes(shape)) budget.took(cases);
      left -= cases;
    }
    if (skipped.length > 0) {
      console.log(`left out, as the machine is busy: ${skipped.join(', ')}`);
      figures['skipped'] = skipped.join(' ');
    }
  }
  if (flags.full) await measureMemory();
  if (flags.check) comparison = await checkAgain();
} finally {
  lab.end();
}
if (summary.length > 0) console.log([SUMMARY_HEAD, ...summary].join('\n'));
figures['seconds'] = Math.round((performance.now() - started) / 1000);
figures['node'] = process.version;

if (comparison) console.log(says(comparison));
if (flags.json) console.log(JSON.stringify({ ...figures, ratios }));
if (comparison && comparison.lines.length > 0) process.exitCode = 3;

/** A neighbour on the machine spoils a shape now and then: what regressed is measured twice more, and its best counts. */
async function checkAgain(): Promise<Comparison> {
  let result = await compareWithBaseline(ratios);
  for (let attempt = 0; attempt < 2 && result.lines.length > 0; attempt++) {
    console.log(`measured again, as it seems to have regressed: ${result.shapes.join(', ')}`);
    const before = { ...ratios };
    for (const shape of result.shapes) await (shape === 'six' ? measureSix(Infinity) : measureShape(shape, Infinity));
    for (const [name, value] of Object.entries(before)) ratios[name] = Math.min(value, ratios[name] ?? value);
    result = await compareWithBaseline(ratios);
  }
  return result;
}

/** The row of six columns, in every way to take it. */
async function measureSix(until: number): Promise<void> {
  const copy = { shape: 'six', phase: 'copy' } as const;
  const replication = { shape: 'six', phase: 'replication' } as const;
  const cases = {
    floor: { ...copy, kind: 'floor' },
    copy: { ...copy, kind: 'typed' },
    cells: { ...copy, kind: 'cells' },
    protobufEs: { ...copy, kind: 'protobuf-es' },
    replicationFloor: { ...replication, kind: 'floor' },
    replication: { ...replication, kind: 'typed' },
    replicationCells: { ...replication, kind: 'cells' },
    replicationProtobufEs: { ...replication, kind: 'protobuf-es' },
  } satisfies Record<string, Case>;
  const further: Record<string, Case> = flags.full
    ? {
        records: { ...copy, kind: 'records' },
        texts: { ...copy, kind: 'texts' },
        protobufEsMessages: { ...copy, kind: 'protobuf-es messages' },
        replicationProtobufEsMessages: { ...replication, kind: 'protobuf-es messages' },
      }
    : {};
  const list = await lab.measure([...Object.values(cases), ...Object.values(further)], rounds, { until });
  const names = [...Object.keys(cases), ...Object.keys(further)];
  const results = Object.fromEntries(names.map((name, index) => [name, list[index] as Result])) as Record<keyof typeof cases, Result>;
  say('six columns', Object.entries(results));
  for (const [name, result] of Object.entries(results)) {
    figures[`${name}UsPerRow`] = round(result.usPerRow);
    figures[`${name}LowestUsPerRow`] = round(lowest(result));
  }
  const { floor, protobufEs, cells, replicationFloor, replicationProtobufEs, replicationCells } = results;
  Object.assign(figures, {
    copyAboveFloorUs: round(above(results.copy, floor)),
    replicationAboveFloorUs: round(above(results.replication, replicationFloor)),
    cellsAboveFloorUs: round(above(cells, floor)),
    replicationCellsAboveFloorUs: round(above(replicationCells, replicationFloor)),
    peakRssMb: Math.round(Math.max(...[results.copy, results.replication].flatMap((one) => one.rounds.map((pass) => pass.peakRssMb)))),
    bytesPerRow: Math.round(floor.bytesPerRow),
  });
  Object.assign(ratios, {
    'six cells / floor': round(steadyRatio(cells, floor)),
    'six cells / protobuf-es': round(steadyRatio(cells, protobufEs)),
  });
  compare('six copy', results.copy, floor, protobufEs);
  compare('six replication', results.replication, replicationFloor, replicationProtobufEs);
  lab.endClients();
}

async function measureShape(name: string, until: number): Promise<void> {
  for (const phase of flags.full ? (['copy', 'replication'] as const) : (['copy'] as const)) {
    const cases: Record<string, Case> = {
      floor: { shape: name, phase, kind: 'floor' },
      typed: { shape: name, phase, kind: 'typed' },
      ...(name === 'json' ? { unparsed: { shape: name, phase, kind: 'typed', types: { json: 'text' } } } : {}),
      protobufEs: { shape: name, phase, kind: 'protobuf-es' },
    };
    const list = await lab.measure(Object.values(cases), rounds, { until });
    const results = Object.keys(cases).map((key, index): [string, Result] => [key, list[index] as Result]);
    say(`${name}, ${phase}`, results);
    const of = (key: string): Result => results.find(([one]) => one === key)?.[1] as Result;
    const key = phase === 'copy' ? name : `${name}Replication`;
    figures[`${key}FloorUsPerRow`] = round(of('floor').usPerRow);
    figures[`${key}ProtobufEsUsPerRow`] = round(of('protobufEs').usPerRow);
    figures[`${key}UsPerRow`] = round(of('typed').usPerRow);
    figures[`${key}LowestUsPerRow`] = round(lowest(of('typed')));
    // Parsing a document costs what JSON.parse costs, whoever does it.
    const compared = name === 'json' ? 'unparsed' : 'typed';
    if (name === 'json') figures[`${key}UnparsedUsPerRow`] = round(of(compared).usPerRow);
    compare(`${name}${phase === 'copy' ? '' : ' replication'}`, of(compared), of('floor'), of('protobufEs'));
    lab.endClients();
  }
}

/** The client next to protobuf-es, which receives its bytes in the same way: with that in both figures, and without. */
function compare(title: string, client: Result, floor: Result, protobufEs: Result): void {
  ratios[`${title} / floor`] = round(steadyRatio(client, floor));
  ratios[`${title} / protobuf-es`] = round(steadyRatio(client, protobufEs));
  ratios[`${title} above floor / protobuf-es above floor`] = round(above(client, floor) / above(protobufEs, floor));
  summary.push(summaryLine(title, client, floor, protobufEs));
}

/** Ten million rows in fresh processes, in one stream each: memory must not follow their number. */
async function measureMemory(): Promise<void> {
  // As users run their client.
  const plain = new Lab(profile);
  try {
    for (const phase of ['copy', 'replication'] as const) await measureTenMillion(plain, phase);
  } finally {
    plain.end();
  }
}

async function measureTenMillion(plain: Lab, phase: 'copy' | 'replication'): Promise<void> {
  const base = { shape: 'six', phase, rows: 10_000_000 } as const;
  const [floor, typed] = await plain.measure(
    [
      { ...base, kind: 'floor' },
      { ...base, kind: 'typed' },
    ],
    1,
  );
  const pass = typed?.rounds[0];
  if (!floor || !typed || !pass) return;
  console.log(
    `ten million rows, ${phase}: floor ${round(floor.usPerRow)}, typed ${round(typed.usPerRow)} us a row, ` +
      `RSS ${Math.round(pass.rssMb)} MB at the end, ${Math.round(pass.peakRssMb)} MB at most`,
  );
  const key = phase === 'copy' ? 'tenMillion' : 'tenMillionReplication';
  figures[`${key}FloorUsPerRow`] = round(floor.usPerRow);
  figures[`${key}UsPerRow`] = round(typed.usPerRow);
  figures[`${key}RssMb`] = Math.round(pass.rssMb);
  figures[`${key}PeakRssMb`] = Math.round(pass.peakRssMb);
  plain.endClients();
}
