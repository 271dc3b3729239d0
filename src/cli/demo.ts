/**
 * `vstream demo`: a shop in an embedded VTGate, streamed into a DuckDB file by the same code that `run` uses. Shows the copy, live
 * orders, a lost connection, and at the end that source and sink are equal.
 */
import { VStreamError } from '../errors.js';
import { delay } from '../internal/clock.js';
import { parseDuration } from '../internal/duration.js';
import { toJson } from '../internal/json.js';
import type { RunOptions, Running, Summary } from '../pipeline/options.js';
import { Observer } from './demo-observer.js';
import { openShop, type DemoShop } from './demo-shop.js';
import { openTarget, type DemoTarget } from './demo-target.js';
import { describeRows, describeTables, nextCommands, type TableCount } from './demo-text.js';
import { EXIT } from './exit.js';
import { spoken } from '../internal/figures.js';
import type { Session } from './session.js';

/** Tells a line of the story. */
export type Say = (text: string) => Promise<void>;

/** How long each step may take before the demonstration goes on without it. */
const SETTLE_MS = 30_000;
const SETTLE_POLL_MS = 20;
/** The shop is open for at least this long, and the connection is cut after this at the latest. */
const MIN_LIVE_MS = 1_000;
const MAX_BEFORE_CUT_MS = 6_000;
/** The longest time a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export async function demo(session: Session, values: Readonly<Record<string, unknown>>): Promise<number> {
  const { clock, paint } = session;
  const began = clock.monotonic();
  const lasting = durationOf(String(values['for']));
  const say = teller(session);
  // Said before anything heavy is loaded.
  await say(
    `vstream demo: a small shop in an embedded VTGate, streamed ${Number.isFinite(lasting) ? `for ${spoken(lasting / 1000)}` : 'until Ctrl-C'}`,
  );
  const target = await openTarget(values['path'] as string | undefined, say);
  await using shop = await openShop(clock);
  await say(`source ${shop.address}, keyspace ${shop.keyspace}; sink ${target.path}`);

  const observer = new Observer(clock, say, paint);
  const { start } = await import('../index.js');
  const options: RunOptions = {
    name: 'demo',
    source: { vtgate: shop.address, keyspace: shop.keyspace },
    tables: shop.tables,
    state: shop.state,
    sink: observer.watch(target.sink),
    logger: observer.logger(session.logger),
  };
  await using running = start(options);
  const { position } = await Promise.race([running.finished, play(session, { running, shop, observer, say, endsAt: began + lasting })]);

  const counts = await compare(shop, target);
  await say(`\n${describeTables(counts, target.path, paint)}`);
  await say(`\nthe last orders, read back from ${target.path}\n${describeRows(await target.lastOrders(5))}`);
  const median = observer.medianMs();
  if (median !== undefined)
    await say(`\nfrom commit in the source to durable in the sink: p50 ${median.toFixed(1)} ms (${observer.measured} orders)`);
  refuseDifference(counts);
  await say(`\n${nextCommands(import.meta.url)}`);
  if (session.json) {
    const seconds = Math.round((clock.monotonic() - began) / 100) / 10;
    const rows = counts.reduce((sum, { sink }) => sum + sink, 0);
    await session.out.write(`${toJson({ rows, tables: counts.length, seconds, position: position ?? null })}\n`);
  }
  return EXIT.done;
}

/** The story goes to stdout, unless stdout is for the JSON line. */
function teller({ json, out, status, talkative }: Session): Say {
  return async (text) => {
    if (!json) await out.write(`${text}\n`);
    else if (talkative) status.note(text);
  };
}

function durationOf(text: string): number {
  if (text === 'forever') return Infinity;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1000) return ms;
  throw new VStreamError('CONFIG_INVALID', `--for cannot be ${JSON.stringify(text)}`, {
    next: 'Write a time of at least one second such as `10s`, or `forever`.',
  });
}

interface Play {
  readonly running: Running;
  readonly shop: DemoShop;
  readonly observer: Observer;
  readonly say: Say;
  /** Monotonic. */
  readonly endsAt: number;
}

/** The course of the demonstration; ends with the stream closed and everything in the sink. */
async function play({ clock, signal, paint }: Session, { running, shop, observer, say, endsAt }: Play): Promise<Summary> {
  /** Ctrl-C ends every pause, and with it the demonstration, in order. */
  const pause = (ms: number): Promise<void> => delay(clock, Math.min(Math.max(0, ms), MAX_TIMER_MS), signal).catch(() => undefined);
  await Promise.race([observer.copied, pause(SETTLE_MS)]);
  if (!signal.aborted) {
    await say(paint('bold', 'live: the shop takes orders'));
    shop.open((order) => observer.committed(order));
    // On a slow machine the copy takes its time; the rest is shown all the same.
    const closesAt = Math.max(endsAt, clock.monotonic() + MIN_LIVE_MS);
    await pause(Math.min((closesAt - clock.monotonic()) * 0.4, MAX_BEFORE_CUT_MS));
    await cutConnection();
    await pause(closesAt - clock.monotonic());
    shop.close();
    await say('the shop has closed; waiting for its last orders');
  }
  for (let waited = 0; waited < SETTLE_MS && !shop.isIn(observer.position); waited += SETTLE_POLL_MS) await delay(clock, SETTLE_POLL_MS);
  return running.close();

  async function cutConnection(): Promise<void> {
    if (signal.aborted) return;
    await say(paint('bold', 'now cutting our own connection, as a network would'));
    const resumed = observer.expectResume();
    shop.cut();
    await Promise.race([resumed, pause(SETTLE_MS)]);
  }
}

async function compare(shop: DemoShop, target: DemoTarget): Promise<readonly TableCount[]> {
  const counts: TableCount[] = [];
  for (const table of shop.tables) counts.push({ table, source: shop.count(table), sink: await target.count(table) });
  return counts;
}

function refuseDifference(counts: readonly TableCount[]): void {
  const differing = counts.filter((one) => one.source !== one.sink).map((one) => one.table);
  if (differing.length === 0) return;
  throw new VStreamError('SINK_FAILED', `source and sink differ in ${differing.join(', ')}`, {
    next: 'This must not happen: report it with the output of `vstream demo --verbose`.',
  });
}
