/** What a part of a stream costs the process that receives it. */
import { deferred } from '../src/internal/async.js';
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

  /** After each message or batch: what to wait for. */
  pause(): Promise<void> | undefined {
    return undefined;
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

/**
 * Measures a stream that goes on, in windows: its process is warm, and other processes have their turns between them. A window has all
 * that was used since the one before, as messages are read ahead while nobody asks for rows.
 */
export class Windows extends Meter {
  #limitUs = 0;
  #from = process.cpuUsage();
  #since = process.cpuUsage();
  #startedAt = performance.now();
  #rowsThen = 0;
  #bytesThen = 0;
  #report: ((measured: Measured) => void) | undefined;
  #go: Promise<void>;
  #release: () => void;

  constructor() {
    super(undefined);
    const { promise, resolve } = deferred();
    this.#go = promise;
    this.#release = resolve;
  }

  /** Lets the stream go on until it has used this much CPU. */
  next(cpuMs: number): Promise<Measured> {
    this.#limitUs = cpuMs * 1000;
    this.#from = process.cpuUsage();
    this.#startedAt = performance.now();
    this.#release();
    return new Promise((resolve) => (this.#report = resolve));
  }

  /** After each message or batch: at the end of a window, what to wait for. */
  override pause(): Promise<void> | undefined {
    const used = process.cpuUsage(this.#from);
    if (this.#report === undefined || used.user + used.system < this.#limitUs) return this.#report === undefined ? this.#go : undefined;
    const { user, system } = process.cpuUsage(this.#since);
    this.#since = process.cpuUsage();
    const report = this.#report;
    this.#report = undefined;
    const { promise, resolve } = deferred();
    this.#go = promise;
    this.#release = resolve;
    report({
      cpuUs: user + system,
      wallMs: performance.now() - this.#startedAt,
      rows: this.rows - this.#rowsThen,
      bytes: this.bytes - this.#bytesThen,
      rssMb: process.memoryUsage.rss() / 2 ** 20,
      peakRssMb: process.resourceUsage().maxRSS / 1024,
    });
    this.#rowsThen = this.rows;
    this.#bytesThen = this.bytes;
    return promise;
  }
}
