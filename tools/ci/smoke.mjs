/** The build output loads in the Node that runs this: every entry point by import and by require, and the program answers. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
const { exports: entries, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
for (const [entry, target] of Object.entries(entries)) {
  if (typeof target === 'string') continue;
  const specifier = entry.replace('.', 'vstream-client');
  const imported = await import(specifier);
  const required = require(specifier);
  if (Object.keys(imported).length === 0) throw new Error(`${specifier} exports nothing`);
  if (Object.keys(required).length !== Object.keys(imported).length) throw new Error(`require('${specifier}') differs from import`);
}
const { stdout, status, stderr } = spawnSync(process.execPath, ['dist/cli/main.js', '--version'], { encoding: 'utf8' });
if (status !== 0 || stdout.trim() !== version) throw new Error(`vstream --version printed ${stdout}${stderr} and ended with ${status}`);
console.log(`${process.version}: entry points and program load`);
