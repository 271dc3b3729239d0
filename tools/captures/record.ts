/**
 * Records a stream of any VTGate into test/captures, in the format of test/captures/format.ts.
 *
 *   npm run captures:record -- --vtgate HOST:PORT --name shapes/my-case --request request.json [--sql statements.sql --keyspace K]
 *                              [--for 5s] [--server TEXT] [--notes TEXT] [--out FOLDER]
 *
 * The request is a VStreamRequest as protobuf JSON. Statements, one a line, run one after the other once the stream has answered;
 * recording goes on for `--for` after the last one (default 3s), or until the server ends the stream.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { systemClock } from '../../src/internal/clock.js';
import { parseDuration } from '../../src/internal/duration.js';
import { createTransport } from '../../src/transport/grpc.js';
import { serverStatusOf } from '../../src/transport/status.js';
import type { Transport } from '../../src/transport/transport.js';
import { VStreamRequestSchema } from '../../src/wire/gen/vtgate_pb.js';
import { compress, encodeFrames, formatMeta, type RecordingMeta } from '../../test/captures/format.js';
import { CAPTURES } from '../../test/captures/load.js';

const { values: flags } = parseArgs({
  options: {
    vtgate: { type: 'string' },
    name: { type: 'string' },
    request: { type: 'string' },
    sql: { type: 'string' },
    keyspace: { type: 'string', default: '' },
    for: { type: 'string', default: '3s' },
    server: { type: 'string' },
    notes: { type: 'string' },
    out: { type: 'string', default: CAPTURES },
  },
});
const { vtgate, name, request: requestFile, out } = flags;
const tailMs = parseDuration(flags.for);
if (!vtgate || !name || !/^[a-z]+\/[a-z0-9-]+$/.test(name) || !requestFile || tailMs === undefined) {
  console.error(
    'usage: npm run captures:record -- --vtgate HOST:PORT --name FOLDER/NAME --request FILE [--sql FILE --keyspace K] [--for 5s]',
  );
  process.exit(2);
}

const transport = createTransport({ vtgate });
const sql = flags.sql === undefined ? [] : statements(readFileSync(flags.sql, 'utf8'));
const request = fromJson(VStreamRequestSchema, JSON.parse(readFileSync(requestFile, 'utf8')) as JsonValue);
const frames: Buffer[] = [];
const frameMs: number[] = [];
let end: RecordingMeta['end'] = 'client cancelled';
const enough = new AbortController();
const started = systemClock.monotonic();
let writing: Promise<void> | undefined;
try {
  for await (const frame of transport.open(request, { signal: enough.signal })) {
    frames.push(Buffer.from(frame));
    frameMs.push(Math.round(systemClock.monotonic() - started));
    writing ??= write(transport, sql).finally(() => systemClock.after(tailMs, () => enough.abort()));
  }
  end = { code: 'END' };
} catch (error) {
  if (!enough.signal.aborted) {
    const status = serverStatusOf(error);
    if (!status) throw error;
    end = { code: status.code, details: status.text };
  }
}
await writing;
const server = flags.server ?? (await versionOf(transport));
await transport.close();

const meta: RecordingMeta = {
  server,
  ...(flags.notes === undefined ? {} : { notes: flags.notes }),
  ...(sql.length > 0 ? { sql } : {}),
  request: toJson(VStreamRequestSchema, request, { useProtoFieldName: true, enumAsInteger: true }) as Record<string, unknown>,
  frame_ms: frameMs,
  end,
};
const file = join(out, name);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(`${file}.json`, formatMeta(meta));
if (frames.length > 0) writeFileSync(`${file}.frames.br`, compress(encodeFrames(frames)));
console.log(`${file}: ${frames.length} messages, ${JSON.stringify(end)}`);

async function write(to: Transport, texts: readonly string[]): Promise<void> {
  for (const text of texts) await to.execute({ target: flags.keyspace, text });
}

async function versionOf(from: Transport): Promise<string> {
  const { rows } = await from.execute({ target: '', text: 'select @@version, @@version_comment' });
  const row = rows[0];
  if (!row) return 'unknown';
  const [first = 0n] = row.lengths;
  const text = Buffer.from(row.values).toString('utf8');
  return `${text.slice(0, Number(first))}, ${text.slice(Number(first))}`;
}

function statements(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim().replace(/;$/, ''))
    .filter((line) => line !== '' && !line.startsWith('--'));
}
