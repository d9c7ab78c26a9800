import { close, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { InboxError } from '../engine-error.js';

const sync = promisify(fdatasync);

/**
 * Brings what SQLite has committed to the disk: what `synchronous=FULL` does at each commit while the process stands still,
 * done beside the event loop and once for all who wait. What it has to sync is the log, which every commit is appended to
 * and which nothing leaves before SQLite has synced it in its own turn.
 */
export class LogSync {
  #file: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  #isDoubtful = false;
  #isClosed = false;

  /** `checkpoint` writes all that is in the log to the database, and syncs that. */
  constructor(
    private readonly path: string,
    private readonly checkpoint: () => void,
  ) {}

  /** Resolves once everything that was committed before, by any process, survives a power cut. */
  synced(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    // One that is running may have begun before the commit.
    this.#next ??= this.#running.then(
      () => this.#run(),
      () => this.#run(),
    );
    return this.#next;
  }

  close(): void {
    if (this.#file !== undefined) close(this.#file);
    this.#file = undefined;
    this.#isClosed = true;
  }

  #run(): Promise<void> {
    this.#next = undefined;
    this.#running = this.#sync().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #sync(): Promise<void> {
    if (this.#isClosed) throw new InboxError('CLOSED', 'The inbox is closed.');
    // A system that could not write a page may think it clean from then on: the next sync would succeed without it.
    if (this.#isDoubtful) this.checkpoint();
    this.#isDoubtful = false;
    // Opened late: SQLite makes the log with its first transaction. It is there as long as the database is open.
    this.#file ??= openSync(`${this.path}-wal`, 'r+');
    try {
      await sync(this.#file);
    } catch (thrown) {
      this.#isDoubtful = true;
      throw thrown;
    }
  }
}
