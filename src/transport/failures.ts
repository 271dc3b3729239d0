/**
 * The one table of what servers and grpc-js say, and what it means. Layer 2.
 *
 * Almost every Vitess error is UNKNOWN, and every TLS mistake is UNAVAILABLE, so the text decides (G139). The first matching
 * row wins: precise texts stand before the wrappers that quote them ("persistent error in vstream … giving up: …"). Texts are
 * facts of protocol.md E.2 and of recordings of a real server; their tail may be cut near 7.5 KiB (G140), so rows look at
 * words near the front of the innermost cause.
 */
import type { FailureRule } from './failure-rule.js';
import { GRPC } from './status.js';

const { CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED } = GRPC;
const { FAILED_PRECONDITION, ABORTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED, CLUSTER_EVENT, READ_ONLY } = GRPC;

const RECONNECT = 'This may pass by itself; when it stays, look at VTGate, its tablets and the network.';
const RECOPY = "Copy again (`onPurged: 'recopy'`, or `vstream state reset NAME`), or restore the binary logs.";
const LOWER = 'Give the name as Vitess shows it: `show keyspaces`, `show vitess_shards`, `show tables`.';

/** TLS and addresses: grpc-js reports them all as UNAVAILABLE (connect-errors.json). */
const ON_UNAVAILABLE: readonly FailureRule[] = [
  {
    text: /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames/,
    code: 'TLS_FAILED',
    says: 'presents a certificate for another name',
    next: 'Use a host name of the certificate in `vtgate`, or set `tls.serverName` to one.',
  },
  {
    text: /wrong version number|packet length too long|ERR_SSL_HTTP_REQUEST/i,
    code: 'TLS_FAILED',
    says: 'answers in plain text, not TLS',
    next: 'Remove `tls`, or give the port that speaks TLS.',
  },
  {
    text: /alert certificate required|alert bad certificate|alert (?:tlsv1 )?unknown ca|alert certificate unknown|alert handshake failure|SSL alert number (?:40|42|46|48|116)\b/i,
    code: 'TLS_FAILED',
    says: 'refuses the client certificate, or the lack of one',
    next: 'Give `tls.cert` and `tls.key` of a client certificate the server trusts (mTLS).',
  },
  {
    text: /certificate has expired|certificate is not yet valid|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/i,
    code: 'TLS_FAILED',
    says: 'presents a certificate that is expired or not valid yet',
    next: "Renew the server's certificate, and check the clock of this machine.",
  },
  {
    text: /unable to verify|self.signed|unable to get (?:local )?issuer|DEPTH_ZERO|UNABLE_TO_|certificate/i,
    code: 'TLS_FAILED',
    says: 'presents a certificate that is not trusted',
    next: 'Set `tls.ca` to the authority that signed it.',
  },
  {
    text: /SSL routines|ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO\b/,
    code: 'TLS_FAILED',
    says: 'fails the TLS handshake',
    next: 'Check `tls` on this side and the TLS settings of VTGate.',
  },
  {
    text: /Last error: Protocol error/,
    code: 'CONNECT_FAILED',
    category: 'config',
    says: 'does not speak gRPC',
    next: "Give VTGate's gRPC port (15991 by default), not its MySQL or HTTP port.",
  },
  {
    text: /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    code: 'CONNECT_FAILED',
    says: 'cannot be resolved to an address',
    next: 'Check the host name in `vtgate`.',
  },
  {
    text: /ECONNREFUSED/,
    code: 'CONNECT_FAILED',
    says: 'refuses connections',
    next: 'Check host and gRPC port in `vtgate` (15991 by default), and that VTGate runs.',
  },
  {
    text: /Last error: Failed to connect/,
    code: 'CONNECT_FAILED',
    says: 'closes the connection before it speaks gRPC',
    next: 'If VTGate serves TLS, set `tls`; if it asks for client certificates, check `tls.cert`; else check what listens there.',
  },
  {
    text: /No connection established|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL/,
    code: 'CONNECT_FAILED',
    says: 'cannot be reached',
    next: 'Check the address in `vtgate`, the network and firewalls between here and there.',
  },
];
const CONNECT = ON_UNAVAILABLE.map((row) => ({ ...row, codes: [UNAVAILABLE] }));

const RIGHTS: readonly FailureRule[] = [
  {
    codes: [UNAUTHENTICATED, PERMISSION_DENIED],
    text: /auth|credential|password|username|token/i,
    code: 'AUTH_FAILED',
    says: 'refuses the credentials, or the lack of them',
    next: 'Check `auth`: user and password as in the static authentication file of VTGate.',
  },
  { codes: [UNAUTHENTICATED], code: 'AUTH_FAILED', says: 'refuses the credentials', next: 'Check `auth`.' },
  {
    codes: [PERMISSION_DENIED],
    code: 'PERMISSION_DENIED',
    says: 'denies this user the call',
    next: 'Grant the user the right, or use another one in `auth`.',
  },
];

const POSITIONS: readonly FailureRule[] = [
  {
    text: /GTIDSet Mismatch|has more GTIDs than/i,
    code: 'POSITION_AHEAD',
    category: 'refresh',
    says: 'has a tablet that is behind the position: replica lag, transactions lost in a failover, or another cluster',
    next: 'Wait for the replica; if the primary is behind as well, start from an older position or copy again.',
  },
  {
    // The bare number would be found in GTIDs as well.
    text: /purged required binary logs|\b(?:errno|error)[ :]+(?:1236|1789)\b|binary logs? .*purged|gtid_purged/i,
    code: 'POSITION_PURGED',
    says: 'no longer has the binary logs after the position',
    next: RECOPY,
  },
  {
    text: /unknown GTIDSet flavor|could not decode position|failed to determine starting position|invalid (?:MySQL 5\.6|MariaDB) GTID/i,
    code: 'POSITION_INVALID',
    says: 'cannot read the position',
    next: 'Give a position this client printed, or a GTID set with its flavour, such as `MySQL56/uuid:1-5`.',
  },
  {
    text: /lastpk|table_?p_?k/i,
    codes: [INVALID_ARGUMENT],
    code: 'POSITION_INVALID',
    says: 'cannot read the last key of a copy',
    next: 'Copy that table again.',
  },
  {
    text: /shard provided in VGTID, ([^,]+), not found/,
    code: 'SHARD_NOT_FOUND',
    says: 'knows no shard $1',
    next: 'The shards changed since the position was stored: copy again (`vstream state reset NAME`, then start), or give a position of the shards there are.',
  },
  {
    text: /not all journaling participants are in the stream/,
    code: 'SHARDS_CHANGED',
    says: 'ended a stream that reads only some of the shards of a reshard',
    next: 'Stream all shards that take part: remove `source.shards`, or add the missing ones.',
  },
];

const REQUEST: readonly FailureRule[] = [
  {
    text: /node doesn't exist: keyspaces\/|keyspace (\S+) not found|unknown keyspace|no such keyspace/i,
    code: 'KEYSPACE_NOT_FOUND',
    says: 'does not know the keyspace',
    next: LOWER,
  },
  {
    text: /keyspace \S+ fetch error/i,
    code: 'STREAM_LOST',
    category: 'refresh',
    says: 'cannot read the shards of the keyspace from the topology server',
    next: RECONNECT,
  },
  {
    codes: [INVALID_ARGUMENT],
    text: /No partition found/i,
    code: 'NO_TABLET',
    says: 'has no serving shard of the tablet type',
    next: 'Start tablets of the type in `tabletType`, or stream from `primary`.',
  },
  {
    codes: [INVALID_ARGUMENT],
    text: /vgtid must have|for an empty keyspace|shards are unspecified|invalid cell preference|invalid tablet order/i,
    code: 'CONFIG_INVALID',
    says: 'refuses the request',
    next: 'Check keyspace, shards and flags of `source`.',
  },
  {
    text: /minimal binlog_row_image/,
    code: 'ROW_IMAGE_REFUSED',
    says: 'reads from a MySQL with binlog_row_image=MINIMAL, which VStream cannot decode',
    next: 'Set binlog_row_image to FULL (or NOBLOB) on every tablet.',
  },
  {
    text: /stream needs a position or a table to copy/,
    code: 'TABLE_NOT_FOUND',
    says: 'finds no table that the request names',
    next: LOWER,
  },
  {
    text: /table (\S+) is not present in the database/,
    code: 'TABLE_NOT_FOUND',
    says: 'has no table $1 on some shard of the stream',
    next: LOWER,
  },
  {
    text: /column (\S+) not found in table|cannot use column names in vstream filter/,
    code: 'COLUMN_NOT_FOUND',
    says: 'does not find a selected column',
    next: 'Check `columns` and `where` of the table against its definition.',
  },
];

/** What a tablet meets in the binary log. */
const EVENTS: readonly FailureRule[] = [
  {
    text: /uncaught panic/,
    code: 'TRANSACTION_UNDECODABLE',
    says: 'has a tablet that crashes on a transaction it cannot decode, and will again',
    next: "Set `onUndecodable: 'skip-and-recopy'`, or upgrade Vitess.",
  },
  {
    text: /unexpected statement type .*row-based replication|partial row image encountered|failed to extract row/i,
    code: 'TRANSACTION_UNDECODABLE',
    says: 'has a tablet that cannot decode a transaction',
    next: "Set `onUndecodable: 'skip-and-recopy'`; use binlog_format=ROW and binlog_row_image=FULL.",
  },
  {
    text: /unknown table (\S+) in schema|cannot determine table columns for (\S+):/,
    code: 'SCHEMA_MISMATCH',
    category: 'retry',
    says: 'has a tablet whose schema is newer than the change it reads',
    next: 'If it stays: turn on schema tracking on the tablets (`--track-schema-versions`), or copy the table again.',
  },
  {
    text: /enum or set column .* does not have valid string values|no string value found for (?:ENUM|SET) column/i,
    code: 'SCHEMA_MISMATCH',
    says: 'has a tablet that cannot map an ENUM or SET value whose definition changed since',
    next: 'Copy the table again, or turn on schema tracking on the tablets.',
  },
  {
    text: /Query was empty|unsupported constraint|unsupported: |syntax error|invalid regular expression|error parsing regexp/i,
    codes: [UNKNOWN, INVALID_ARGUMENT, FAILED_PRECONDITION, INTERNAL],
    code: 'FILTER_REFUSED',
    says: 'refuses the filter of a table',
    next: 'Simplify `where` and `columns` of the table.',
  },
  {
    text: /fully throttled/,
    code: 'THROTTLED',
    says: 'has a tablet that was throttled for a long time',
    next: 'Look at the tablet throttler: `show vitess_throttler status`.',
  },
  {
    text: /timed out while waiting for skew/i,
    code: 'STREAM_STALLED',
    says: 'gave up aligning the shards',
    next: 'Drop `flags.minimizeSkew`, or look at the slowest shard.',
  },
  {
    text: /failed liveness checks/,
    code: 'STREAM_STALLED',
    says: 'got no event from any tablet for minutes',
    next: RECONNECT,
  },
  {
    text: /exceeded maximum age/,
    code: 'STREAM_ENDED',
    says: 'ended the stream at its maximum age',
    next: 'Nothing: the client reconnects at once.',
  },
  {
    text: /failed to find an? (\S+) tablet|no healthy tablet|context has expired|tablet.* is either down or nonexistent/i,
    code: 'NO_TABLET',
    says: 'found no usable tablet of the type for a shard: none healthy, or all of them refused the position',
    next: 'Check `show vitess_tablets`, `tabletType` and `cells`; the client checks the position meanwhile.',
  },
];

const REST: readonly FailureRule[] = [
  {
    codes: [RESOURCE_EXHAUSTED],
    text: /Received message larger than max \((\d+) vs/,
    code: 'MESSAGE_TOO_LARGE',
    says: 'sent a message of $1 bytes, above the limit of this client',
    next: 'Raise `source.maxMessageBytes`.',
  },
  {
    codes: [RESOURCE_EXHAUSTED],
    text: /larger than max/,
    code: 'MESSAGE_TOO_LARGE',
    says: 'cannot send a message: it is above a limit of the server',
    next: 'Raise `--grpc_max_message_size` of VTGate and tablets.',
  },
  {
    codes: [RESOURCE_EXHAUSTED],
    code: 'THROTTLED',
    says: 'is overloaded',
    next: 'The client tries again slowly; give VTGate more room if this stays.',
  },
  {
    codes: [UNIMPLEMENTED],
    code: 'CONNECT_FAILED',
    category: 'config',
    says: 'does not offer the VTGate service',
    next: "Give VTGate's gRPC port; its `--service_map` must hold `grpc-vtgateservice`.",
  },
  {
    codes: [INVALID_ARGUMENT],
    code: 'CONFIG_INVALID',
    says: 'refuses the request',
    next: 'Check keyspace, shards, tables and flags of `source`.',
  },
  {
    codes: [FAILED_PRECONDITION, CLUSTER_EVENT, READ_ONLY],
    code: 'STREAM_LOST',
    category: 'refresh',
    says: 'ended the stream: the cluster changed',
    next: RECONNECT,
  },
  {
    codes: [NOT_FOUND],
    code: 'KEYSPACE_NOT_FOUND',
    says: 'does not find what the request names',
    next: LOWER,
  },
  {
    codes: [DEADLINE_EXCEEDED],
    code: 'CONNECT_FAILED',
    says: 'did not answer in time',
    next: RECONNECT,
  },
  {
    codes: [CANCELLED, UNKNOWN, ABORTED, INTERNAL, UNAVAILABLE, DATA_LOSS],
    code: 'STREAM_LOST',
    says: 'ended the stream',
    next: RECONNECT,
  },
  { code: 'STREAM_LOST', says: 'ended the stream with an unknown status', next: RECONNECT },
];

/** In-band errors of Execute; all are thrown as `QUERY_FAILED` with this category, the code here is for who asks. */
export const SQL_FAILURES: readonly FailureRule[] = [
  {
    codes: [PERMISSION_DENIED],
    errnos: [1044, 1045, 1142, 1143, 1227, 1370, 3569],
    text: /command denied|access denied|not authorized/i,
    code: 'PERMISSION_DENIED',
    category: 'config',
    says: 'denies this user the statement',
    next: 'Grant the user of `auth` the right, or use another one.',
  },
  {
    errnos: [1049],
    text: /VT05003|unknown database|keyspace \S+ not found|no keyspace (?:with name|found)/i,
    code: 'KEYSPACE_NOT_FOUND',
    category: 'config',
    says: 'does not know the keyspace',
    next: LOWER,
  },
  {
    errnos: [1146, 1109],
    text: /VT05004|VT05005|table \S+ (?:not found|does not exist)|doesn't exist/i,
    code: 'TABLE_NOT_FOUND',
    category: 'config',
    says: 'has no such table',
    next: LOWER,
  },
  {
    errnos: [1054],
    code: 'COLUMN_NOT_FOUND',
    category: 'config',
    says: 'has no such column',
    next: 'The table has another definition than this release expects.',
  },
  {
    text: /enforce denied tables/,
    code: 'TABLE_MOVED',
    category: 'retry',
    says: 'refuses a table whose traffic is switched to another keyspace',
    next: 'While a switch is under way this passes; afterwards use the table in its new keyspace.',
  },
  {
    text: /no healthy tablet|no primary tablet|primary is not serving|tablet (?:not found|for .* not available)|no valid tablet|tablet.* is either down or nonexistent|wrong tablet type/i,
    code: 'NO_TABLET',
    category: 'retry',
    says: 'has no healthy tablet for the shard',
    next: RECONNECT,
  },
  {
    codes: [CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE, CLUSTER_EVENT],
    errnos: [1040, 1053, 1105, 1205, 1213, 1290, 1317, 1836, 2002, 2003, 2006, 2013, 3024, 4031],
    text: /connection reset|broken pipe|unexpected EOF|server (?:has )?gone away|buffer full/i,
    code: 'QUERY_FAILED',
    category: 'retry',
    says: 'failed the statement for a passing reason',
    next: RECONNECT,
  },
  {
    code: 'QUERY_FAILED',
    category: 'fatal',
    says: 'failed the statement',
    next: 'Look at the text; if the statement is ours, report it with the version of Vitess.',
  },
];

/** Rows for the status of an RPC, in the order they are tried; the last one takes everything. */
export const RPC_FAILURES: readonly FailureRule[] = [...CONNECT, ...RIGHTS, ...POSITIONS, ...REQUEST, ...EVENTS, ...REST];
