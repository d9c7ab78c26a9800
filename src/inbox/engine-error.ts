import type { EngineName } from './contract.js';

/**
 * The failure of an inbox, in this package's words. The errors of drivers stay inside, because some hold the password, the
 * command with the body of a delivery, or quote a value in their message, and a logger writes all of it.
 */
export class InboxError extends Error {
  override readonly name = 'InboxError';
  /** The driver's own, if it gave one: `ECONNREFUSED`, `OOM`, `SQLITE_FULL`, a SQLSTATE such as `53100`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The error to show for whatever an engine threw. Its message is made of what is known by code, never copied. */
export function engineError(engine: EngineName, thrown: unknown): InboxError {
  return thrown instanceof InboxError ? thrown : new InboxError(...explain(engine, thrown));
}

type Explained = readonly [code: string, message: string];

function explain(engine: EngineName, thrown: unknown): Explained {
  const message = text(thrown, 'message');
  const spoken = SENTENCES.find(([pattern]) => pattern.test(message));
  if (spoken !== undefined) return said(engine, spoken[1], spoken[2]);
  const code = codeOf(thrown, message);
  return said(engine, code, REASONS.find(([pattern]) => pattern.test(code))?.[1] ?? `failed with a ${kindOf(thrown)}`);
}

function said(engine: EngineName, code: string, reason: string): Explained {
  return [code, `${engine} ${reason} (${code})`];
}

/** Only what looks like a code is taken for one. */
function codeOf(thrown: unknown, message: string): string {
  const code = text(thrown, 'code');
  if (/^[A-Z0-9][A-Z0-9_]{1,40}$/.test(code)) return code;
  if (/^-\d+$/.test(code)) return `BULLMQ${code}`;
  // Redis begins its answers with the code; before version 7, a script's answer follows what is said of the script.
  const [, answer] = /^(?:ERR Error running script.*?-)?([A-Z]{2,20}) /.exec(message) ?? [];
  return text(thrown, 'name') === 'ReplyError' && answer !== undefined ? answer : 'UNKNOWN';
}

function kindOf(thrown: unknown): string {
  const name = text(thrown, 'name');
  return /^[A-Za-z]{1,40}$/.test(name) ? name : 'value that is not an Error';
}

function text(thrown: unknown, member: 'code' | 'message' | 'name'): string {
  try {
    return String((thrown as Partial<Record<typeof member, unknown>>)[member] ?? '');
  } catch {
    return ''; // null, or a getter that throws
  }
}

const SILENT = 'did not answer in time';

/** For messages of drivers that have no code, or one that says too little. */
const SENTENCES: readonly (readonly [RegExp, code: string, reason: string])[] = [
  [/^(Invalid URL|URI malformed)/, 'ERR_INVALID_URL', 'has an address that is not a valid URL'],
  [/DB index is out of range/, 'ERR_DB_INDEX', 'has no database of the number in the address'],
  [/max number of clients reached/, 'MAXCLIENTS', 'has as many clients as it allows'],
  [/password must be a (non-empty )?string|no password supplied/, 'NO_PASSWORD', 'asks for a password'],
  [/enableOfflineQueue|max retries per request/, 'NOT_CONNECTED', 'is not connected'],
  [/^Connection (is closed|terminated unexpectedly|terminated$)/, 'CONNECTION_CLOSED', 'closed the connection'],
  [
    /aborted due to connection close|connection error and is not queryable/,
    'CONNECTION_CLOSED',
    'closed the connection',
  ],
  [/after calling end on the pool/, 'CONNECTION_CLOSED', 'closed the connection'],
  [/^(timeout exceeded|Query read timeout|connect ETIMEDOUT|Connection terminated due to)/, 'ETIMEDOUT', SILENT],
  [
    /could not renew lock|Missing lock for job/,
    'LEASE_LOST',
    'gave a delivery to another process: its lease had ended',
  ],
];

/** By code. Postgres' are five characters long, of which the first two are the class. */
const REASONS: readonly (readonly [RegExp, reason: string])[] = [
  [/^ECONNREFUSED$/, 'refuses connections: nothing listens at its address'],
  [/^(ECONNRESET|EPIPE)$/, 'closed the connection'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, SILENT],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'has a host name that cannot be resolved'],
  [/^ERR_SOCKET_BAD_PORT$/, 'has an address whose port is not valid'],
  [/CERT|^ERR_TLS|^ERR_SSL|^EPROTO$/, 'could not be reached securely: look at its certificate'],
  [/^(WRONGPASS|NOAUTH)$/, 'refused the password'],
  [/^NOPERM$/, 'refused a command to this user'],
  [/^OOM$/, 'is out of memory: raise its `maxmemory`'],
  [/^READONLY$/, 'is a replica and takes no writes'],
  [/^MISCONF$/, 'takes no writes because its last snapshot failed: look at its log'],
  [/^(LOADING|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|BUSY)$/, 'is not ready yet'],
  [/^(MOVED|CROSSSLOT)$/, 'is a cluster, which an inbox cannot use'],
  [/^ERR$/, 'refused a command'],
  [/^BULLMQ-[26]$/, 'gave a delivery to another process: its lease had ended'],
  [/^BULLMQ-/, 'no longer holds a delivery as it was'],
  [/^SQLITE_BUSY|^SQLITE_LOCKED/, 'was locked by another process for too long'],
  [/^SQLITE_FULL|^ENOSPC$|^EDQUOT$/, 'has no room left on its disk'],
  [/^SQLITE_READONLY|^EROFS$/, 'cannot write to its file, which is read-only'],
  [/^SQLITE_IOERR|^EIO$/, 'could not read or write its file'],
  [/^SQLITE_CANTOPEN|^ENOENT$|^ENOTDIR$/, 'cannot open its file: is its folder there?'],
  [/^(EACCES|EPERM)$/, 'may not open its file'],
  [/^EINVAL$/, 'could not bring its file to the disk'],
  [/^SQLITE_NOTADB/, 'found a file that is not a database'],
  [/^SQLITE_CORRUPT/, 'found a damaged file'],
  [/^28[0-9A-Z]{3}$/, 'refused the user or the password'],
  [/^3D000$/, 'has no database of the name in the address'],
  [/^42501$/, 'refused it for lack of a right'],
  [/^42P01$|^3F000$/, 'lacks a table or schema of the inbox'],
  [/^53100$/, 'has no room left on its disk'],
  [/^53200$/, 'is out of memory'],
  [/^53300$/, 'has as many clients as it allows'],
  [/^57P0[0-9]$/, 'is shutting down or starting up'],
  [/^57014$/, 'cancelled a statement'],
  [/^25006$/, 'is read-only'],
  [/^08[0-9A-Z]{3}$/, 'lost the connection'],
  [/^(?=.*\d)[0-9A-Z]{5}$/, 'refused a statement'],
];
