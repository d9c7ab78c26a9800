import { closeSync, openSync } from 'node:fs';
import type Database from 'libsql';
import { InboxError } from '../inbox-error.js';
import { importPackages, toOpenError } from '../open-errors.js';

const SCHEMA_VERSION = 1;

/** 16 MB. The longer the write-ahead log may grow, the fewer pages are written twice. */
const WAL_PAGES = 4_000;
/** As large as the log, so that pages in the log need not be read from it. */
const CACHE_KIB = 16_000;
/** Milliseconds to wait for the write lock of another process. The event loop is blocked for that time. */
const BUSY_TIMEOUT_MS = 2_000;

/**
 * `at` is when the delivery is due (waiting), when its lease expires (active), or when it reached its state (done, dead).
 * `fence` grows with each lease, so that a worker whose lease expired can change nothing any more.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    body BLOB NOT NULL,
    headers TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    completed TEXT NOT NULL DEFAULT '[]',
    reason TEXT,
    error TEXT
  );
  CREATE INDEX IF NOT EXISTS unfinished ON deliveries (at) WHERE state IN ('waiting', 'active');
  CREATE INDEX IF NOT EXISTS finished ON deliveries (at) WHERE state IN ('done', 'dead');
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Opens the file, and creates it if it does not exist. */
export async function openDatabase(path: string): Promise<Database.Database> {
  const { default: SQLite } = await importPackages('file:', 'libsql', () => import('libsql'));
  let db: Database.Database | undefined;
  try {
    createFile(path);
    db = new SQLite(path);
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    const { journal_mode: mode } = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
    if (mode !== 'wal') throw new InboxError('NO_WAL', 'The file cannot have a write-ahead log.');
    // A commit does not sync the log to disk, because WalSyncer does.
    db.exec('PRAGMA synchronous = NORMAL');
    db.exec(`PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    const [{ user_version: version }] = db.prepare('PRAGMA user_version').all() as [{ user_version: number }];
    if (version > SCHEMA_VERSION) {
      throw new InboxError('SCHEMA', `The file has schema ${version}, which a newer version of this package created.`);
    }
    // Skipped for a current file, because it would wait for the write lock.
    if (version < SCHEMA_VERSION) db.exec(SCHEMA);
    return db;
  } catch (thrown) {
    db?.close();
    throw toOpenError('SQLite', thrown, path);
  }
}

/**
 * Creates the file with access for its owner only, because it holds payloads. SQLite gives its other files the same mode.
 * An existing file must not be opened here, because closing it would release the locks that this process holds on it, and
 * another process could then delete the log while it is in use.
 */
function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
}
