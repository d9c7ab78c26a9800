import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import Database from 'libsql';
import { type InboxOptions, openInbox } from '../../src/inbox/index.js';
import { ConfigurationError, createWebhookRouter } from '../../src/index.js';
import { SECRET } from '../helpers/harness.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'open-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const address = (): string => `file:${join(folder, 'inbox.db')}`;

test.each(['', 'webhooks.db', 'file:', 'mysql://user:hunter2@localhost', 42, undefined])(
  'the address %j is rejected, and the message does not repeat it',
  async (url) => {
    const opened = openInbox(url as string);
    await expect(opened).rejects.toThrow(ConfigurationError);
    await expect(opened).rejects.toThrow(expect.objectContaining({ code: 'ERR_INBOX_OPEN' }));
    await expect(opened).rejects.not.toThrow(/hunter2/);
  },
);

test.each<[object, string]>([
  [{ keepMS: 1 }, 'Did you mean `keepMs`?'],
  [{ name: 'mine' }, '`name` is only for Redis and Postgres'],
  [{ name: 'a:b' }, '`name`'],
  [{ name: '' }, '`name`'],
  [{ keepMs: 0 }, '`keepMs`'],
  [{ keepDeadMs: 1.5 }, '`keepDeadMs`'],
  [{ leaseMs: 2 ** 31 }, '`leaseMs`'],
  [{ pollMs: '1' }, '`pollMs`'],
  [{ retries: { attempts: 0 } }, '`retries.attempts`'],
  [{ retries: { base: 1 } }, 'There is no option `retries.base`.'],
  [{ retries: { maxMs: Number.NaN } }, '`retries.maxMs`'],
])('the options %j are rejected', async (options, message) => {
  await expect(openInbox(address(), options as InboxOptions)).rejects.toThrow(message);
});

test('54. a lease shorter than a second is rejected, because deliveries would run again and again', async () => {
  await expect(openInbox(address(), { leaseMs: 999 })).rejects.toThrow('`leaseMs` must be at least 1000, because');
});

test.each([
  ['redis://default:hunter2@127.0.0.1:1', 'Redis '],
  ['postgres://postgres:hunter2@127.0.0.1:1/test', 'Postgres '],
  ['redis://:hunter2@127.0.0.1:99999999', 'Redis '],
  ['redis://:hunter2%@127.0.0.1', 'Redis '],
  ['postgres://postgres:hunter2@127.0.0.1:99999999/x', 'Postgres '],
])('the error names the server that cannot be reached, and not its password: %s', async (url, name) => {
  const opened = openInbox(url);
  await expect(opened).rejects.toThrow(expect.objectContaining({ code: 'ERR_INBOX_OPEN' }));
  await expect(opened).rejects.toThrow(name);
  const error = await opened.catch((thrown) => thrown);
  expect(inspect(error, { depth: 10 })).not.toContain('hunter2');
  expect(JSON.stringify(error.cause, Object.getOwnPropertyNames(error.cause))).not.toContain('hunter2');
});

const redis = process.env['REDIS_URL'] ?? '';
(redis === '' ? describe.skip : describe)('a Redis address', () => {
  test.each([
    ['name', 'by number'],
    ['1abc', 'by number'],
    ['-1', 'by number'],
    ['99999', 'has no database with the number in the address'],
  ])(
    '55. an address with the database %s is rejected, and no rejection is left unhandled',
    async (database, message) => {
      const unhandled = jest.fn();
      process.on('unhandledRejection', unhandled);
      const opened = openInbox(`${redis}/${database}`);
      await expect(opened).rejects.toThrow(ConfigurationError);
      await expect(opened).rejects.toThrow(message);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
      process.off('unhandledRejection', unhandled);
    },
  );

  test('may name a database other than the first', async () => {
    const inbox = await openInbox(`${redis}/1`, { name: 'test-of-another-database' });
    expect(await inbox.list()).toEqual([]);
    await inbox.close();
  });
});

test('the error names a folder that does not exist', async () => {
  const opened = openInbox(`file:${join(folder, 'nowhere', 'inbox.db')}`);
  await expect(opened).rejects.toThrow(
    expect.objectContaining({
      code: 'ERR_INBOX_OPEN',
      message: expect.stringContaining('nowhere'),
      cause: expect.objectContaining({ name: 'InboxError', code: 'ENOENT' }),
    }),
  );
});

test('a file that is not a database, or that a newer version created, is rejected', async () => {
  const db = new Database(join(folder, 'newer.db'));
  db.exec('PRAGMA user_version = 99');
  db.close();
  await expect(openInbox(`file:${join(folder, 'newer.db')}`)).rejects.toThrow(
    'which a newer version of this package created',
  );
  await expect(openInbox(`file:${__filename}`)).rejects.toThrow('not a database');
});

test('opening a file a second time keeps the locks of the first inbox', async () => {
  const file = join(folder, 'twice.db');
  const first = await openInbox(`file:${file}`);
  await (await openInbox(`file:${file}`)).close();
  const { ino } = statSync(`${file}-wal`);
  // A process that believes to be the last user of the file deletes the log.
  const program = `const db = new (require('libsql'))(${JSON.stringify(file)}); db.prepare('SELECT 1').get(); db.close()`;
  execFileSync(process.execPath, ['-e', program], { cwd: join(__dirname, '../..') });
  expect(statSync(`${file}-wal`).ino).toBe(ino);
  await first.close();
});

test('a file of another program and a file without a log are rejected', async () => {
  const db = new Database(join(folder, 'foreign.db'));
  db.exec('PRAGMA user_version = 1; CREATE TABLE other (a)');
  db.close();
  const openError = expect.objectContaining({ code: 'ERR_INBOX_OPEN' });
  await expect(openInbox(`file:${join(folder, 'foreign.db')}`)).rejects.toThrow(openError);
  await expect(openInbox('file::memory:')).rejects.toThrow(openError);
  rmSync(':memory:', { force: true });
});

test('only the owner can access the files', async () => {
  const inbox = await openInbox(`file:${join(folder, 'private.db')}`);
  await inbox.prune();
  for (const name of ['private.db', 'private.db-wal', 'private.db-shm']) {
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  }
  await inbox.close();
});

test('an address may have two slashes before the path, and close() may be called twice', async () => {
  const inbox = await openInbox(`file://${join(folder, 'slashes.db')}`);
  expect(await inbox.list()).toEqual([]);
  await inbox.close();
  await inbox.close();
});

describe('a router', () => {
  test.each<[object, string]>([
    [{ inbox: {} }, '`inbox` must be the result of `await openInbox(…)`.'],
    [{ inbox: null }, '`inbox` must be'],
    [{ inbox: openInbox }, '`inbox` must be'],
    [{ worker: false }, '`worker` needs an `inbox`.'],
  ])('rejects the options %j', (options, message) => {
    expect(() => createWebhookRouter({ secret: SECRET, ...options })).toThrow(message);
  });

  test('rejects both an inbox and dedupe, an invalid concurrency, and a second worker', async () => {
    const inbox = await openInbox(address());
    const create = (options: object) => () => createWebhookRouter({ secret: SECRET, inbox, ...options });
    expect(create({ dedupe: false })).toThrow('Pass `inbox` or `dedupe`, not both');
    expect(create({ worker: { concurrency: 0 } })).toThrow('`worker.concurrency`');
    expect(create({ worker: { parallel: 1 } })).toThrow('There is no option `worker.parallel`.');
    const withWorker = create({})();
    expect(() => withWorker.work()).toThrow('already works');
    await withWorker.close();
    const webhooks = create({ worker: false, inbox: await openInbox(address()) })();
    expect(() => webhooks.work({ concurrency: -1 })).toThrow('`concurrency`');
    webhooks.work();
    expect(() => webhooks.work()).toThrow('already works');
    await webhooks.close();
    expect(() => webhooks.work()).toThrow('is closed');
    expect(() => createWebhookRouter({ secret: SECRET }).work()).toThrow('needs the option `inbox`');
  });
});
