/** From a server's status to an error of ours, by the table in failures.ts. Layer 2. */
import { VStreamError, type ErrorCategory, type ErrorCode } from '../errors.js';
import { shardInText, tableInText } from './failed-at.js';
import type { FailureRule } from './failure-rule.js';
import { RPC_FAILURES, SQL_FAILURES } from './failures.js';
import { innermost, serverStatusOf, type ServerStatus } from './status.js';

export interface Failure {
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  /** One sentence, without the address in front. */
  readonly says: string;
  readonly next: string;
}

/** What a status means; the first matching row of the table. Total: the table ends with a row for everything. */
export function classifyStatus(status: ServerStatus): Failure {
  const { rule, groups } = findRule(status);
  const category = rule.category ?? new VStreamError(rule.code, '').category;
  const says = rule.says.replace('$1', groups[1] ?? groups[2] ?? '');
  return { code: rule.code, category, says, next: rule.next };
}

/** What a statement's answer says about an error; undefined when the statement got no answer. */
export function sqlFailure(error: unknown): Failure | undefined {
  const status = serverStatusOf(error);
  return status?.from === 'sql' ? classifyStatus(status) : undefined;
}

/** The row that decides, for tests of the table. */
export function findRule(status: ServerStatus): { readonly rule: FailureRule; readonly groups: readonly (string | undefined)[] } {
  for (const rule of status.from === 'grpc' ? RPC_FAILURES : SQL_FAILURES) {
    const groups = matches(rule, status);
    if (groups) return { rule, groups };
  }
  throw new VStreamError('INTERNAL', `no row of the failure table is for a status from ${status.from}`);
}

const NO_GROUPS: readonly (string | undefined)[] = [];

function matches(rule: FailureRule, status: ServerStatus): readonly (string | undefined)[] | undefined {
  if (status.from === 'grpc') {
    if (rule.codes && !rule.codes.includes(status.code)) return undefined;
    if (!rule.text) return NO_GROUPS;
    return rule.text.exec(status.text) ?? undefined;
  }
  // In-band errors carry code, number and text of one cause: any of them is enough. A row with none of the three is the last.
  if (!rule.codes && !rule.errnos && !rule.text) return NO_GROUPS;
  if (rule.codes?.includes(status.code) === true) return NO_GROUPS;
  if (status.errno !== undefined && rule.errnos?.includes(status.errno) === true) return NO_GROUPS;
  return rule.text?.exec(status.text) ?? undefined;
}

/** The error of an RPC that ended with this status; `from: 'grpc'`. */
export function rpcError(status: ServerStatus, address: string): VStreamError {
  const failure = classifyStatus(status);
  const text = shorten(innermost(cleanTransportText(status.text)));
  const message = `VTGate ${address} ${failure.says}${text === '' ? '' : `: ${text}`}`;
  return new VStreamError(failure.code, message, {
    ...shardInText(status.text),
    ...tableInText(status.text),
    category: failure.category,
    next: failure.next,
    cause: status,
  });
}

/** The error of a statement that VTGate answered with an error inside the response (G17); always `QUERY_FAILED`. */
export function sqlError(status: ServerStatus, address: string, target: string): VStreamError {
  const failure = classifyStatus(status);
  const where = target === '' ? '' : ` on ${target}`;
  return new VStreamError('QUERY_FAILED', `VTGate ${address} ${failure.says}${where}: ${shorten(innermost(status.text))}`, {
    category: failure.category,
    next: failure.next,
    cause: status,
  });
}

/** grpc-js wraps connection errors into a sentence of its own, with a time and an empty note. */
function cleanTransportText(text: string): string {
  return (
    text
      .replace(/^No connection established\. Last error: /, '')
      .replace(/\s*Resolution note:\s*$/, '')
      .replace(/\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, '')
      .replace(/[0-9A-F]{8,}:error:([0-9A-F]+):/, '$1: ')
      // Of a panic the first line is the news.
      .replace(/\s*\.?\s*Stack-trace:[\s\S]*$/, '')
      .replace(/\.\s*$/, '')
      .replace(/\s+/g, ' ')
      .replace(/^Error: /, '')
      .trim()
  );
}

const LONGEST = 400;

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
