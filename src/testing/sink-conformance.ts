/**
 * What every `Sink` must do, as data: bound to no test runner. Layer 6.
 *
 *     for (const { title, run } of sinkConformance(mySink(…))) test(title, () => run(harness));
 *
 * Cases use fresh stream and table names, so that one destination serves all of them.
 */
import type { Sink } from '../pipeline/sink.js';
import type { TableRef } from '../schema/table.js';
import { basicCases } from './sink-cases-basic.js';
import { fenceCases } from './sink-cases-fence.js';
import { moveCases } from './sink-cases-moves.js';
import { rangeCases } from './sink-cases-ranges.js';
import { schemaCases } from './sink-cases-schema.js';
import { shardCases } from './sink-cases-shards.js';

export interface SinkHarness {
  /** A new sink, not open yet, on the same destination as every other of this harness. */
  create(): Sink | Promise<Sink>;
  /**
   * The current rows of a source table, own columns only, in any order; [] when the destination has no such table. Values are compared as
   * text, so 64-bit integers and decimals may be text or numbers, dates text, bytes `Uint8Array` or hex; NULL is null or absent.
   */
  read(table: TableRef): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface SinkCase {
  readonly title: string;
  /** What the sink must be able to do for the case to make sense. */
  readonly needs: readonly ('deletes' | 'sweep' | 'stored' | 'evolve' | 'truncate' | 'ranges' | 'bisect')[];
  run(harness: SinkHarness): Promise<void>;
}

/** What decides which cases fit a sink: what it says it can do, and which methods it has. Any sink is one. */
export type SinkAbilities = Pick<Sink, 'capabilities' | 'truncate' | 'sweepRange'>;

/** The cases that fit a sink, which is not opened; all of them without an argument. A case fails by throwing. */
export function sinkConformance(sink?: SinkAbilities): readonly SinkCase[] {
  const all = [...basicCases, ...shardCases, ...rangeCases, ...moveCases, ...fenceCases, ...schemaCases];
  if (!sink) return all;
  const { capabilities, truncate, sweepRange } = sink;
  const able: Record<SinkCase['needs'][number], boolean> = {
    deletes: capabilities.deletes,
    sweep: capabilities.sweep,
    stored: capabilities.position === 'stored',
    evolve: capabilities.schema === 'evolve',
    truncate: truncate !== undefined,
    ranges: capabilities.sweep && sweepRange !== undefined,
    bisect: capabilities.bisect === true,
  };
  return all.filter((one) => one.needs.every((need) => able[need]));
}
