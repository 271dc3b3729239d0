/** The copy of a table of a real VTGate; its processes compete for the cores, so that CPU time says more than rows a second. */
import { buildDebezium, type DebeziumPass, type Span, type Table } from './debezium.js';
import { type Case, type Lab, median, type Result } from './lab.js';
import { round, say } from './report.js';

const KINDS = ['floor', 'typed', 'cells'] as const;

/** All of them in turns; Debezium as well if `debezium` and if it can be had. */
export async function measureVtgate(
  lab: Lab,
  source: Table,
  rows: number,
  rounds: number,
  debezium: boolean,
): Promise<Record<string, number | string>> {
  const peer = debezium ? buildDebezium() : { skipped: '--no-debezium' };
  const passes: DebeziumPass[] = [];
  const list = await lab.measure(
    KINDS.map((kind): Case => ({ kind, shape: '', phase: 'copy', rows, source })),
    rounds,
    {
      peer: async () => {
        if ('run' in peer) passes.push(await peer.run(source, rows));
      },
    },
  );
  say(
    `${source.keyspace}.${source.table} through ${source.address}`,
    KINDS.map((kind, index) => [kind, list[index] as Result]),
  );
  const figures: Record<string, number | string> = {};
  KINDS.forEach((kind, index) => {
    const name = `vtgate${kind[0]?.toUpperCase()}${kind.slice(1)}`;
    const { usPerRow, first, rounds: measured } = list[index] as Result;
    figures[`${name}UsPerRow`] = round(usPerRow);
    figures[`${name}FirstUsPerRow`] = round(first.cpuUs / first.rows);
    figures[`${name}RowsPerSecond`] = Math.round(median(measured.map(perSecond)));
    figures[`${name}PeakRssMb`] = Math.round(Math.max(...measured.map((pass) => pass.peakRssMb)));
  });
  if ('skipped' in peer) {
    console.log(`Debezium: skipped, as ${peer.skipped}`);
    figures['debezium'] = `skipped: ${peer.skipped}`;
    return figures;
  }
  return { ...figures, ...compare(list[KINDS.indexOf('typed')] as Result, passes) };
}

function compare(typed: Result, passes: readonly DebeziumPass[]): Record<string, number> {
  const usPerRow = (part: 'whole' | 'warm'): number => median(passes.map((pass) => pass[part].cpuUs / pass[part].rows));
  const rate = (part: 'whole' | 'warm'): number => Math.round(median(passes.map((pass) => perSecond(pass[part]))));
  const peakRssMb = Math.round(Math.max(...passes.map((pass) => pass.peakRssMb)));
  // Pairs of one round, as ratios of the others: what a busy machine does to one it does to its neighbour.
  const timesWarm = median(passes.map(({ warm }, at) => warm.cpuUs / warm.rows / cost(typed.rounds[at])));
  const timesWhole = usPerRow('whole') / cost(typed.first);
  console.log(
    `Debezium, a JVM of its own for each of ${passes.length} copies\n` +
      `  all rows               ${usPerRow('whole').toFixed(3).padStart(8)}   (${rate('whole')} rows/s; ${timesWhole.toFixed(1)} times typed rows in the first copy of a process)\n` +
      `  second half            ${usPerRow('warm').toFixed(3).padStart(8)}   (${rate('warm')} rows/s; ${timesWarm.toFixed(1)} times typed rows)\n` +
      `  peak RSS ${peakRssMb} MB; client ${Math.round(Math.max(...typed.rounds.map((pass) => pass.peakRssMb)))} MB`,
  );
  return {
    debeziumUsPerRow: round(usPerRow('whole')),
    debeziumWarmUsPerRow: round(usPerRow('warm')),
    debeziumRowsPerSecond: rate('whole'),
    debeziumWarmRowsPerSecond: rate('warm'),
    debeziumPeakRssMb: peakRssMb,
    debeziumByTypedFirst: round(timesWhole),
    debeziumWarmByTyped: round(timesWarm),
  };
}

function cost(span: Omit<Span, 'wallMs'> | undefined): number {
  return span ? span.cpuUs / span.rows : Number.NaN;
}

function perSecond({ rows, wallMs }: Span): number {
  return (rows / wallMs) * 1000;
}
