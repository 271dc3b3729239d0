/**
 * Runs a program of one of the folders under tools/, installing the folder first where that is needed: they have lockfiles of
 * their own so that a checkout installs only what build and tests use.
 *
 *   node tools/run.mjs lint biome format --write
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [folder, program, ...args] = process.argv.slice(2);
if (!folder || !program) {
  console.error('usage: node tools/run.mjs FOLDER PROGRAM [ARGUMENT…]   (FOLDER is one under tools/)');
  process.exit(2);
}
const root = join(dirname(fileURLToPath(import.meta.url)), folder);
const installed = join(root, 'node_modules', '.package-lock.json');
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs) {
  const code = run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], root);
  if (code !== 0) process.exit(code);
}
process.exit(run(program, args, process.cwd()));

function run(command, commandArgs, cwd) {
  // On the path because programs look for one another there (oxlint for tsgolint).
  const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}` };
  const { status, error } = spawnSync(command, commandArgs, { cwd, env, stdio: 'inherit', shell: process.platform === 'win32' });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}
