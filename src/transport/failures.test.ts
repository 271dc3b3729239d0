import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, isPassing, VStreamError, type ErrorCategory, type ErrorCode } from '../errors.js';
import { classifyStatus, findRule, rpcError, sqlError, type Failure } from './failure.js';
import type { FailureRule } from './failure-rule.js';
import { RPC_FAILURES, SQL_FAILURES } from './failures.js';
import { serverStatus, serverStatusOf, type ServerStatus } from './status.js';

interface Case {
  readonly name: string;
  readonly code?: number | null;
  readonly details?: string | null;
  readonly error?: { readonly message: string; readonly code: string };
}

const recorded = (file: string): readonly Case[] =>
  (JSON.parse(readFileSync(new URL(`../../test/captures/${file}`, import.meta.url), 'utf8')) as { cases: Case[] }).cases;

type Meaning = readonly [code: ErrorCode, category: ErrorCategory];

/** Rows that decided a case of this file; the last test looks at it. */
const reached = new Set<FailureRule>();

function decide(from: ServerStatus['from'], code: number, text: string): Failure {
  const status = serverStatus(from, code, text);
  reached.add(findRule(status).rule);
  return classifyStatus(status);
}

function meaning(code: number, text: string): Meaning {
  const failure = decide('grpc', code, text);
  return [failure.code, failure.category];
}

describe('recorded connection errors', () => {
  // What grpc-js says is UNAVAILABLE for every mistake and every outage: the text must tell them apart (measured.md section 4).
  const EXPECTED: Readonly<Record<string, Meaning>> = {
    // Recorded without a server: the port was closed.
    'static auth: no credentials': ['CONNECT_FAILED', 'retry'],
    'static auth: wrong password': ['CONNECT_FAILED', 'retry'],
    'static auth: unknown user': ['CONNECT_FAILED', 'retry'],
    'static auth: right': ['CONNECT_FAILED', 'retry'],
    // The peer hung up: TLS expected, or a proxy without a server behind it. Not to be known, so it is tried again.
    'TLS server, plain client': ['CONNECT_FAILED', 'retry'],
    'TLS server, TLS client, system CAs only': ['TLS_FAILED', 'config'],
    'TLS server, wrong host name': ['TLS_FAILED', 'config'],
    'plain server, TLS client': ['TLS_FAILED', 'config'],
    'mTLS server, no client certificate': ['TLS_FAILED', 'config'],
    'nothing listens': ['CONNECT_FAILED', 'retry'],
    'unresolvable host': ['CONNECT_FAILED', 'retry'],
    'MySQL port instead of gRPC': ['CONNECT_FAILED', 'config'],
    'HTTP port instead of gRPC': ['CONNECT_FAILED', 'config'],
    'connection age 6 s, grace 3 s': ['STREAM_LOST', 'retry'],
    'client receive limit 100 bytes': ['MESSAGE_TOO_LARGE', 'config'],
  };
  const failed = recorded('connect-errors.json').filter((one) => typeof one.code === 'number');

  test('every recorded case has an expectation', () => {
    expect(failed.map((one) => one.name).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  test.each(failed)('$name', ({ name, code, details }) => {
    expect(meaning(code ?? 0, details ?? '')).toEqual(EXPECTED[name]);
  });
});

describe('recorded stream errors', () => {
  const EXPECTED: Readonly<Record<string, Meaning>> = {
    'no vgtid': ['CONFIG_INVALID', 'config'],
    'empty shard list': ['CONFIG_INVALID', 'config'],
    'unknown keyspace': ['KEYSPACE_NOT_FOUND', 'config'],
    'unknown shard': ['SHARD_NOT_FOUND', 'position'],
    'missing table': ['TABLE_NOT_FOUND', 'config'],
    'garbage gtid': ['POSITION_INVALID', 'position'],
    'gtid without flavor': ['POSITION_INVALID', 'position'],
    'tables_to_copy unknown': ['TABLE_NOT_FOUND', 'config'],
    'max_stream_age 3': ['STREAM_ENDED', 'retry'],
  };
  const failed = recorded('errors.json').filter((one) => typeof one.code === 'number');

  test('every recorded case has an expectation', () => {
    expect(failed.map((one) => one.name).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  test.each(failed)('$name', ({ name, code, details }) => {
    expect(meaning(code ?? 0, details ?? '')).toEqual(EXPECTED[name]);
  });
});

describe('recorded statement errors (G17)', () => {
  const CODES: Readonly<Record<string, number>> = { INVALID_ARGUMENT: 3, NOT_FOUND: 5, ALREADY_EXISTS: 6 };
  const failed = recorded('errors.json').flatMap(({ name, error }) => (error ? [{ name, ...error }] : []));

  test.each(failed)('$name', ({ message, code }) => {
    const error = sqlError(serverStatus('sql', CODES[code] ?? 2, message), 'vtgate:1', 'commerce');
    expect(error.code).toBe('QUERY_FAILED');
    expect(isPassing(error)).toBe(false);
    // Neither the statement nor its values: they may hold data.
    expect(`${error.message} ${serverStatusOf(error)?.text}`).not.toMatch(/Sql:|BindVars|CallerID/);
  });

  test('the MySQL error number is read from both spellings (G145)', () => {
    expect(serverStatus('sql', 6, failed.at(-1)?.message ?? '').errno).toBe(1062);
    expect(serverStatus('grpc', 2, 'vttablet: ERROR 1146 (42S02): no table').errno).toBe(1146);
  });
});

describe('the failure table of protocol.md E.2', () => {
  const nested = (text: string): string =>
    `error starting stream from shard GTID keyspace:"k" shard:"0": persistent error in vstream for k/0 on tablet z-1; giving up: target: k.0.primary: vttablet: rpc error: code = Unknown desc = ${text}`;

  const rows: [code: number, text: string, meaning: Meaning][] = [
    [14, 'Connection dropped', ['STREAM_LOST', 'retry']],
    [14, 'read ECONNRESET', ['STREAM_LOST', 'retry']],
    [14, 'GOAWAY received', ['STREAM_LOST', 'retry']],
    [14, 'vstream exceeded maximum age of 3s', ['STREAM_ENDED', 'retry']],
    [14, 'vstream failed liveness checks: no events', ['STREAM_STALLED', 'retry']],
    [14, 'error streaming from tablet: persistent error in vstream; giving up', ['STREAM_LOST', 'retry']],
    // The purged position of measured.md section 4, and every other reason for having no tablet.
    [1, 'failed to find a PRIMARY tablet for VStream in commerce/0 within the zone1 cell(s): context has expired', ['NO_TABLET', 'retry']],
    [1, 'timed out while waiting for skew to reduce', ['STREAM_STALLED', 'retry']],
    [1, 'Cancelled on client', ['STREAM_LOST', 'retry']],
    [4, 'Deadline exceeded', ['CONNECT_FAILED', 'retry']],
    [
      3,
      nested('GTIDSet Mismatch: requested source position:MySQL56/a:1-9, current target vrep position: b'),
      ['POSITION_AHEAD', 'refresh'],
    ],
    [3, 'for an empty keyspace, the Gtid value must be', ['CONFIG_INVALID', 'config']],
    [3, 'if shards are unspecified, the Gtid value must be', ['CONFIG_INVALID', 'config']],
    [3, 'invalid cell preference: nearest', ['CONFIG_INVALID', 'config']],
    [3, 'No partition found for tabletType REPLICA in keyspace k', ['NO_TABLET', 'retry']],
    [9, 'shard provided in VGTID, -80, not found in the k keyspace', ['SHARD_NOT_FOUND', 'position']],
    [9, nested('column nope not found in table product'), ['COLUMN_NOT_FOUND', 'config']],
    [2, nested('cannot use column names in vstream filter'), ['COLUMN_NOT_FOUND', 'config']],
    [13, 'not all journaling participants are in the stream: journal: ...', ['SHARDS_CHANGED', 'position']],
    [13, nested('minimal binlog_row_image is not supported by vreplication'), ['ROW_IMAGE_REFUSED', 'config']],
    [13, 'unable to get topoology server', ['STREAM_LOST', 'retry']],
    [
      2,
      nested('Cannot replicate because the source purged required binary logs. (errno 1236) (sqlstate HY000)'),
      ['POSITION_PURGED', 'position'],
    ],
    [2, nested('The replica has more GTIDs than the source has (errno 1236) (sqlstate HY000)'), ['POSITION_AHEAD', 'refresh']],
    [2, nested('errno 1789: purged'), ['POSITION_PURGED', 'position']],
    [2, nested('maximum statement execution time exceeded (errno 3024) (sqlstate HY000)'), ['STREAM_LOST', 'retry']],
    [2, nested('stream needs a position or a table to copy'), ['TABLE_NOT_FOUND', 'config']],
    [2, nested('table product is not present in the database'), ['TABLE_NOT_FOUND', 'config']],
    [2, nested('unknown table product in schema'), ['SCHEMA_MISMATCH', 'retry']],
    [2, nested('cannot determine table columns for product: event has [1 2], schema has [1]'), ['SCHEMA_MISMATCH', 'retry']],
    [2, nested('enum or set column color does not have valid string values'), ['SCHEMA_MISMATCH', 'fatal']],
    [2, nested('no string value found for ENUM column color'), ['SCHEMA_MISMATCH', 'fatal']],
    [2, nested('partial row image encountered: ensure binlog_row_image is set to full'), ['TRANSACTION_UNDECODABLE', 'fatal']],
    [2, nested("failed to extract row's value for column"), ['TRANSACTION_UNDECODABLE', 'fatal']],
    [2, nested('uncaught panic: slice bounds out of range'), ['TRANSACTION_UNDECODABLE', 'fatal']],
    [2, nested('unexpected statement type INSERT in row-based replication: insert'), ['TRANSACTION_UNDECODABLE', 'fatal']],
    [2, nested('position after fastforward was x but stopPos was y'), ['STREAM_LOST', 'retry']],
    [2, nested('failed to determine starting position'), ['POSITION_INVALID', 'position']],
    [10, 'unexpected server EOF', ['STREAM_LOST', 'retry']],
    [2, 'vstream ended unexpectedly', ['STREAM_LOST', 'retry']],
    [2, nested('Lost connection to MySQL server during query (errno 2013) (sqlstate HY000)'), ['STREAM_LOST', 'retry']],
    [2, nested('Lock wait timeout exceeded; try restarting transaction (errno 1205) (sqlstate HY000)'), ['STREAM_LOST', 'retry']],
    [2, nested('vstreamer has been fully throttled for more than 10m0s, giving up'), ['THROTTLED', 'retry']],
    [2, nested('Query was empty'), ['FILTER_REFUSED', 'config']],
    [2, nested('unsupported: select * from a join b'), ['FILTER_REFUSED', 'config']],
    [2, nested('unsupported constraint: a or b'), ['FILTER_REFUSED', 'config']],
    [8, 'Received message larger than max (70000000 vs 67108864)', ['MESSAGE_TOO_LARGE', 'config']],
    [8, 'grpc: trying to send message larger than max (20000000 vs. 16777216)', ['MESSAGE_TOO_LARGE', 'config']],
    [8, 'too many connections', ['THROTTLED', 'retry']],
    [16, 'username and password must be provided', ['AUTH_FAILED', 'config']],
    [7, "auth failure: caller 'x' provided invalid credentials", ['AUTH_FAILED', 'config']],
    [7, 'not allowed', ['PERMISSION_DENIED', 'config']],
    [12, 'unknown service vtgateservice.Vitess', ['CONNECT_FAILED', 'config']],
    // Beyond the table: texts of OpenSSL and the network, and what the request's rows leave over.
    [14, 'No connection established. Last error: Error: certificate has expired. Resolution note: ', ['TLS_FAILED', 'config']],
    [14, 'No connection established. Last error: Error: 0A000126:SSL routines::unexpected eof', ['TLS_FAILED', 'config']],
    [14, 'No connection established. Last error: Error: connect ETIMEDOUT 10.0.0.1:15991', ['CONNECT_FAILED', 'retry']],
    [3, 'lastpk of table t does not fit its key', ['POSITION_INVALID', 'position']],
    [3, 'something else', ['CONFIG_INVALID', 'config']],
    [5, 'nothing of that name', ['KEYSPACE_NOT_FOUND', 'config']],
    // VTGate's picker takes a tablet from the topology that its health check does not know: a restart, a failover, the end of a reshard.
    [
      5,
      'error starting stream from shard GTID keyspace:"k" shard:"80-": failed to get tablet connection to zone1-0000000201: tablet: cell:"zone1" uid:201 is either down or nonexistent',
      ['NO_TABLET', 'retry'],
    ],
    [5, 'target: k.80-.primary: tablet uid:201 is either down or nonexistent', ['NO_TABLET', 'retry']],
    // The topology server is away: the keyspace is not.
    [
      2,
      'failed to resolve vstream parameters: failed to get shards in keyspace k: keyspace k fetch error: deadline exceeded: keyspaces/k/SrvKeyspace',
      ['STREAM_LOST', 'refresh'],
    ],
    [16, 'no', ['AUTH_FAILED', 'config']],
    // A GTID with the number of an error in it is no error of that number.
    [2, 'stream (at source tablet) error @ 9c900936-e6a3-11f1-bff1-02fc00000001:1-1236: EOF', ['STREAM_LOST', 'retry']],
    // Vitess' own codes, and numbers nobody knows (G16).
    [17, 'primary is not serving', ['STREAM_LOST', 'refresh']],
    [99, 'whatever', ['STREAM_LOST', 'retry']],
  ];

  test.each(rows)('%i %s', (code, text, expected) => {
    const failure = decide('grpc', code, text);
    expect([failure.code, failure.category]).toEqual(expected);
  });
});

describe('statements', () => {
  test.each([
    [7, "Select command denied to user 'u' for table 'streams' (ACL check error)", 'PERMISSION_DENIED', 'config'],
    [2, "CREATE command denied to user 'u'@'h' for table 'streams' (errno 1142) (sqlstate 42000)", 'PERMISSION_DENIED', 'config'],
    [5, "VT05003: unknown database 'nope' in vschema", 'KEYSPACE_NOT_FOUND', 'config'],
    [5, "Table 'vt_k.t' doesn't exist (errno 1146) (sqlstate 42S02)", 'TABLE_NOT_FOUND', 'config'],
    [5, "Unknown column 'beat' in 'field list' (errno 1054) (sqlstate 42S22)", 'COLUMN_NOT_FOUND', 'config'],
    [14, 'no healthy tablet available for \'keyspace:"k" shard:"0"\'', 'NO_TABLET', 'retry'],
    [5, 'target: k.0.primary: tablet: cell:"zone1" uid:201 is either down or nonexistent', 'NO_TABLET', 'retry'],
    [9, 'target: k.0.primary: vttablet: rpc error: code = FailedPrecondition desc = wrong tablet type: REPLICA', 'NO_TABLET', 'retry'],
    [10, 'Deadlock found (errno 1213) (sqlstate 40001)', 'QUERY_FAILED', 'retry'],
    [2, 'The MySQL server is running with the --read-only option (errno 1290) (sqlstate HY000)', 'QUERY_FAILED', 'retry'],
    [3, 'syntax error at position 14', 'QUERY_FAILED', 'fatal'],
    [
      13,
      'query select 1 from `t` where 1 != 1 failed after retries: Code: FAILED_PRECONDITION\nvttablet: rpc error: code = FailedPrecondition desc = disallowed due to rule: enforce denied tables (CallerID: u)\n\ntarget: k.0.primary',
      'TABLE_MOVED',
      'retry',
    ],
  ] as const)('%i %s', (code, text, expected, category) => {
    const failure = decide('sql', code, text);
    expect([failure.code, failure.category]).toEqual([expected, category]);
  });
});

describe('messages', () => {
  test('name the address, say what happened in one sentence, and leave out the noise of grpc-js', () => {
    const text =
      "No connection established. Last error: Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: IP: 127.0.0.2 is not in the cert's list: 127.0.0.1. Resolution note: ";
    const error = rpcError(serverStatus('grpc', 14, text), '127.0.0.2:15991');
    expect(error.message).toMatch(/^VTGate 127\.0\.0\.2:15991 presents a certificate for another name: /);
    expect(error.message).not.toMatch(/Resolution note|No connection established/);
  });

  test('quote the innermost cause, and not more than a screen of it (G140)', () => {
    const error = rpcError(serverStatus('grpc', 2, `vttablet: rpc error: code = Unknown desc = ${'x'.repeat(9_000)}`), 'v:1');
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).not.toContain('rpc error');
  });

  test('an error that is not of this library is a bug of ours, never retried', () => {
    expect(isPassing(new TypeError('x is undefined'))).toBe(false);
    expect(isPassing(new VStreamError('STREAM_LOST', 'gone'))).toBe(true);
  });
});

describe('the table', () => {
  test('names only known codes, and a next step in each row', () => {
    for (const rule of [...RPC_FAILURES, ...SQL_FAILURES]) {
      expect(ERROR_CODES).toContain(rule.code);
      expect(rule.next.length).toBeGreaterThan(0);
    }
  });

  test('no row is dead: each one decides some case of this file', () => {
    // A row that nothing here reaches would be a guess that nobody checks: a new row needs a case.
    const dead = [...RPC_FAILURES, ...SQL_FAILURES]
      .filter((rule) => !reached.has(rule))
      .map((rule) => `${rule.code} ${String(rule.text)} ${rule.says}`);
    expect(dead).toEqual([]);
  });
});
