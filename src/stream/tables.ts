/** The tables of one RPC on one shard: FIELD events become decoders, row events find theirs. Layer 3. */
import { VStreamError } from '../errors.js';
import { compileDecoder } from '../schema/row-decoder.js';
import type { DecodeWarning } from '../schema/decoder.js';
import type { DecodeOptions } from '../schema/options.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { VersionRegistry } from '../schema/versions.js';
import { compileFilter } from '../schema/where.js';
import { FieldEventSchema } from '../wire/gen/binlogdata_pb.js';
import { readMessage } from '../wire/message.js';
import type { TableContext } from './record.js';

/** What the stream knows of the tables it was asked for; shared by all shards and RPCs of a stream. */
export interface TableCatalog {
  readonly versions: VersionRegistry;
  /** Undefined: changes of this table are not wanted (not selected, or its copy has not begun). */
  optionsFor(ref: TableRef, shard: string): DecodeOptions | undefined;
  generationOf(ref: TableRef, shard: string): number;
  /** The table's `where`, when it has one. */
  whereOf(ref: TableRef): string | undefined;
  /** Compares live columns with what the user declared; throws `SCHEMA_MISMATCH` by policy. */
  checkVersion(version: TableVersion): void;
  /** What a decoder warns of, to be said once per version however many shards and RPCs see it. */
  noteWarnings(version: TableVersion, warnings: readonly DecodeWarning[]): void;
}

/** A table's columns were learned or changed; comes before the first row of that version. */
export interface FieldNotice {
  readonly ref: TableRef;
  readonly from: TableVersion | undefined;
  readonly to: TableVersion;
}

interface Known {
  readonly body: string;
  context: TableContext | undefined;
}

export class ShardTables {
  readonly #catalog: TableCatalog;
  readonly #keyspace: string;
  readonly #shard: string;
  readonly #prefix: string;
  readonly #byName = new Map<string, Known>();

  constructor(catalog: TableCatalog, keyspace: string, shard: string) {
    this.#catalog = catalog;
    this.#keyspace = keyspace;
    this.#shard = shard;
    this.#prefix = `${keyspace}.`;
  }

  /** The table a FIELD event describes, without the keyspace. */
  nameIn(body: Buffer): string {
    return this.#bareName(readMessage(FieldEventSchema, body).tableName);
  }

  /** Learns a FIELD event. Repeats are common (G52) and cost a comparison. Returns what changed, if anything did. */
  learn(body: Buffer): FieldNotice | undefined {
    const event = readMessage(FieldEventSchema, body);
    if (event.isInternalTable) return undefined;
    const bytes = body.toString('latin1');
    const known = this.#byName.get(event.tableName);
    if (known?.body === bytes) return undefined;
    const ref: TableRef = { keyspace: this.#keyspace, table: this.#bareName(event.tableName) };
    const options = this.#catalog.optionsFor(ref, this.#shard);
    if (!options) {
      this.#byName.set(event.tableName, { body: bytes, context: undefined });
      return undefined;
    }
    const version = this.#catalog.versions.intern(event, ref);
    this.#catalog.checkVersion(version);
    const decoder = compileDecoder(event, { ...ref, shard: this.#shard }, options, version);
    this.#catalog.noteWarnings(version, decoder.warnings);
    const where = this.#catalog.whereOf(ref);
    const context: TableContext = {
      keyspace: ref.keyspace,
      table: ref.table,
      shard: this.#shard,
      decoder,
      version,
      generation: this.#catalog.generationOf(ref, this.#shard),
      origin: { field: bytes, rowImage: options.rowImage },
      filter: where === undefined ? undefined : compileFilter(where, decoder),
    };
    this.#byName.set(event.tableName, { body: bytes, context });
    return { ref, from: known?.context?.version, to: version };
  }

  /** The context for the name on a ROW event; undefined when its rows are not wanted. A ROW without FIELD is an error (G54). */
  find(name: string): TableContext | undefined {
    const known = this.#byName.get(name);
    if (known) return known.context;
    const ref: TableRef = { keyspace: this.#keyspace, table: this.#bareName(name) };
    if (!this.#catalog.optionsFor(ref, this.#shard)) return undefined;
    throw new VStreamError('PROTOCOL', `rows of ${ref.keyspace}.${ref.table} came from shard ${this.#shard} before its columns`, {
      ...ref,
      shard: this.#shard,
      category: 'retry',
      next: 'The stream reconnects from its last position; if this repeats, report it with the Vitess version.',
    });
  }

  /** Takes up changed generations and selections; decoders stay. */
  refresh(): void {
    for (const [name, known] of this.#byName) {
      if (!known.context) {
        // Not wanted before: forget it, so that its next FIELD is learned.
        this.#byName.delete(name);
        continue;
      }
      const generation = this.#catalog.generationOf(known.context, this.#shard);
      if (generation !== known.context.generation) known.context = { ...known.context, generation };
    }
  }

  /** Names carry `keyspace.` in front; a table's own name may hold dots too, so only the known prefix is cut (G105). */
  #bareName(name: string): string {
    return name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : name;
  }
}
