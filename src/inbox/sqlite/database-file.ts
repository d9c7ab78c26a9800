import { closeSync, openSync } from 'node:fs';
import type Database from 'libsql';
import { InboxError } from '../engine-error.js';
import { cannotOpen, need } from '../open-errors.js';

const SCHEMA_VERSION = 1;

/** 16 MB: the longer the log, the fewer pages are written twice. */
const LOG_PAGES = 4_000;
/** As much, so that what is in the log need not be read from it. */
const CACHE_KIB = 16_000;

/**
 * One row a delivery. `at` is when it is due (waiting), when its lease ends (active), or since when it is as it is (done,
 * dead). `fence` grows with each lease: who held an older one can change nothing any more.
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
    settled TEXT NOT NULL DEFAULT '[]',
    reason TEXT,
    error TEXT
  );
  CREATE INDEX IF NOT EXISTS due ON deliveries (at) WHERE state IN ('waiting', 'active');
  CREATE INDEX IF NOT EXISTS over ON deliveries (at) WHERE state IN ('done', 'dead');
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Milliseconds to wait for another process that writes. The event loop stands still for that time. */
const BUSY_MS = 2_000;

/** Opens the file, and makes it if there is none. */
export async function openFile(path: string): Promise<Database.Database> {
  const { default: SQLite } = await need('file:', 'libsql', () => import('libsql'));
  let db: Database.Database | undefined;
  try {
    make(path);
    db = new SQLite(path);
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    const { journal_mode: mode } = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
    if (mode !== 'wal') throw new InboxError('NO_WAL', 'The file cannot have a write-ahead log.');
    // A commit leaves the log to be synced: see LogSync.
    db.exec('PRAGMA synchronous = NORMAL');
    db.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    const [{ user_version: version }] = db.prepare('PRAGMA user_version').all() as [{ user_version: number }];
    if (version > SCHEMA_VERSION)
      throw new InboxError('SCHEMA', `The file has schema ${version}: a newer version made it.`);
    // Only where it is needed: it would wait for whoever writes.
    if (version < SCHEMA_VERSION) db.exec(SCHEMA);
    return db;
  } catch (thrown) {
    db?.close();
    throw cannotOpen('SQLite', thrown, path);
  }
}

/**
 * Makes the file, for its owner only: it holds what was delivered. SQLite gives its other files the same rights. A file that
 * is there is not opened: closing it again would drop the locks that this process has on it, and another process would then
 * take the log away under it.
 */
function make(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
}
