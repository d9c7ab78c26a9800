import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../../src/inbox/sqlite/database-file.js';
import { WalSyncer } from '../../../src/inbox/sqlite/wal-syncer.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sync-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('callers during a running sync share the next one, because the running one may have started before their commits', async () => {
  const path = join(folder, 'inbox.db');
  const db = await openDatabase(path);
  const wal = new WalSyncer(path, () => {});
  const first = wal.sync();
  const second = wal.sync();
  expect(second).not.toBe(first);
  expect(wal.sync()).toBe(second);
  await first;
  await second;
  const third = wal.sync();
  expect(third).not.toBe(second);
  await third;
  wal.close();
  db.close();
});

test('after a failed sync, each sync rejects until a checkpoint has written the log to the database', async () => {
  const path = join(folder, 'inbox.db');
  const db = await openDatabase(path);
  const checkpoint = jest.fn();
  // A pipe cannot be synced.
  execFileSync('mkfifo', [`${path}.pipe-wal`]);
  const wal = new WalSyncer(`${path}.pipe`, checkpoint);
  await expect(wal.sync()).rejects.toThrow('EINVAL');
  expect(checkpoint).not.toHaveBeenCalled();
  checkpoint.mockImplementationOnce(() => {
    throw new Error('not now');
  });
  await expect(wal.sync()).rejects.toThrow('not now');
  await expect(wal.sync()).rejects.toThrow('EINVAL');
  expect(checkpoint).toHaveBeenCalledTimes(2);
  wal.close();
  await expect(wal.sync()).rejects.toThrow('closed');
  db.close();
});

test('a sync rejects while the log does not exist, and succeeds once it does', async () => {
  const path = join(folder, 'inbox.db');
  const wal = new WalSyncer(path, () => {});
  await expect(async () => wal.sync()).rejects.toThrow('ENOENT');
  const db = await openDatabase(path);
  await wal.sync();
  wal.close();
  wal.close();
  db.close();
});
