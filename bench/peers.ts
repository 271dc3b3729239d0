/** Other decoders of the same messages: protobuf-es, which the client generates its code with, and protobufjs (bench/peers). */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { above, type Case, type Lab, ratio, type Result } from './lab.js';
import { round, say } from './report.js';

const KINDS = ['floor', 'protobuf-es messages', 'protobufjs messages', 'protobuf-es', 'protobufjs', 'typed'] as const;
/** Neither of them parses documents. */
const UNPARSED = { types: { json: 'text' } } as const;
let installed = false;

/** A shape in both phases: messages alone, then the same objects made of the rows by either, then the client. */
export async function measurePeers(lab: Lab, name: string, rounds: number): Promise<Record<string, number>> {
  install();
  const figures: Record<string, number> = {};
  for (const phase of ['copy', 'replication'] as const) {
    const list = await lab.measure(
      KINDS.map((kind): Case => ({ shape: name, phase, kind, ...(name === 'json' && kind === 'typed' ? UNPARSED : {}) })),
      rounds,
    );
    say(
      `${name}, ${phase}`,
      KINDS.map((kind, index) => [kind, list[index] as Result]),
    );
    const [floor, esMessages, jsMessages, es, js, typed] = list as [Result, Result, Result, Result, Result, Result];
    const key = phase === 'copy' ? name : `${name}Replication`;
    Object.assign(figures, {
      [`${key}FloorUsPerRow`]: round(floor.usPerRow),
      [`${key}ProtobufEsMessagesUsPerRow`]: round(esMessages.usPerRow),
      [`${key}ProtobufjsMessagesUsPerRow`]: round(jsMessages.usPerRow),
      [`${key}ProtobufEsUsPerRow`]: round(es.usPerRow),
      [`${key}ProtobufjsUsPerRow`]: round(js.usPerRow),
      [`${key}UsPerRow`]: round(typed.usPerRow),
      [`${key}ByProtobufjs`]: round(ratio(typed, js)),
      [`${key}ByProtobufjsAboveFloor`]: round(above(typed, floor) / above(js, floor)),
    });
    lab.endClients();
  }
  return figures;
}

function install(): void {
  if (installed) return;
  const folder = fileURLToPath(new URL('../../peers', import.meta.url));
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], { cwd: folder, stdio: 'inherit' });
  installed = true;
}
