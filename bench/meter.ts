/** What a part of a stream costs the process that receives it. */
import type { Measure, Measured } from './protocol.js';

/** The part of a replayed stream that is not measured: each stream has code of its own to generate and to be optimised. */
const WARM = 0.3;

/** Counts what comes after connecting, looking up tables, and the warm part of a replayed stream. */
export class Meter {
  readonly #warmBytes: number;
  readonly #warmRows: number;
  #cpu: NodeJS.CpuUsage | undefined;
  #start = 0;
  #rowsBefore = 0;
  #bytesBefore = 0;
  /** Seen so far, warm part included. */
  rows = 0;
  bytes = 0;

  constructor(expected: Measure['expected'], warm = WARM) {
    this.#warmBytes = (expected?.bytes ?? 0) * warm;
    this.#warmRows = (expected?.rows ?? 0) * warm;
  }

  /** Before each message or batch. */
  tick(): void {
    if (this.#cpu || (this.bytes < this.#warmBytes && (this.rows === 0 || this.rows < this.#warmRows))) return;
    this.#cpu = process.cpuUsage();
    this.#start = performance.now();
    this.#rowsBefore = this.rows;
    this.#bytesBefore = this.bytes;
  }

  end(): Measured {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      cpuUs: user + system,
      wallMs: performance.now() - this.#start,
      rows: this.rows - this.#rowsBefore,
      bytes: this.bytes - this.#bytesBefore,
      rssMb: process.memoryUsage.rss() / 2 ** 20,
      peakRssMb: process.resourceUsage().maxRSS / 1024,
    };
  }
}
