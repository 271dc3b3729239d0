/**
 * State in a Vitess table, through the same `Execute` RPC and the same connection as everything else: the default. Layer 3.
 * The statements and their fences are sql/state-table.ts; here is what to do with their outcomes.
 */
import { randomUUID } from 'node:crypto';
import { isPassing, messageOf, VStreamError } from '../errors.js';
import { Position } from '../position/position.js';
import {
  claimState,
  createStateTable,
  insertState,
  probeStateWrite,
  releaseState,
  requestState,
  resetState,
  selectState,
  selectStateHolder,
  selectStates,
  writeState,
  type StateHolder,
  type StateRow,
  type StateTable,
} from '../sql/state-table.js';
import { runStatement, type Executor, type Statement } from '../sql/statement.js';
import { nameProblem } from '../sql/target.js';
import { granteeInText } from '../transport/denied.js';
import { sqlFailure } from '../transport/failure.js';
import { serverStatusOf } from '../transport/status.js';
import { checkFormat, fenced, notFound, resetWhileHeld, STATE_FORMAT } from './record.js';
import { parseRequests, pendingRequests, withOutcome, withRequest } from './requests.js';
import { unusableKeyspace } from './unsharded.js';
import type { CheckpointStore, Claim, ClaimResult, StatePatch, StateRecord, StateRequest, StoreOptions } from './store.js';

export interface VitessStoreOptions {
  /** An unsharded keyspace of the user's; may be a streamed one. */
  readonly keyspace: string;
  /** Created on demand. */
  readonly table: string;
}

/** What the store needs of a `Transport`; closing it is the owner's business. */
export type StoreTransport = Executor & {
  readonly address: string;
  /** Called when a VTGate cannot be reached: the state must outlive the loss of one of several. */
  rotate?(): string;
};

/** @throws VStreamError `STATE_KEYSPACE_INVALID` for a name that cannot be one, before any contact */
export function vitessStore(transport: StoreTransport, options: VitessStoreOptions): CheckpointStore {
  for (const [what, name] of Object.entries({ keyspace: options.keyspace, table: options.table })) {
    const problem = nameProblem(name);
    if (problem !== undefined) {
      throw new VStreamError('STATE_KEYSPACE_INVALID', `state.${what} ${JSON.stringify(name)} cannot be a name: ${problem}`, {
        next: 'Give a plain name such as `streams`.',
      });
    }
  }
  return new VitessStore(transport, options);
}

/** How often a write is tried again after an outcome that said nothing. */
const WRITE_ATTEMPTS = 3;
/** How often a request is added to a row that its owner writes at the same time: every ten seconds, or with each checkpoint. */
const REQUEST_ATTEMPTS = 20;

class VitessStore implements CheckpointStore {
  readonly #transport: StoreTransport;
  readonly #table: StateTable;

  constructor(transport: StoreTransport, table: StateTable) {
    this.#transport = transport;
    this.#table = table;
  }

  get description(): string {
    return `${this.#table.keyspace}.${this.#table.table} on ${this.#transport.address}`;
  }

  async prepare(options: StoreOptions = {}): Promise<void> {
    await this.#checkKeyspace(options);
    const missing = await this.#tableIsMissing(options);
    if (missing) await this.#create(options);
    await this.#run(probeStateWrite(this.#table), options);
  }

  async read(name: string, part = '', options: StoreOptions = {}): Promise<StateRecord | undefined> {
    const row = await this.#run(selectState(this.#table, name, part), options);
    return row && toRecord(row);
  }

  async list(options: StoreOptions = {}): Promise<readonly StateRecord[]> {
    return (await this.#run(selectStates(this.#table), options)).map(toRecord);
  }

  async claim(name: string, owner: string, leaseMs: number, part = '', options: StoreOptions = {}): Promise<ClaimResult> {
    const before = await this.#run(selectState(this.#table, name, part), options);
    if (before) checkFormat(name, Number(before.format));
    else await this.#run(insertState(this.#table, name, part, STATE_FORMAT, randomUUID()), options);
    // An owner name is never used twice, so whatever the answer was, the row says whether the claim was made.
    let trouble: VStreamError | undefined;
    try {
      await this.#run(claimState(this.#table, name, part, owner, micros(leaseMs)), options);
    } catch (error) {
      if (!isUnknownOutcome(error)) throw error;
      trouble = error;
    }
    const row = await this.#run(selectState(this.#table, name, part), options);
    if (!row) throw trouble ?? notFound(name);
    const record = toRecord(row);
    if (record.owner === owner) {
      return { claimed: true, claim: { name, part, owner, epoch: record.epoch, incarnation: record.incarnation }, record };
    }
    if (trouble !== undefined) throw trouble;
    return { claimed: false, holder: record.owner ?? 'a process that just released it', leaseRemainingMs: record.leaseRemainingMs };
  }

  async write(claim: Claim, patch: StatePatch, leaseMs: number, options: StoreOptions = {}): Promise<readonly StateRequest[]> {
    const { position, config, lastError, request } = patch;
    const text = position === undefined ? undefined : position.toString();
    let known = request && parseJson((await this.#run(selectStateHolder(this.#table, claim.name, claim.part), options))?.request);
    for (let attempt = 1; ; attempt += 1) {
      const requests = request && known && listJson(withOutcome(known, request));
      const statement = writeState(this.#table, claim, { position: text, config, lastError, requests }, micros(leaseMs));
      let trouble: VStreamError | undefined;
      let written = false;
      try {
        written = (await this.#run(statement, options)) === 1n;
      } catch (error) {
        if (!isUnknownOutcome(error)) throw error;
        trouble = error;
      }
      const holder = await this.#holder(claim, written, options);
      if (holder === 'unknown') return [];
      if (!holder || holder.owner !== claim.owner || holder.epoch !== claim.epoch) throw fenced(claim, holder?.owner);
      const now = parseJson(holder.request);
      if (written) {
        // An operator added one in between: the outcome has to go into the newer list.
        const isLost = request && pendingRequests(now).some(({ id }) => id === request.id);
        if (!isLost || attempt >= REQUEST_ATTEMPTS) return pendingRequests(now);
        known = now;
        continue;
      }
      // No row, or no word whether it was done, but the fence holds: writing the same again is harmless.
      if (attempt >= WRITE_ATTEMPTS) {
        throw (
          trouble ??
          new VStreamError('STATE_FAILED', `${this.description} accepts no write, though the stream belongs to this process`, {
            next: 'Look for triggers or a proxy that change the statement.',
          })
        );
      }
    }
  }

  /** Only the row knows who holds the stream. After a write that held, not being able to ask is no failure of the write. */
  async #holder(claim: Claim, written: boolean, options: StoreOptions): Promise<StateHolder | undefined | 'unknown'> {
    try {
      return await this.#run(selectStateHolder(this.#table, claim.name, claim.part), options);
    } catch (error) {
      if (written && isUnknownOutcome(error)) return 'unknown';
      throw error;
    }
  }

  async release(claim: Claim, options: StoreOptions = {}): Promise<void> {
    await this.#run(releaseState(this.#table, claim), options);
  }

  async request(name: string, request: StateRequest, part = '', options: StoreOptions = {}): Promise<void> {
    for (let attempt = 1; attempt <= REQUEST_ATTEMPTS; attempt += 1) {
      const row = await this.#run(selectState(this.#table, name, part), options);
      if (!row) throw notFound(name);
      const list = withRequest(parseJson(row.request), request);
      if ((await this.#run(requestState(this.#table, row, request.id, JSON.stringify(list)), options)) > 0n) return;
    }
    throw new VStreamError('STATE_FAILED', `${this.description} changed each time a request was to be added`, { next: 'Try again.' });
  }

  async reset(name: string, position: Position | undefined, part = '', options: StoreOptions = {}): Promise<void> {
    const incarnation = randomUUID();
    if (position !== undefined) await this.#run(insertState(this.#table, name, part, STATE_FORMAT, incarnation), options);
    const text = position === undefined ? undefined : position.toString();
    const changed = await this.#run(resetState(this.#table, name, part, STATE_FORMAT, incarnation, text), options);
    if (changed > 0n) return;
    const row = await this.#run(selectState(this.#table, name, part), options);
    if (!row) throw notFound(name);
    if (row.incarnation !== incarnation) throw resetWhileHeld(name, row.owner ?? 'another process');
  }

  /** The transport belongs to the stream. */
  async close(): Promise<void> {}

  async #checkKeyspace(options: StoreOptions): Promise<void> {
    const { keyspace } = this.#table;
    const problem = await unusableKeyspace(this.#transport, keyspace, options);
    if (!problem) return;
    const next =
      problem.others.length > 0
        ? `Choose an unsharded keyspace for \`state.keyspace\`: ${problem.others.slice(0, 5).join(', ')}.`
        : 'Create an unsharded keyspace for the state.';
    const what = problem.what === 'sharded' ? 'is sharded; the state needs one without shards' : 'does not exist';
    throw new VStreamError('STATE_KEYSPACE_INVALID', `the state keyspace ${keyspace} ${what}`, { keyspace, next });
  }

  async #tableIsMissing(options: StoreOptions): Promise<boolean> {
    try {
      await runStatement(this.#transport, selectState(this.#table, '', ''), options);
      return false;
    } catch (error) {
      if (sqlFailure(error)?.code === 'TABLE_NOT_FOUND') return true;
      throw this.#explain(error);
    }
  }

  async #create(options: StoreOptions): Promise<void> {
    const statement = createStateTable(this.#table);
    try {
      await runStatement(this.#transport, statement, options);
    } catch (error) {
      const failure = sqlFailure(error);
      if (!failure || failure.category === 'retry') throw error;
      throw new VStreamError('STATE_FAILED', `the state table ${this.description} cannot be created: ${messageOf(error)}`, {
        keyspace: this.#table.keyspace,
        table: this.#table.table,
        next: `Run as a user who may: ${statement.text}`,
        cause: serverStatusOf(error),
      });
    }
  }

  async #run<T>(statement: Statement<T>, options: StoreOptions): Promise<T> {
    try {
      return await runStatement(this.#transport, statement, options);
    } catch (error) {
      if (isUnknownOutcome(error) && serverStatusOf(error)?.from !== 'sql') this.#transport.rotate?.();
      throw this.#explain(error);
    }
  }

  /** Passing errors stay what they are; the others name the state table and the next step. */
  #explain(error: unknown): unknown {
    const failure = sqlFailure(error);
    if (!failure || failure.category === 'retry') return error;
    const details = { keyspace: this.#table.keyspace, table: this.#table.table, cause: serverStatusOf(error) };
    switch (failure.code) {
      case 'PERMISSION_DENIED':
        return new VStreamError('PERMISSION_DENIED', `this user may not use the state table ${this.description}: ${messageOf(error)}`, {
          ...details,
          next: `Grant select, insert and update on ${this.#table.keyspace}.${this.#table.table} to ${granteeInText(messageOf(error))}.`,
        });
      case 'COLUMN_NOT_FOUND':
        return new VStreamError('STATE_FAILED', `${this.description} is not a state table of this client: ${messageOf(error)}`, {
          ...details,
          next: 'Give another name in `state.table`; it is created on demand.',
        });
      case 'KEYSPACE_NOT_FOUND':
      case 'TABLE_NOT_FOUND':
        // Not there yet for who looks from outside, gone for a stream that runs.
        return new VStreamError('STATE_NOT_FOUND', `there is no state table ${this.description}: ${messageOf(error)}`, {
          ...details,
          next: 'It is created when a stream starts for the first time; if it was dropped, restore it, or start again to copy anew.',
        });
      default:
        return new VStreamError('STATE_FAILED', `the state table ${this.description} failed: ${messageOf(error)}`, {
          ...details,
          next: failure.next,
        });
    }
  }
}

/** The statement may have been done, or not: no answer, or an answer that does not say. */
const isUnknownOutcome = isPassing;

function micros(ms: number): bigint {
  return BigInt(Math.round(ms * 1000));
}

function listJson(list: readonly StateRequest[]): { lastId: string; json: string } | undefined {
  const last = list.at(-1);
  return last && { lastId: last.id, json: JSON.stringify(list) };
}

function parseJson(json: string | undefined): readonly StateRequest[] {
  if (json === undefined) return [];
  try {
    return parseRequests(JSON.parse(json) as unknown);
  } catch {
    return [];
  }
}

function toRecord(row: StateRow): StateRecord {
  checkFormat(row.name, Number(row.format));
  return {
    name: row.name,
    part: row.part,
    format: Number(row.format),
    incarnation: row.incarnation,
    owner: row.owner,
    epoch: row.epoch,
    beat: row.beat,
    leaseRemainingMs: row.leaseRemaining === undefined ? 0 : Number(row.leaseRemaining) / 1000,
    position: row.position === undefined ? undefined : Position.parse(row.position),
    config: row.config,
    lastError: row.lastError,
    requests: parseJson(row.request),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
