/** How large batches become. Pure. Layer 3. */
import type { ValidatedLimits } from './validated.js';

export interface AssemblerOptions {
  readonly batchBytes: number;
  readonly batchChanges: number;
  /** Rows that their filter cannot judge are handed on (where.ts) instead of ending the stream. Default false. */
  readonly keepsUnjudged?: boolean | undefined;
}

/**
 * The size of batches where the user gives none. Rows that are decoded ahead live as long as their batch: 20,000 of them survive
 * several collections of young objects, which costs as much again as decoding them (bench/README.md). Cells are no objects.
 */
export function batchLimits(limits: ValidatedLimits, decoded: boolean): AssemblerOptions {
  return {
    batchBytes: limits.batchBytes ?? (decoded ? 1 : 4) * 1024 * 1024,
    batchChanges: limits.batchChanges ?? (decoded ? 4_000 : 20_000),
  };
}
