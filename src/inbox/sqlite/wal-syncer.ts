import { close, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { InboxError } from '../inbox-error.js';

const syncFile = promisify(fdatasync);

/**
 * Syncs SQLite's write-ahead log to disk. SQLite itself would do so at each commit with `synchronous=FULL`, but block the
 * event loop meanwhile. A sync here runs in the background and serves every caller that waits for one. Syncing the log is
 * enough, because each commit is appended to it, and SQLite syncs the database file before it removes anything from the log.
 */
export class WalSyncer {
  #file: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #hasFailed = false;
  #isClosed = false;

  /** `checkpoint` writes the whole log to the database file, and syncs that file. */
  constructor(
    private readonly databasePath: string,
    private readonly checkpoint: () => void,
  ) {}

  /** Resolves when everything that any process committed before the call will survive a power failure. */
  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    // The running sync may have started before the caller's commit, so the caller waits for the next one.
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  close(): void {
    if (this.#file !== undefined) close(this.#file);
    this.#file = undefined;
    this.#isClosed = true;
  }

  #start(): Promise<void> {
    this.#next = undefined;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    if (this.#isClosed) throw new InboxError('CLOSED', 'The inbox is closed.');
    // After a failed sync the kernel may regard the unwritten pages as clean, so that another sync would succeed without
    // writing them.
    if (this.#hasFailed) this.checkpoint();
    this.#hasFailed = false;
    // SQLite creates the log in its first transaction, and keeps it for as long as the database is open.
    this.#file ??= openSync(`${this.databasePath}-wal`, 'r+');
    try {
      await syncFile(this.#file);
    } catch (thrown) {
      this.#hasFailed = true;
      throw thrown;
    }
  }
}
