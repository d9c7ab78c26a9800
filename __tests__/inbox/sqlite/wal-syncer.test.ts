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

test('those who come while a sync runs share the next one, as theirs may have begun too early', async () => {
  const path = join(folder, 'inbox.db');
  const db = await openDatabase(path);
  const log = new WalSyncer(path, () => {});
  const first = log.sync();
  const second = log.sync();
  expect(second).not.toBe(first);
  expect(log.sync()).toBe(second);
  await first;
  await second;
  const third = log.sync();
  expect(third).not.toBe(second);
  await third;
  log.close();
  db.close();
});

test('after a sync that failed, nothing is certain until the log was brought into the database', async () => {
  const path = join(folder, 'inbox.db');
  const db = await openDatabase(path);
  const checkpoint = jest.fn();
  // A pipe cannot be synced.
  execFileSync('mkfifo', [`${path}.pipe-wal`]);
  const log = new WalSyncer(`${path}.pipe`, checkpoint);
  await expect(log.sync()).rejects.toThrow('EINVAL');
  expect(checkpoint).not.toHaveBeenCalled();
  checkpoint.mockImplementationOnce(() => {
    throw new Error('not now');
  });
  await expect(log.sync()).rejects.toThrow('not now');
  await expect(log.sync()).rejects.toThrow('EINVAL');
  expect(checkpoint).toHaveBeenCalledTimes(2);
  log.close();
  await expect(log.sync()).rejects.toThrow('closed');
  db.close();
});

test('a log that is not there is an error of each sync, and no later one is the worse for it', async () => {
  const path = join(folder, 'inbox.db');
  const log = new WalSyncer(path, () => {});
  await expect(async () => log.sync()).rejects.toThrow('ENOENT');
  const db = await openDatabase(path);
  await log.sync();
  log.close();
  log.close();
  db.close();
});
