/**
 * The process that is killed: streams the embedded shop into DuckDB with the built client, and tells its parent of each step.
 * Arguments: one JSON object {address, path, letters, until?, seed, apart, checkpointInterval}; `apart`: as a sink that stores no positions.
 */
import { start } from '../../dist/index.js';
import { duckdb } from '../../dist/sinks/duckdb/index.js';

const { address, path, letters, until, seed, apart, checkpointInterval } = JSON.parse(process.argv[2]);
const tell = (event) => process.send?.(event);
const target = duckdb({ path, append: ['ledger'], threads: 1 });

/** The sink of the product, with a word before and after each step. */
const sink = {
  capabilities: { ...target.capabilities, ...(apart ? { position: 'external' } : {}) },
  async open(context) {
    const opened = await target.open(context);
    tell('opened');
    return opened;
  },
  async schema(change, context) {
    await target.schema(change, context);
    tell('schema');
  },
  async truncate(table, shard, context) {
    await target.truncate(table, shard, context);
    tell('truncated');
  },
  async sweep(table, shard, generation, context) {
    const swept = await target.sweep(table, shard, generation, context);
    tell('swept');
    return swept;
  },
  async sweepRange(table, shard, generation, range, context) {
    const swept = await target.sweepRange(table, shard, generation, range, context);
    tell({ swept: range.where });
    return swept;
  },
  async apply(batch, context) {
    tell('applying');
    await target.apply(batch, context);
    const { type, table } = batch.progress ?? {};
    const ended = type === 'table-end' ? table : undefined;
    tell({ applied: batch.kind, table: batch.copy?.table ?? table, ended, numbers: numbersOf(batch), moved: movedIn(batch) });
  },
  close: () => target.close(),
};

/** By table and shard: the transactions behind its copied rows, or before its first change. */
function numbersOf({ kind, changes }) {
  const numbers = {};
  for (const { table, shard, sequence } of changes) {
    const name = `${table} ${shard}`;
    const number = Number(sequence[1]);
    numbers[name] = kind === 'copy' ? Math.max(numbers[name] ?? 0, number) : Math.min(numbers[name] ?? Infinity, number);
  }
  return numbers;
}

/** Rows the shop moved here from another shard, by what it wrote into them. */
function movedIn({ changes }) {
  const isMoved = ({ op, table, after }) => op === 'insert' && table !== 'odd' && String(after.name ?? after.text).startsWith('moved to');
  return changes.filter(isMoved).length;
}

/** To the parent, which shows it when this process fails by itself, or always with CRASH_LOG. */
const log = (level) => (fields, message) =>
  console.error(
    `[worker ${process.pid} ${seed}] ${level} ${message}`,
    JSON.stringify(fields, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  );

try {
  const running = start({
    name: 'crash',
    source: { vtgate: address, keyspace: 'shop', flags: { heartbeatInterval: '1s' } },
    state: { keyspace: 'vstream', table: 'streams' },
    sink,
    lease: '5s',
    checkpointInterval,
    limits: { batchChanges: 60 },
    onBadRow: 'dead-letter',
    deadLetter: letters,
    ...(until ? { until } : {}),
    logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
  });
  // What a person would ask for; before the stream is up it is refused.
  process.on('message', ({ table, where }) => {
    running.recopy(table, { where }).catch((error) => {
      if (error.code !== 'CONFIG_INVALID' && error.code !== 'ABORTED') tell({ failed: `${table} ${where}: ${error.message}` });
    });
  });
  await running.finished;
  tell('finished');
} catch (error) {
  console.error(error);
  tell({ failed: error.toJSON ? JSON.stringify(error.toJSON()) : String(error) });
}
process.disconnect?.();
