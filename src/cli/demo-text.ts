/** The words of the demonstration. Pure. */
import type { ShopOrder } from './demo-shop.js';
import { grouped } from '../internal/figures.js';
import { showValue } from './pretty.js';
import type { Paint } from './terminal.js';

export interface TableCount {
  readonly table: string;
  readonly source: number;
  readonly sink: number;
}

export function describeOrder({ id, text }: ShopOrder): string {
  return `order ${String(id).padStart(6)}  ${text.padEnd(44)}`;
}

/** Source and sink side by side. */
export function describeTables(counts: readonly TableCount[], path: string, paint: Paint): string {
  const width = Math.max(5, ...counts.map(({ table }) => table.length));
  const row = (a: string, b: string, c: string, d: string): string => `  ${a.padEnd(width)}  ${b.padStart(10)}  ${c.padStart(10)}  ${d}`;
  const lines = counts.map(({ table, source, sink }) => {
    const verdict = source === sink ? paint('green', 'equal') : paint('red', 'DIFFERENT');
    return row(table, grouped(source), grouped(sink), verdict);
  });
  return [`rows in the source and in ${path}`, row('table', 'source', 'sink', ''), ...lines].map((line) => line.trimEnd()).join('\n');
}

/** Rows as an aligned table. */
export function describeRows(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const [first] = rows;
  if (!first) return '  (none)';
  const names = Object.keys(first);
  const cells = rows.map((row) => names.map((name) => cellText(row[name])));
  const widths = names.map((name, at) => Math.max(name.length, ...cells.map((row) => (row[at] ?? '').length)));
  const line = (row: readonly string[]): string => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd();
  return [line(names), ...cells.map(line)].join('\n');
}

/** In a table every cell has its place: text needs no quotes. */
function cellText(value: unknown): string {
  return typeof value === 'string' ? value : showValue(value);
}

/** How the program is called: `npx vstream` works in a checkout only, as that name belongs to others on npm. */
function programName(moduleUrl: string): string {
  return moduleUrl.includes('/node_modules/') ? 'npx vstream-client' : 'npx vstream';
}

export function nextCommands(moduleUrl: string): string {
  const program = programName(moduleUrl);
  return [
    'next, on your own Vitess:',
    `  ${program} tail --vtgate localhost:15991 --keyspace commerce`,
    `  ${program} run vstream.config.mjs`,
  ].join('\n');
}
