/** Plays a scenario: its writes on a target, its streams through `vstream()` and, into a keyed sink, through `run()`. */
import assert from 'node:assert/strict';
import { type Batch, memoryStore, type Position, run, silentLogger, table, type Tables, vstream } from '../../src/index.js';
import type { Sink } from '../../src/pipeline/sink.js';
import { MemoryDestination, memorySink } from '../../src/testing/memory-sink.js';
import { must } from '../../src/internal/must.js';
import { end, type Expected, insert, line, remove, type Scenario, type Selected, type Step, type StreamStep, update } from './scenario.js';
import type { Target } from './target.js';

const SHARDS = { commerce: ['0'], sharded: ['-80', '80-'] } as const;

export async function play(scenario: Scenario, target: Target): Promise<void> {
  const { keyspace, tables } = scenario;
  const drop = async (): Promise<void> => {
    for (const name of Object.keys(tables)) await target.ddl(keyspace, `drop table if exists ${name}`);
  };
  await drop();
  for (const sql of Object.values(tables)) await target.ddl(keyspace, sql);
  try {
    await new Player(scenario, target).steps(scenario.steps);
  } finally {
    await drop();
  }
}

class Player {
  readonly #scenario: Scenario;
  readonly #target: Target;
  readonly #store = memoryStore();
  readonly #sunk = new MemoryDestination();
  readonly #copied = new Set<string>();
  #position: Position | undefined;
  readonly #interruptions: Step[];

  constructor(scenario: Scenario, target: Target) {
    this.#scenario = scenario;
    this.#target = target;
    this.#interruptions = [...(scenario.interruptions ?? [])];
  }

  async steps(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      const { keyspace } = this.#scenario;
      if (step.do === 'ddl') await this.#target.ddl(keyspace, step.sql);
      else if (step.do === 'write') await this.#target.transaction(keyspace, step.shard ?? SHARDS[keyspace][0], step.writes);
      else await this.#stream(step);
    }
  }

  async #stream(step: StreamStep): Promise<void> {
    const seen = await this.#loop(step);
    assert.deepEqual(seen.lines, onEveryShard(SHARDS[this.#scenario.keyspace], step.expect));
    if (step.versions) assert.deepEqual([...seen.versions].sort(), step.versions);
    await this.#run(step);
    for (const [name, rows] of Object.entries(step.rows ?? {})) {
      const found = this.#sunk.rows({ keyspace: this.#scenario.keyspace, table: name });
      assert.deepEqual(found.map(line).sort(), rows.map(line).sort());
    }
  }

  #options({ tables, from = 'beginning' }: StreamStep) {
    const { keyspace } = this.#scenario;
    return {
      // A primary knows at once of tables made through it; other tablets look for new ones every half minute or so.
      source: { vtgate: this.#target.address, keyspace, tabletType: 'primary' as const },
      tables: selection(tables ?? Object.fromEntries(Object.keys(this.#scenario.tables).map((name) => [name, {}]))),
      from: this.#position ?? from,
      logger: silentLogger,
    };
  }

  /** The step through `vstream()`. */
  async #loop(step: StreamStep): Promise<Seen> {
    const { until = 'now', meanwhile = [], expect: expected } = step;
    const seen = new Seen(SHARDS[this.#scenario.keyspace]);
    const options = this.#options(step);
    if (until !== 'never') {
      for await (const batch of vstream({ ...options, until })) {
        this.#take(seen, batch);
        const { type, table: name = '' } = batch.progress ?? {};
        if (type === 'table-start') await this.steps(step.atStart?.[name] ?? []);
      }
      return seen;
    }
    let said = false;
    for await (const batch of vstream(options)) {
      this.#take(seen, batch);
      if (!said && batch.kind === 'progress' && batch.position.copied) {
        said = true;
        await this.steps(meanwhile);
      }
      if (said && seen.has(expected)) break;
    }
    // What came too much would come now.
    for await (const batch of vstream({ ...options, from: must(this.#position, 'a position'), until: 'now' })) this.#take(seen, batch);
    return seen;
  }

  #take(seen: Seen, batch: Batch): void {
    seen.batch(batch);
    this.#position = batch.position;
  }

  /** The same through `run()`, from its own stored position, as far as the loop came. */
  async #run(step: StreamStep): Promise<void> {
    const { interruptions } = this.#scenario;
    const until = step.until === 'copied' ? 'copied' : 'now';
    for (;;) {
      const interruption = new AbortController();
      const sink = interruptions ? this.#once(memorySink(this.#sunk), interruption) : memorySink(this.#sunk);
      const options = { ...this.#options(step), from: step.from ?? ('beginning' as const), name: 'contract', state: this.#store };
      const { reason } = await run({ ...options, sink, until, signal: interruption.signal });
      await this.steps(this.#interruptions.splice(0, reason === 'until' ? Infinity : 1));
      if (reason === 'until') return;
    }
  }

  /** Interrupts the run after the first batch with rows, and lets no row be copied twice. */
  #once(sink: Sink, interruption: AbortController): Sink {
    return {
      capabilities: sink.capabilities,
      open: (context) => sink.open(context),
      truncate: async (table, shard, context) => sink.truncate?.(table, shard, context),
      sweep: async (table, shard, generation, context) => (await sink.sweep?.(table, shard, generation, context)) ?? 0,
      close: () => sink.close(),
      apply: async (batch, context) => {
        await sink.apply(batch, context);
        for (const { op, table: name, key, shard } of batch.changes) {
          const row = `${name} ${line(key ?? {})} of ${shard}`;
          if (op !== 'copy' || key === undefined) continue;
          if (this.#copied.has(row)) throw new Error(`${row} was copied twice`);
          this.#copied.add(row);
        }
        const keyed = batch.changes.some(({ key }) => key !== undefined);
        if (keyed || (batch.changes.length > 0 && this.#interruptions.length > 0)) interruption.abort();
      },
    };
  }
}

function selection(tables: Readonly<Record<string, Selected>>): Tables {
  return Object.fromEntries(Object.entries(tables).map(([name, selected]) => [name, table(selected)]));
}

function onEveryShard(shards: readonly string[], expected: Expected): Expected {
  return Object.fromEntries(shards.map((shard) => [shard, [...(expected[shard] ?? [])]]));
}

/** Events as lines: everything but GTIDs, times and where batches were cut. */
class Seen {
  readonly lines: Record<string, string[]>;
  readonly versions = new Set<string>();

  constructor(shards: readonly string[]) {
    this.lines = Object.fromEntries(shards.map((shard) => [shard, []]));
  }

  has(expected: Expected): boolean {
    return Object.entries(expected).every(([shard, lines]) => (this.lines[shard] ?? []).length >= lines.length);
  }

  batch({ kind, changes, transactions, schema, progress }: Batch): void {
    if (kind === 'copy') for (const { shard, table: name, after } of changes) this.#add(shard, `copy ${name} ${line(after ?? {})}`);
    for (const one of transactions) {
      this.#add(one.shard, 'begin');
      for (const { op, table: name, before = {}, after = {} } of one.changes) {
        this.#add(one.shard, op === 'update' ? update(name, before, after) : op === 'delete' ? remove(name, before) : insert(name, after));
      }
      this.#add(one.shard, 'commit');
    }
    if (progress?.type === 'table-end') this.#add(progress.shard ?? '', end(progress.table ?? '', progress.generation));
    if (!schema) return;
    if (schema.kind !== 'columns') this.#add(schema.shard, `${schema.kind} ${schema.table}`);
    else if (schema.to)
      this.versions.add(`${schema.table}(${schema.to.columns.map((column) => `${column.name} ${column.columnType}`).join(', ')})`);
  }

  #add(shard: string, text: string): void {
    (this.lines[shard] ??= []).push(text);
  }
}
