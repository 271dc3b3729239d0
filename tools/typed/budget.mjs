/** What typed tables cost the compiler, in type instantiations: a count, so that it is the same on every machine. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TABLES = 200;
const COLUMNS = 20;
/** Instantiations of one column: measured 42, with room for a compiler that counts differently. */
const PER_COLUMN = 80;

const kinds = [
  'bigint',
  'int null',
  'decimal(10,2)',
  "enum('new','paid','it''s')",
  'varchar(20) null',
  'datetime(6)',
  'json null',
  'tinyint(1)',
  'blob null',
  'double',
];
const folder = mkdtempSync(join(import.meta.dirname, '.budget-'));
try {
  const tables = Array.from({ length: TABLES }, (_, table) => {
    const columns = Array.from({ length: COLUMNS }, (_, column) => `c${column}: ${JSON.stringify(kinds[(table + column) % kinds.length])}`);
    return `export const t${table} = table({ declared: { ${columns.join(', ')} } });\nexport declare const r${table}: RowOf<typeof t${table}>;\nexport const v${table} = [${columns.map((_, column) => `r${table}.c${column}`).join(', ')}];`;
  });
  const use = (lines) =>
    `import { type RowOf, table } from '../../../src/schema/define.js';\nexport type Used = RowOf<typeof table>;\n${lines.join('\n')}\n`;
  const none = count(use([]));
  const all = count(use(tables));
  const each = (all - none) / (TABLES * COLUMNS);
  console.log(
    `typed tables: ${each.toFixed(1)} type instantiations a column (budget ${PER_COLUMN}), ${TABLES} tables of ${COLUMNS} columns`,
  );
  if (!(each < PER_COLUMN)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

function count(source) {
  writeFileSync(join(folder, 'tables.ts'), source);
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: { rootDir: '../../..' }, include: ['tables.ts'], exclude: [] }),
  );
  const { stdout, status } = spawnSync(
    process.execPath,
    ['../../node_modules/typescript/bin/tsc', '-p', join(folder, 'tsconfig.json'), '--extendedDiagnostics'],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stdout);
  return Number(/^Instantiations:\s+(\d+)/m.exec(stdout)?.[1]);
}
