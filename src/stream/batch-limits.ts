/** How large batches become. Pure. Layer 3. */
import type { ValidatedLimits } from './validated.js';

export interface AssemblerOptions {
  readonly batchBytes: number;
  readonly batchChanges: number;
  /** Of `EngineOptions`. Default false. */
  readonly positionApart?: boolean | undefined;
  /** Rows that their filter cannot judge are handed on (where.ts) instead of ending the stream. Default false. */
  readonly keepsUnjudged?: boolean | undefined;
}

/**
 * The size of batches where the user gives none. Rows that are decoded ahead live as long as their batch: 20,000 of them survive
 * several collections of young objects, which costs as much again as decoding them (bench/README.md). Of cells only a record a row lives on,
 * but with three batches under way those of 20,000 and 15,000 outlived two collections as well: 1.2 to 1.6 times the cost of 10,000 and 60 MB
 * more. Fewer gain nothing more. DuckDB's sink copies at the same cost, and updates at 8 % more than with 20,000.
 * What survives decides how far the heap grows before it is collected: catching up with 2 GB took 150 to 220 MiB in all with 1 MiB and
 * 4,000 changes, 145 to 186 with half of each, 152 to 161 with a quarter, at the same cost a row (`npm run soak -- --full`).
 */
export function batchLimits(limits: ValidatedLimits, decoded: boolean): AssemblerOptions {
  return {
    batchBytes: limits.batchBytes ?? (decoded ? 0.25 : 4) * 1024 * 1024,
    batchChanges: limits.batchChanges ?? (decoded ? 1_000 : 10_000),
  };
}
