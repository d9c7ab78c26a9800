import { recordOf } from '../shared/record-of.js';
import type { EngineName } from './contract.js';

/**
 * A failure of an inbox, in this package's own words. The driver's error is left out, because it may hold the password or
 * the body of a delivery, or quote a value in its message, and a logger would write all of that.
 */
export class InboxError extends Error {
  override readonly name = 'InboxError';
  /** The driver's own code where it has one: `ECONNREFUSED`, `OOM`, `SQLITE_FULL`, or a SQLSTATE such as `53100`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Converts what an engine threw. The message is chosen by code and never copied from the driver. */
export function toInboxError(engine: EngineName, thrown: unknown): InboxError {
  if (thrown instanceof InboxError) return thrown;
  const [code, reason] = explain(thrown);
  return new InboxError(code, `${engine} ${reason} (${code})`);
}

function explain(thrown: unknown): readonly [code: string, reason: string] {
  const message = textMember(thrown, 'message');
  const known = KNOWN_MESSAGES.find(([pattern]) => pattern.test(message));
  if (known !== undefined) return [known[1], known[2]];
  const code = codeOf(thrown, message);
  return [code, KNOWN_CODES.find(([pattern]) => pattern.test(code))?.[1] ?? describeType(thrown)];
}

/** Accepts only text that looks like a code, because anything else may be a value. */
function codeOf(thrown: unknown, message: string): string {
  const code = textMember(thrown, 'code');
  if (/^[A-Z0-9][A-Z0-9_]{1,40}$/.test(code)) return code;
  if (/^-\d+$/.test(code)) return `BULLMQ${code}`;
  // Redis starts its replies with the code. Before version 7, the reply of a script follows the name of the script.
  const [, reply] = /^(?:ERR Error running script.*?-)?([A-Z]{2,20}) /.exec(message) ?? [];
  return textMember(thrown, 'name') === 'ReplyError' && reply !== undefined ? reply : 'UNKNOWN';
}

function describeType(thrown: unknown): string {
  const name = textMember(thrown, 'name');
  return /^[A-Za-z]{1,40}$/.test(name)
    ? `failed with an error of type ${name}`
    : 'failed with a value that is not an Error';
}

function textMember(thrown: unknown, member: 'code' | 'message' | 'name'): string {
  return String(recordOf(thrown)[member] ?? '');
}

const CLOSED = 'closed the connection';
const LEASE_LOST = 'gave a delivery to another process because its lease had expired';
const NO_SPACE = 'has no space left on its disk';
const TIMED_OUT = 'did not answer in time';
const TOO_MANY_CLIENTS = 'has reached its maximum number of clients';

/** Messages of drivers whose errors have no code, or a code that says too little. */
const KNOWN_MESSAGES: readonly (readonly [RegExp, code: string, reason: string])[] = [
  [/^(Invalid URL|URI malformed)/, 'ERR_INVALID_URL', 'has an address that is not a valid URL'],
  [/DB index is out of range/, 'ERR_DB_INDEX', 'has no database with the number in the address'],
  [/max number of clients reached/, 'MAXCLIENTS', TOO_MANY_CLIENTS],
  [/password must be a (non-empty )?string|no password supplied/, 'NO_PASSWORD', 'requires a password'],
  [/enableOfflineQueue|max retries per request/, 'NOT_CONNECTED', 'is not connected'],
  [/^Connection (is closed|terminated unexpectedly|terminated$)/, 'CONNECTION_CLOSED', CLOSED],
  [/aborted due to connection close|connection error and is not queryable/, 'CONNECTION_CLOSED', CLOSED],
  [/after calling end on the pool/, 'CONNECTION_CLOSED', CLOSED],
  [/^(timeout exceeded|Query read timeout|connect ETIMEDOUT|Connection terminated due to)/, 'ETIMEDOUT', TIMED_OUT],
  [/could not renew lock|Missing lock for job/, 'LEASE_LOST', LEASE_LOST],
];

/** A SQLSTATE of Postgres has five characters, of which the first two name its class. */
const KNOWN_CODES: readonly (readonly [RegExp, reason: string])[] = [
  [/^ECONNREFUSED$/, 'refuses connections; check that it is running at its address'],
  [/^(ECONNRESET|EPIPE)$/, CLOSED],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, TIMED_OUT],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'has a host name that cannot be resolved'],
  [/^ERR_SOCKET_BAD_PORT$/, 'has an address with an invalid port'],
  [/CERT|^ERR_TLS|^ERR_SSL|^EPROTO$/, 'could not be reached over TLS; check its certificate'],
  [/^(WRONGPASS|NOAUTH)$/, 'refused the password'],
  [/^NOPERM$/, 'does not allow this user to run a command'],
  [/^OOM$/, 'is out of memory; raise its `maxmemory`'],
  [/^READONLY$/, 'is a replica and does not accept writes'],
  [/^MISCONF$/, 'does not accept writes because its last snapshot failed; check its log'],
  [/^(LOADING|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|BUSY)$/, 'is not ready yet'],
  [/^(MOVED|CROSSSLOT)$/, 'is a cluster, which an inbox cannot use'],
  [/^ERR$/, 'refused a command'],
  [/^BULLMQ-[26]$/, LEASE_LOST],
  [/^BULLMQ-/, 'found a delivery in another state than expected'],
  [/^SQLITE_BUSY|^SQLITE_LOCKED/, 'was locked by another process for too long'],
  [/^SQLITE_FULL|^ENOSPC$|^EDQUOT$/, NO_SPACE],
  [/^SQLITE_READONLY|^EROFS$/, 'cannot write to its file because it is read-only'],
  [/^SQLITE_IOERR|^EIO$/, 'could not read or write its file'],
  [/^SQLITE_CANTOPEN|^ENOENT$|^ENOTDIR$/, 'cannot open its file; check that the folder exists'],
  [/^(EACCES|EPERM)$/, 'has no permission to open its file'],
  [/^EINVAL$/, 'could not sync its file to disk'],
  [/^SQLITE_NOTADB/, 'found a file that is not a database'],
  [/^SQLITE_CORRUPT/, 'found a damaged file'],
  [/^28[0-9A-Z]{3}$/, 'refused the user or the password'],
  [/^3D000$/, 'has no database with the name in the address'],
  [/^42501$/, 'does not give this user a right that the inbox needs'],
  [/^42P01$|^3F000$/, 'is missing a table or schema of the inbox'],
  [/^53100$/, NO_SPACE],
  [/^53200$/, 'is out of memory'],
  [/^53300$/, TOO_MANY_CLIENTS],
  [/^57P0[0-9]$/, 'is shutting down or starting up'],
  [/^57014$/, 'cancelled a statement'],
  [/^25006$/, 'is read-only'],
  [/^08[0-9A-Z]{3}$/, 'lost the connection'],
  [/^(?=.*\d)[0-9A-Z]{5}$/, 'refused a statement'],
];
