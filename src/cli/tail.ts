/** `vstream tail`: prints a stream. */
import type { Batch } from '../stream/change.js';
import type { StreamOptions } from '../stream/options.js';
import { validateStreamOptions } from '../stream/validate.js';
import { EXIT } from './exit.js';
import { counted, spoken } from '../internal/figures.js';
import { flagLabel, optionsOfFlags } from './flags.js';
import { PrettyPrinter } from './pretty.js';
import type { Session } from './session.js';

type Format = (batch: Batch) => string;

export async function tail(session: Session, values: Readonly<Record<string, unknown>>): Promise<number> {
  const options = { ...(await optionsOfFlags(values)), logger: session.logger, signal: session.signal };
  // Checked here as well, so that the problems speak of flags.
  validateStreamOptions(options, { label: flagLabel(values) });
  const format = await formatOf(session, values['format']);
  const { vstream } = await import('../index.js');
  const stream = vstream(options as unknown as StreamOptions);
  const started = session.clock.monotonic();
  // On a terminal the rows themselves are the sign of life; into a pipe or file nothing else would be seen.
  if (session.talkative && !session.out.isTTY) session.status.start(() => stream.stats());
  let rows = 0;
  let position = '';
  for await (const batch of stream) {
    rows += batch.changes.length;
    position = batch.position.toString();
    await session.out.write(format(batch));
    if (session.out.gone) break;
  }
  session.status.stop();
  if (session.talkative && !session.out.gone) sayEnd(session, rows, position, session.clock.monotonic() - started);
  return EXIT.done;
}

async function formatOf(session: Session, asked: unknown): Promise<Format> {
  const pretty = asked === undefined ? session.out.isTTY && !session.json : asked === 'pretty';
  if (pretty) {
    const printer = new PrettyPrinter({ paint: session.paint, width: session.out.isTTY ? session.out.columns : undefined });
    return (batch) => printer.batch(batch);
  }
  const { formatBatch } = await import('../sinks/jsonl/format.js');
  return formatBatch;
}

function sayEnd(session: Session, rows: number, position: string, ms: number): void {
  session.status.note(`${counted(rows, 'row')} in ${spoken(ms / 1000)}`);
  // Longer ones are for files: `--until … --format jsonl` carries them on the rows.
  if (position !== '' && position.length <= 400) session.status.note(`go on with: --from '${position}'`);
}
