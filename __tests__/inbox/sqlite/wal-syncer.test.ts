import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFile } from '../../../src/inbox/sqlite/database-file.js';
import { LogSync } from '../../../src/inbox/sqlite/wal-syncer.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sync-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('those who come while a sync runs share the next one, as theirs may have begun too early', async () => {
  const path = join(folder, 'inbox.db');
  const db = await openFile(path);
  const log = new LogSync(path, () => {});
  const first = log.synced();
  const second = log.synced();
  expect(second).not.toBe(first);
  expect(log.synced()).toBe(second);
  await first;
  await second;
  const third = log.synced();
  expect(third).not.toBe(second);
  await third;
  log.close();
  db.close();
});

test('after a sync that failed, nothing is certain until the log was brought into the database', async () => {
  const path = join(folder, 'inbox.db');
  const db = await openFile(path);
  const checkpoint = jest.fn();
  // A pipe cannot be synced.
  execFileSync('mkfifo', [`${path}.pipe-wal`]);
  const log = new LogSync(`${path}.pipe`, checkpoint);
  await expect(log.synced()).rejects.toThrow('EINVAL');
  expect(checkpoint).not.toHaveBeenCalled();
  checkpoint.mockImplementationOnce(() => {
    throw new Error('not now');
  });
  await expect(log.synced()).rejects.toThrow('not now');
  await expect(log.synced()).rejects.toThrow('EINVAL');
  expect(checkpoint).toHaveBeenCalledTimes(2);
  log.close();
  await expect(log.synced()).rejects.toThrow('closed');
  db.close();
});

test('a log that is not there is an error of each sync, and no later one is the worse for it', async () => {
  const path = join(folder, 'inbox.db');
  const log = new LogSync(path, () => {});
  await expect(async () => log.synced()).rejects.toThrow('ENOENT');
  const db = await openFile(path);
  await log.synced();
  log.close();
  log.close();
  db.close();
});
