/** A grouper over chosen shards and tables, for tests of the stream's state machine. */
import { VersionRegistry } from '../../src/schema/versions.js';
import { Grouper, type GrouperOptions, type Unit } from '../../src/stream/grouper.js';
import type { ChangeRecord } from '../../src/stream/record.js';
import type { TableCatalog } from '../../src/stream/tables.js';

/** Wants every table, in generation 1. */
export function catalogOf(overrides: Partial<TableCatalog> = {}): TableCatalog {
  return {
    versions: new VersionRegistry(),
    optionsFor: () => ({}),
    generationOf: () => 1,
    whereOf: () => undefined,
    checkVersion() {},
    noteWarnings() {},
    ...overrides,
  };
}

export function grouperOf(shards: readonly string[], options: Partial<GrouperOptions> = {}): Grouper {
  return new Grouper({
    catalog: catalogOf(),
    shards: shards.map((shard) => ({ keyspace: 'commerce', shard })),
    phase: () => 'live',
    reshards: 0,
    transactionBytes: 1 << 30,
    hugeTransaction: 'fail',
    ...options,
  });
}

/** A change as text: `insert orders 7 a`. */
export function changeText({ op, table, before, after }: ChangeRecord): string {
  const image = (row: Record<string, unknown> | undefined): string => (row ? ` ${row['id']} ${row['v']}` : '');
  return `${op} ${table}${before ? `${image(before)} ->` : ''}${image(after)}`;
}

export interface UnitText {
  readonly shard: string;
  readonly kind: string;
  readonly gtid?: string;
  readonly rows?: readonly string[];
  readonly tables?: readonly string[];
  readonly statements?: readonly string[];
}

/** What of a unit matters to those behind it. */
export function unitText(unit: Unit): UnitText {
  const gtid = unit.vgtid === undefined ? {} : { gtid: unit.vgtid.gtid };
  const base = { shard: unit.shard, kind: unit.kind, ...gtid };
  if (unit.kind === 'statement') return { ...base, statements: [unit.statement] };
  if (unit.kind !== 'group') return base;
  return {
    ...base,
    kind: unit.copied ? 'copied' : unit.part ? `part ${unit.part.index}${unit.part.last ? ' last' : ''}` : 'transaction',
    rows: unit.changes.map(changeText),
    tables: unit.fields.map(({ ref }) => ref.table),
    statements: unit.statements,
  };
}
