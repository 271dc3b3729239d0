/**
 * The package as users get it: packed, checked by publint and attw, installed beside nothing with --ignore-scripts and without
 * optional peers, loaded, and its program run. Prints the sizes and fails when they are above the limits of DESIGN.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const LIMITS = { tarball: 1e6, installed: 16e6 };
const root = resolve(import.meta.dirname, '../..');
const out = resolve(process.argv[2] ?? 'package-check');
const user = join(out, 'user');
mkdirSync(user, { recursive: true });

const [packed] = JSON.parse(run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', out], root));
const tarball = join(out, packed.filename);
const stray = packed.files.map((file) => file.path).filter((path) => /\.test\.|\.tsbuildinfo$|^(src|test|tools)\//.test(path));
check(stray.length === 0, `files that do not belong into the package: ${stray.join(', ')}`);

run('node', ['tools/run.mjs', 'pack', 'publint', 'run', tarball, '--strict'], root);
run('node', ['tools/run.mjs', 'pack', 'attw', tarball, '--profile', 'esm-only', '--no-color'], root);

const project = { name: 'user', private: true, type: 'module', dependencies: { 'vstream-client': `file:${tarball}` } };
writeFileSync(join(user, 'package.json'), JSON.stringify(project));
run('npm', ['install', '--ignore-scripts', '--omit=optional', '--omit=peer', '--no-audit', '--no-fund', '--loglevel=error'], user);
const installed = bytesUnder(join(user, 'node_modules'));

const { exports: entries, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const specifiers = Object.entries(entries).flatMap(([entry, target]) =>
  typeof target === 'string' ? [] : [entry.replace('.', 'vstream-client')],
);
for (const specifier of specifiers) {
  run('node', ['--input-type=module', '-e', `await import('${specifier}')`], user);
  run('node', ['--input-type=commonjs', '-e', `require('${specifier}')`], user);
}
const printed = run('npx', ['--no-install', 'vstream', '--version'], user).trim();
check(printed === version, `vstream --version printed ${printed}`);

// What DRIVER_MISSING and README tell users to type. `npm install` refuses it where a peer range admits no release there is.
const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
run('npm', ['install', '--dry-run', '--no-audit', '--no-fund', '--loglevel=error', ...Object.keys(peerDependencies)], user);

console.log(`size: tarball ${mb(packed.size)} MB of ${mb(LIMITS.tarball)}, installed tree ${mb(installed)} MB of ${mb(LIMITS.installed)}`);
check(packed.size <= LIMITS.tarball, 'the tarball is too large');
check(installed <= LIMITS.installed, 'the installed tree is too large');

function run(command, args, cwd) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    console.log(`${error.stdout ?? ''}${error.stderr ?? error.message}`);
    console.log(`failed: ${command} ${args.join(' ')}`);
    process.exit(1);
  }
}

function bytesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function mb(bytes) {
  return (bytes / 1e6).toFixed(2);
}

function check(ok, message) {
  if (ok) return;
  console.log(message);
  process.exit(1);
}
