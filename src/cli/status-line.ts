/** One live line on a terminal, a log line now and then elsewhere. Everything goes to stderr. */
import type { Clock } from '../internal/clock.js';
import { shortOwner } from '../internal/owner.js';
import type { Stats, TableStats } from '../observe/stats.js';
import { compact, counted, grouped, spoken } from '../internal/figures.js';
import type { OutStream } from './terminal.js';

const REFRESH_MS = 200;
const LOG_EVERY_MS = 10_000;
const CLEAR_LINE = '\r\u001b[2K';

export interface StatusLineOptions {
  readonly stream: OutStream;
  readonly clock: Clock;
}

/** Owns stderr while it runs: other text goes through `note`, so that the line is never torn. */
export class StatusLine {
  readonly #stream: OutStream;
  readonly #clock: Clock;
  #read: (() => Stats) | undefined;
  #cancel: (() => void) | undefined;
  #shown = false;

  constructor({ stream, clock }: StatusLineOptions) {
    this.#stream = stream;
    this.#clock = clock;
  }

  /** Shows what `read` gives until `stop`. */
  start(read: () => Stats): void {
    this.stop();
    this.#read = read;
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(this.#stream.isTTY === true ? REFRESH_MS : LOG_EVERY_MS, () => this.#tick(), false);
  }

  #tick(): void {
    this.#draw();
    this.#schedule();
  }

  #draw(): void {
    if (!this.#read) return;
    const text = renderStatus(this.#read());
    if (this.#stream.isTTY !== true) {
      this.#stream.write(`${text}\n`);
      return;
    }
    // One column is left free: a full line would wrap and could not be cleared.
    this.#stream.write(`${CLEAR_LINE}${text.slice(0, Math.max(20, (this.#stream.columns ?? 100) - 1))}`);
    this.#shown = true;
  }

  /** A whole line of text above the status. */
  note(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
    if (this.#read && this.#stream.isTTY === true) this.#draw();
  }

  #clear(): void {
    if (this.#shown) this.#stream.write(CLEAR_LINE);
    this.#shown = false;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#read = undefined;
    this.#clear();
  }
}

/** `copying orders 45 % of 1.0M, table 2 of 5 · 450,000 rows · 12.3k rows/s · eta 44 s` */
export function renderStatus(stats: Stats): string {
  if (stats.state === 'waiting' && stats.waitingFor) {
    return `waiting for ${shortOwner(stats.waitingFor.owner)}, lease ends in ${Math.max(0, Math.ceil(stats.waitingFor.leaseSeconds))} s`;
  }
  const parts = [headline(stats), counted(stats.rows, 'row'), `${compact(stats.rowsPerSecond)} rows/s`];
  if (stats.state === 'copying') parts.push(...remaining(stats));
  else if (stats.lagSeconds !== undefined) parts.push(`lag ${spoken(stats.lagSeconds)}`);
  const troubled = stats.shards.filter((shard) => shard.verdict !== undefined && !['idle', 'live'].includes(shard.verdict));
  if (troubled.length > 0)
    parts.push(
      troubled
        .slice(0, 3)
        .map((shard) => `${shard.keyspace}/${shard.shard} ${shard.verdict}`)
        .join(', '),
    );
  if (stats.state === 'reconnecting' && stats.lastError) parts.push(String(stats.lastError['message']));
  return parts.join(' · ');
}

function headline(stats: Stats): string {
  if (stats.state !== 'copying') return stats.state;
  const current = stats.tables.find((table) => table.state === 'copying');
  if (!current) return 'copying';
  if (current.range !== undefined) return `copying ${current.table} where ${current.range}, ${grouped(current.rows)} rows of it`;
  const share = fraction(current);
  const of = share === undefined ? '' : ` ${Math.floor(share * 100)} % of ${compact(current.estimatedRows ?? 0)}`;
  const done = stats.tables.filter((table) => table.state === 'done').length;
  return `copying ${current.table}${of}, table ${done + 1} of ${stats.tables.length}`;
}

/** Estimates are off by tens of percent: never say 100 % of a table that is not done. */
function fraction(table: TableStats): number | undefined {
  if (!table.estimatedRows) return undefined;
  return Math.min(0.99, table.rows / table.estimatedRows);
}

function remaining(stats: Stats): readonly string[] {
  if (stats.rowsPerSecond <= 0) return [];
  let rows = 0;
  for (const table of stats.tables) {
    if (table.state === 'done') continue;
    // How many rows a range has nobody knows.
    if (table.estimatedRows === undefined || table.range !== undefined) return [];
    rows += Math.max(0, table.estimatedRows - table.rows);
  }
  return rows > 0 ? [`eta ${spoken(rows / stats.rowsPerSecond)}`] : [];
}
