/** `vstream types`: a TypeScript file from the live schema, or a check that the one there is current. */
import { existsSync } from 'node:fs';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { VStreamError } from '../errors.js';
import { isPlainObject } from '../internal/fields.js';
import { toJson } from '../internal/json.js';
import type { TableDefinition } from '../schema/define.js';
import { TYPED } from '../schema/define.js';
import { generateTypes, type LiveColumn } from '../schema/generate.js';
import type { Override } from '../schema/options.js';
import type { TableRef } from '../schema/table.js';
import { runStatement } from '../sql/statement.js';
import { type ColumnInfo, selectColumns } from '../sql/tables.js';
import { showShards } from '../sql/topology.js';
import { listTables, missingKeyspace } from '../stream/discover.js';
import { entryFor, keyspacesOf, type Selection } from '../stream/selection.js';
import { openTransport } from '../stream/session.js';
import type { ValidatedStream } from '../stream/validated.js';
import { STREAM_OPTIONS, validateStreamOptions } from '../stream/validate.js';
import type { Transport } from '../transport/transport.js';
import { findConfig, loadConfig } from './config.js';
import { EXIT } from './exit.js';
import { flagLabel, givenFlagLabel, optionsOfFlags, overlay } from './flags.js';
import type { Session } from './session.js';
import { describeDifferences, differences } from './types-diff.js';

type Values = Readonly<Record<string, unknown>>;

export async function types(session: Session, values: Values, asked: string | undefined): Promise<number> {
  const { out, check } = await target(values);
  const plan = await planOf(session, values, asked);
  const text = await generate(plan, session.signal);
  const tables = (text.match(/^export interface /gm) ?? []).length;
  if (out === undefined) {
    await session.out.write(session.json ? `${toJson({ tables, text })}\n` : text);
    return EXIT.done;
  }
  const name = relative(process.cwd(), out) || out;
  // A checkout on Windows may have turned the ends of lines.
  const before = await readFile(out, 'utf8').then(
    (found) => found.replaceAll('\r\n', '\n'),
    () => undefined,
  );
  const current = before === text;
  if (check) return reportCheck(session, name, before, text);
  // An unchanged file is left alone: nobody who watches it has to build again.
  if (!current) await replaceFile(out, text);
  if (session.talkative) session.status.note(`${name}: ${tables} ${tables === 1 ? 'table' : 'tables'}${current ? ', unchanged' : ''}`);
  if (session.json) await session.out.write(`${toJson({ file: name, tables, changed: !current })}\n`);
  return EXIT.done;
}

async function target(values: Values): Promise<{ out: string | undefined; check: boolean }> {
  const check = values['check'] === true;
  const given = values['out'];
  if (typeof given !== 'string') {
    if (!check) return { out: undefined, check };
    throw new VStreamError('CONFIG_INVALID', '--check needs a file to check', { next: 'Name it with --out.' });
  }
  const out = resolve(given);
  const folder = dirname(out);
  if (!existsSync(folder))
    throw new VStreamError('CONFIG_INVALID', `--out is in a folder that is not there: ${given}`, { next: 'Make the folder first.' });
  const there = await stat(out).catch(() => undefined);
  if (there?.isDirectory())
    throw new VStreamError('CONFIG_INVALID', `--out is a folder: ${given}`, { next: 'Add the name of a file, such as tables.ts.' });
  return { out, check };
}

interface Plan {
  readonly stream: ValidatedStream;
  /** Which tables; where flags name them the definitions still come from the configuration. */
  readonly selection: Selection;
  readonly exclude: readonly TableRef[];
}

async function planOf(session: Session, values: Values, asked: string | undefined): Promise<Plan> {
  const file = values['config'] === false ? undefined : findConfig(asked, process.cwd());
  const config: Record<string, unknown> = file === undefined ? {} : (await loadConfig(file)).value;
  const { tables, ...flags } = await optionsOfFlags(values);
  const merged = overlay(config, flags) as Record<string, unknown>;
  // The rest of a configuration (name, state, sink) is of no concern here, nor opened.
  const known = Object.fromEntries(Object.entries(merged).filter(([option]) => (STREAM_OPTIONS as readonly string[]).includes(option)));
  const { from: _from, until: _until, ...wanted } = known;
  const label = file === undefined ? flagLabel(values) : givenFlagLabel(values);
  const named = tables === undefined ? {} : { tables };
  const options = { ...wanted, logger: session.logger, signal: session.signal };
  // Flags may name tables of the keyspace that the configuration leaves out, and the other way round.
  const chosen = validateStreamOptions({ ...options, ...named }, { label });
  const stream = tables === undefined || config['tables'] === undefined ? chosen : validateStreamOptions(options, { label });
  return { stream, selection: chosen.selection, exclude: ['state', 'deadLetter'].flatMap((option) => ownTable(config[option])) };
}

/** A table the client writes itself. */
function ownTable(place: unknown): readonly TableRef[] {
  if (!isPlainObject(place)) return [];
  const { keyspace, table } = place;
  return typeof keyspace === 'string' && typeof table === 'string' ? [{ keyspace, table }] : [];
}

async function generate(plan: Plan, signal: AbortSignal): Promise<string> {
  const transport = openTransport(plan.stream);
  try {
    return await generateFrom(transport, plan, signal);
  } finally {
    await transport.close();
  }
}

async function generateFrom(transport: Transport, { stream, selection, exclude }: Plan, signal: AbortSignal): Promise<string> {
  const keyspaces = keyspacesOf(selection);
  const serving = await runStatement(transport, showShards(), { signal });
  const columns: LiveColumn[] = [];
  const overrides: Record<string, Readonly<Record<string, Override>>> = {};
  for (const keyspace of keyspaces) {
    if (!serving.some((shard) => shard.keyspace === keyspace)) throw await missingKeyspace(transport, keyspace, signal);
    const names = new Set(
      (await listTables(transport, selection, keyspace, { signal, exclude })).filter((table) => entryFor(selection, { keyspace, table })),
    );
    const all = (await runStatement(transport, selectColumns(keyspace), { signal })).filter(({ table }) => names.has(table)).sort(byTable);
    const definitions = new Map([...names].map((table) => [table, definitionOf(stream, selection, { keyspace, table })]));
    for (const column of all) {
      const wanted = definitions.get(column.table)?.columns;
      if (!wanted || wanted.includes(column.name)) columns.push({ ...column, keyspace, charset: column.charset ?? null });
    }
    for (const [table, definition] of definitions) {
      if (definition.types)
        overrides[`${keyspace}.${table}`] = inForce(
          definition,
          all.filter((column) => column.table === table),
        );
    }
  }
  return generateTypes({ keyspace: keyspaces.join(', '), columns, types: stream.types, tables: overrides });
}

/** The server sorts names by a collation, and not every server by the same. */
function byTable(a: ColumnInfo, b: ColumnInfo): number {
  if (a.table !== b.table) return a.table < b.table ? -1 : 1;
  return a.position - b.position;
}

function definitionOf(stream: ValidatedStream, selection: Selection, ref: TableRef): TableDefinition<unknown> {
  return (entryFor(stream.selection, ref) ?? entryFor(selection, ref))?.definition ?? {};
}

const NAMED_BY_US = /^charset:(gbk|gb18030|big5|tis620)$/;

/**
 * A definition with declared columns may be what this command wrote: the character set it stated for a column then is no wish of
 * the user's, and must not outlive a change of the column.
 */
function inForce(definition: TableDefinition<unknown>, columns: readonly ColumnInfo[]): Readonly<Record<string, Override>> {
  const types = definition.types as Readonly<Record<string, Override>>;
  if (definition[TYPED]?.source !== 'declared') return types;
  return Object.fromEntries(
    Object.entries(types).filter(([name, override]) => {
      const stated = typeof override === 'string' ? NAMED_BY_US.exec(override)?.[1] : undefined;
      return stated === undefined || columns.some((column) => column.name === name && column.charset === stated);
    }),
  );
}

/** Whole or not at all: a build may read the file at any moment. */
async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(draft, text);
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    const reason = (cause as { code?: string }).code ?? String(cause);
    throw new VStreamError('CONFIG_INVALID', `${file} cannot be written (${reason})`, {
      next: 'Check the path given to --out and its rights.',
      cause,
    });
  }
}

async function reportCheck(session: Session, file: string, before: string | undefined, now: string): Promise<number> {
  const found = before === undefined ? undefined : differences(before, now);
  const upToDate = before === now;
  if (session.json) {
    await session.out.write(`${toJson({ file, upToDate, missing: before === undefined, differences: found ?? [] })}\n`);
  } else if (upToDate) {
    if (session.talkative) session.status.note(`${file} is up to date`);
  } else {
    await session.out.write(found ? `${file} is out of date\n${describeDifferences(found)}` : `${file} is not there\n`);
    if (session.talkative) session.status.note('run the same command without --check');
  }
  return upToDate ? EXIT.done : EXIT.found;
}
