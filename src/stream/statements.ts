/** What a DDL statement means for a stream: which tables it concerns, and what has to be copied again. Pure. Layer 3. */
import { VStreamError } from '../errors.js';
import type { TableRef } from '../schema/table.js';
import type { SchemaChange } from './change.js';
import { readDdl, type DdlEffect } from './ddl.js';
import type { StatementUnit } from './grouper.js';
import { changedValues, type KnownColumn } from './retype.js';

/** What to do when rows of a table changed without row events (TRUNCATE apart). */
export type RowsChanged = 'recopy' | 'ignore' | 'fail' | 'pause';

export interface StatementMeaning {
  /** One for each table of the stream it concerns. */
  readonly changes: readonly SchemaChange[];
  readonly recopy: readonly TableRef[];
  /** Tables that may not be there any more, with the reason. */
  readonly perhapsGone: ReadonlyMap<TableRef, string>;
}

export interface StatementRules {
  /** Changes of the table are handed out on that shard. */
  isActive(table: TableRef, shard: string): boolean;
  rowsChanged(table: TableRef, reason: string): RowsChanged;
  /** The column as it was before the statement; undefined when that is not known, or the column not streamed. */
  columnOf(table: TableRef, name: string): KnownColumn | undefined;
}

/** @throws VStreamError `SCHEMA_CHANGE` by policy `fail` */
export function judgeStatement({ keyspace, shard, statement }: StatementUnit, rules: StatementRules): StatementMeaning {
  const effect = readDdl(statement);
  const changes: SchemaChange[] = [];
  const recopy: TableRef[] = [];
  const perhapsGone = new Map<TableRef, string>();
  for (const table of effect.kind === 'none' ? [] : effect.tables) {
    const ref = { keyspace, table };
    if (!rules.isActive(ref, shard)) continue;
    const retyped = redefinedValues(effect, ref, rules);
    const isHarmless = retyped === undefined && (effect.kind === 'columns' || effect.kind === 'create');
    const kind = effect.kind === 'truncate' ? 'truncate' : isHarmless ? 'ddl' : 'rows-changed';
    changes.push({ kind, ...ref, shard, from: undefined, to: undefined, statement });
    if (kind !== 'rows-changed') continue;
    const reason = retyped ?? effect.reason ?? 'its rows changed without events';
    const decision = rules.rowsChanged(ref, reason);
    if (decision === 'fail') throw rowsChangedError(ref, shard, reason);
    if (decision !== 'recopy') continue;
    recopy.push(ref);
    if (effect.kind === 'drop' || effect.kind === 'rename') perhapsGone.set(ref, reason);
  }
  return { changes, recopy, perhapsGone };
}

/** Why values changed with the definitions of their columns. */
function redefinedValues({ redefined = [] }: DdlEffect, ref: TableRef, rules: StatementRules): string | undefined {
  for (const one of redefined) {
    const reason = changedValues(one, rules.columnOf(ref, one.column));
    if (reason !== undefined) return `${reason} (${one.column})`;
  }
  return undefined;
}

function rowsChangedError(ref: TableRef, shard: string, reason: string): VStreamError {
  return new VStreamError('SCHEMA_CHANGE', `rows of ${ref.keyspace}.${ref.table} changed without events on shard ${shard}: ${reason}`, {
    ...ref,
    shard,
    next: "Start again with `onDdl: 'ignore'` for it, then run `vstream copy TABLE` where the sink can sweep; else begin anew into an empty destination.",
  });
}
