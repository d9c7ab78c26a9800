import type Database from 'libsql';
import type { StoredDelivery } from '../../delivery/stored-delivery.js';
import { Batcher } from '../batcher.js';
import type { InboxEngine, InboxSettings } from '../contract.js';
import { toOpenError } from '../open-errors.js';
import { openDatabase } from './database-file.js';
import { DeliveryTable } from './delivery-table.js';
import { SqliteWorker } from './sqlite-worker.js';
import { WalSyncer } from './wal-syncer.js';

/** Opens an inbox in a SQLite file, which the processes of one machine can share. */
export async function openSqliteEngine(path: string, settings: InboxSettings): Promise<InboxEngine> {
  const db = await openDatabase(path);
  const table = openTable(db, path, settings);
  const wal = new WalSyncer(path, () => table.checkpoint());
  const workers = new Set<SqliteWorker>();
  const incoming = new Batcher<StoredDelivery, boolean>(async (batch) => {
    const [worker] = workers;
    const results = table.insert(batch, Date.now(), worker?.freeSlots);
    const leases = results.filter((result) => typeof result === 'object');
    worker?.reserve(leases);
    try {
      await wal.sync();
    } finally {
      // Runs even if the sync failed, because the deliveries are in the table although the sender is answered 503.
      worker?.start(leases);
      for (const each of workers) each.wake();
    }
    return results.map(Boolean);
  });

  return {
    store: async (delivery) => ((await incoming.add(delivery)) ? 'stored' : 'duplicate'),
    work(attempt, options) {
      const worker = new SqliteWorker(table, settings, attempt, options);
      workers.add(worker);
      return {
        async stop() {
          await worker.stop();
          workers.delete(worker);
        },
      };
    },
    list: async (filter, limit) => table.list(filter, limit),
    get: async (id) => table.get(id),
    async replay(which) {
      const count = table.replay(which, Date.now());
      for (const worker of workers) worker.wake();
      return count;
    },
    remove: async (which) => table.remove(which),
    prune: async () => table.prune(Date.now()),
    stats: async () => table.stats(Date.now()),
    async close() {
      await Promise.all([...workers].map((worker) => worker.stop()));
      wal.close();
      db.close();
    },
  };
}

/** Throws when the file belongs to another program, because it lacks the table or one of its columns. */
function openTable(db: Database.Database, path: string, settings: InboxSettings): DeliveryTable {
  try {
    return new DeliveryTable(db, settings);
  } catch (thrown) {
    db.close();
    throw toOpenError('SQLite', thrown, path);
  }
}
