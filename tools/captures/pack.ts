/**
 * Packs plain recordings (NAME.json, NAME.frames, NAME.events.jsonl, as another recorder wrote them) into
 * test/captures. What is there already with the same content is left alone.
 *
 *   npm run captures:pack -- FOLDER
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compress, decodeFrames, decompress, formatMeta, type RecordingMeta } from '../../test/captures/format.js';
import { CAPTURES } from '../../test/captures/load.js';

const from = process.argv[2];
if (from === undefined || !existsSync(from)) {
  console.error('usage: npm run captures:pack -- FOLDER   (a folder of NAME.json, NAME.frames and NAME.events.jsonl)');
  process.exit(2);
}
let packed = 0;
let same = 0;
for (const path of readdirSync(from, { recursive: true, encoding: 'utf8' }).sort()) {
  if (statSync(join(from, path)).isDirectory()) continue;
  const bytes = readFileSync(join(from, path));
  const target = join(CAPTURES, path);
  if (path.endsWith('.frames')) {
    decodeFrames(bytes); // Refuses a file that was cut.
    packBytes(target, bytes);
  } else if (path.endsWith('.events.jsonl')) {
    packBytes(target, bytes);
  } else if (path.endsWith('.json')) {
    writeIfChanged(target, Buffer.from(jsonText(path, bytes.toString('utf8'))));
  }
}
console.log(`${packed} packed, ${same} unchanged`);

function jsonText(path: string, text: string): string {
  const value = bytesAsBase64(JSON.parse(text)) as RecordingMeta | { cases: unknown };
  if ('frame_ms' in value) return formatMeta(value);
  if ('cases' in value) return `${JSON.stringify(value, null, 1)}\n`;
  throw new Error(`${path} is neither the description of a recording nor a list of cases`);
}

/** Recorders in JavaScript print bytes as `{"type":"Buffer","data":[…]}`; protobuf JSON wants base64. */
function bytesAsBase64(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bytesAsBase64);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const { type, data } = value as { type?: unknown; data?: unknown };
  if (entries.length === 2 && type === 'Buffer' && Array.isArray(data)) return Buffer.from(data as number[]).toString('base64');
  return Object.fromEntries(entries.map(([name, inner]) => [name, bytesAsBase64(inner)]));
}

function packBytes(target: string, bytes: Buffer): void {
  const file = `${target}.br`;
  if (existsSync(file) && decompress(readFileSync(file)).equals(bytes)) {
    same++;
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, compress(bytes));
  packed++;
}

function writeIfChanged(file: string, bytes: Buffer): void {
  if (existsSync(file) && readFileSync(file).equals(bytes)) {
    same++;
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  packed++;
}
