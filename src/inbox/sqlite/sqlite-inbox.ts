import type Database from 'libsql';
import type {
  Attempt,
  DurableWorker,
  StoredDelivery,
  WorkerHooks,
  WorkOptions,
} from '../../delivery/stored-delivery.js';
import { Batch } from '../batch.js';
import type { InboxDelivery, InboxEngine, InboxEntry, InboxFilter, InboxSettings, InboxStats } from '../contract.js';
import { InboxError } from '../engine-error.js';
import { cannotOpen } from '../open-errors.js';
import { openFile } from './database-file.js';
import { Deliveries } from './deliveries.js';
import { where } from './selection.js';
import { SqliteWorker } from './sqlite-worker.js';
import { LogSync } from './wal-syncer.js';

const PRUNE_MS = 60_000;

/** An inbox in a SQLite file, for the processes of one machine. */
export async function openSqliteInbox(path: string, settings: InboxSettings): Promise<InboxEngine> {
  const db = await openFile(path);
  const deliveries = open(db, path, settings);
  const workers = new Set<SqliteWorker>();
  const log = new LogSync(path, () => deliveries.checkpoint());
  const incoming = new Batch<StoredDelivery, boolean>(async (batch) => {
    const [worker] = workers;
    const added = deliveries.insert(batch, Date.now(), worker?.room);
    const taken = added.filter((each) => typeof each === 'object');
    worker?.hold(taken);
    try {
      await log.synced();
    } finally {
      // They are in the store, even if the sender is to be told that it is not certain.
      worker?.begin(taken);
      for (const each of workers) each.wake();
    }
    return added.map(Boolean);
  });
  const pruning = setInterval(() => prune(), PRUNE_MS).unref();
  let closed = false;

  function prune(): number {
    try {
      return deliveries.prune(Date.now());
    } catch {
      return 0; // busy, say: the next one will do
    }
  }

  return {
    async store(delivery: StoredDelivery) {
      if (closed) throw new InboxError('CLOSED', 'The inbox is closed.');
      return (await incoming.add(delivery)) ? 'stored' : 'duplicate';
    },
    work(attempt: Attempt, options: WorkOptions & WorkerHooks): DurableWorker {
      const worker = new SqliteWorker(deliveries, settings, attempt, options);
      workers.add(worker);
      return {
        stop: async () => {
          await worker.stop();
          workers.delete(worker);
        },
      };
    },
    async list({ limit = 100, ...filter }: InboxFilter & { readonly limit?: number } = {}): Promise<InboxEntry[]> {
      return deliveries.list(filter, limit);
    },
    async get(id: string): Promise<InboxDelivery | undefined> {
      return deliveries.get(id);
    },
    async replay(which: string | InboxFilter): Promise<number> {
      const count = deliveries.replay(where(which), Date.now());
      for (const worker of workers) worker.wake();
      return count;
    },
    async remove(which: string | InboxFilter): Promise<number> {
      return deliveries.remove(where(which));
    },
    async prune(): Promise<number> {
      return deliveries.prune(Date.now());
    },
    async stats(): Promise<InboxStats> {
      return deliveries.stats(Date.now());
    },
    async close(): Promise<void> {
      if (closed) return;
      closed = true;
      clearInterval(pruning);
      await Promise.all([...workers].map((worker) => worker.stop()));
      log.close();
      db.close();
    },
  };
}

/** Throws when the file is somebody else's. */
function open(db: Database.Database, path: string, settings: InboxSettings): Deliveries {
  try {
    return new Deliveries(db, settings);
  } catch (thrown) {
    db.close();
    throw cannotOpen('SQLite', thrown, path);
  }
}
