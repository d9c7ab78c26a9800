import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import Database from 'libsql';
import { Client } from 'pg';
import { openInbox } from '../../src/inbox/index.js';
import { createWebhookRouter } from '../../src/index.js';
import { signedRequest } from '../../src/testing/index.js';
import { DISPOSABLE_SERVERS, type DisposableServer } from '../helpers/disposable-servers.js';
import {
  killReceivers,
  SECRETS,
  signatures,
  startVerboseReceiver,
  type VerboseReceiver,
} from '../helpers/verbose-receiver.js';

const PASSWORD = 'the-password-of-a-test';

afterEach(killReceivers);

/** Fails if the text holds a password, a key, a signature, or anything of a delivery. */
function expectNoSecrets(written: string): void {
  const lines = written.split('\n');
  for (const secret of [PASSWORD, 'another-password', ...Object.values(SECRETS), ...signatures]) {
    expect(lines.filter((line) => line.includes(secret)).map((line) => line.slice(0, 200))).toEqual([]);
  }
  expect(written).not.toContain('unhandled rejection');
}

test('48. nothing of a delivery is logged when another process locks the file of a SQLite inbox', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'locked-'));
  const file = join(folder, 'inbox.db');
  const lines: string[] = [];
  const write = (...line: unknown[]): unknown =>
    lines.push(inspect(line, { depth: Number.POSITIVE_INFINITY, showHidden: true }));
  const logger = { debug: write, info: write, warn: write, error: write };
  const webhooks = createWebhookRouter({
    secret: SECRETS.key,
    inbox: await openInbox(`file:${file}`),
    worker: false,
    logger,
  });
  const other = new Database(file);
  other.exec('BEGIN IMMEDIATE');
  const { rawBody, headers } = signedRequest(
    { event: 'Email.Sent', data: { text: SECRETS.body } },
    { secret: SECRETS.key },
  );
  const outcome = await webhooks.receive({ rawBody, headers: { ...headers, 'x-marker': SECRETS.header } });
  other.close();
  await webhooks.close();
  rmSync(folder, { recursive: true });
  signatures.push(headers['x-signature'] ?? '');
  expect(outcome).toMatchObject({ status: 503, cause: { name: 'InboxError', code: 'SQLITE_BUSY' } });
  expect(lines.join('\n')).toContain('SQLITE_BUSY');
  expectNoSecrets([...lines, inspect(outcome, { depth: Number.POSITIVE_INFINITY })].join('\n'));
});

const [redis, postgres] = DISPOSABLE_SERVERS;

(redis?.isThere ? describe : describe.skip)('with a Redis of its own,', () => {
  let server: DisposableServer;
  let admin: Redis;
  beforeEach(async () => {
    server = (await redis?.make()) as DisposableServer;
    await server.start();
    await withPassword(PASSWORD);
  });
  afterEach(async () => {
    admin.disconnect();
    await server.remove();
  });

  async function withPassword(password: string): Promise<void> {
    admin = new Redis(server.address, { password, maxRetriesPerRequest: null });
    admin.on('error', () => {});
    await admin.call('AUTH', password).catch(() => {});
    await admin.config('SET', 'requirepass', password);
  }
  const start = (password = PASSWORD): Promise<VerboseReceiver> =>
    startVerboseReceiver(server.address.replace('redis://', `redis://:${password}@`));

  test('48. the password is not logged when it is wrong at the start', async () => {
    const receiver = await start('another-password');
    await receiver.wrote('WRONGPASS');
    expectNoSecrets(receiver.written());
  });

  test('48. the password is not logged when the server refuses it on a reconnect', async () => {
    const receiver = await start();
    await receiver.sendUntil(202);
    await admin.config('SET', 'requirepass', 'something-else');
    await admin.client('KILL', 'TYPE', 'normal');
    admin.disconnect();
    admin = new Redis(server.address, { password: 'something-else' });
    await receiver.sendUntil(503);
    while (!(await admin.info('errorstats')).includes('errorstat_WRONGPASS')) await sleep(20);
    expect(await receiver.callInbox()).toBe(6);
    await receiver.close();
    expectNoSecrets(receiver.written());
  });

  test.each([
    ['the server has no memory left', 'OOM', () => admin.config('SET', 'maxmemory', '1')],
    ['the server has become a replica', 'READONLY', () => admin.replicaof('127.0.0.1', '1')],
    ['the server cannot save a snapshot', 'MISCONF', () => failToSave()],
  ])('48. nothing of a delivery is logged when %s', async (_title, code, disturb) => {
    const receiver = await start();
    await receiver.sendUntil(202);
    await disturb();
    await receiver.sendUntilFailure(code);
    await receiver.callInbox();
    await receiver.close();
    expectNoSecrets(receiver.written());
  });

  test('48. nothing of a delivery is logged when the server is restarted', async () => {
    const receiver = await start();
    await receiver.sendUntil(202);
    await server.kill();
    await receiver.sendUntil(503);
    expect(await receiver.callInbox()).toBe(6);
    await server.start();
    admin.disconnect();
    await withPassword(PASSWORD);
    await receiver.sendUntil(202);
    await receiver.close();
    expectNoSecrets(receiver.written());
  });

  /** Creates a folder with the name of the snapshot, so that Redis cannot save one. */
  async function failToSave(): Promise<void> {
    const [, folder = ''] = (await admin.config('GET', 'dir')) as string[];
    mkdirSync(join(folder, 'dump.rdb', 'folder'), { recursive: true });
    await admin.config('SET', 'save', '3600 1');
    await admin.bgsave();
    while (!(await admin.info('persistence')).includes('rdb_last_bgsave_status:err')) await sleep(20);
  }
});

(postgres?.isThere ? describe : describe.skip)('with a Postgres of its own,', () => {
  let server: DisposableServer;
  beforeAll(async () => {
    server = (await postgres?.make()) as DisposableServer;
    await server.start();
    const [{ hba_file: file }] = (await sql('SHOW hba_file')) as [{ hba_file: string }];
    writeFileSync(file, 'host all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n');
    await sql(`CREATE ROLE app LOGIN SUPERUSER PASSWORD '${PASSWORD}'`, 'SELECT pg_reload_conf()');
  });
  beforeEach(() => sql(`ALTER ROLE app PASSWORD '${PASSWORD}'`));
  afterAll(() => server?.remove());

  async function sql(...statements: string[]): Promise<unknown[]> {
    const client = new Client({ connectionString: server.address });
    await client.connect();
    let rows: unknown[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    await client.end();
    return rows;
  }
  const start = (password = PASSWORD): Promise<VerboseReceiver> =>
    startVerboseReceiver(server.address.replace('postgres://postgres@', `postgres://app:${password}@`));
  const DISCONNECT = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`;

  test('48. the password is not logged when it is wrong at the start', async () => {
    const receiver = await start('another-password');
    await receiver.wrote('28P01');
    expectNoSecrets(receiver.written());
  });

  test.each([
    [
      'the server refuses the password on a reconnect',
      '28P01',
      [`ALTER ROLE app PASSWORD 'something-else'`, DISCONNECT],
      [],
    ],
    [
      'the server has become read-only',
      '25006',
      ['ALTER ROLE app SET default_transaction_read_only = on', DISCONNECT],
      ['ALTER ROLE app RESET default_transaction_read_only'],
    ],
    [
      'the server has no space left and quotes what it could not write',
      '53100',
      [
        `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'cannot write %', NEW.data USING ERRCODE = '53100', DETAIL = NEW.data, HINT = NEW.data; END $$`,
        'CREATE TRIGGER refuse BEFORE INSERT ON bullmq.job FOR EACH ROW EXECUTE FUNCTION refuse()',
      ],
      ['DROP FUNCTION refuse CASCADE'],
    ],
    [
      'the server revokes rights',
      '42501',
      ['ALTER TABLE bullmq.job OWNER TO postgres', 'ALTER ROLE app NOSUPERUSER', DISCONNECT],
      ['ALTER ROLE app SUPERUSER', 'ALTER TABLE bullmq.job OWNER TO app'],
    ],
  ])('48. nothing of a delivery is logged when %s', async (_title, code, disturb, repair) => {
    const receiver = await start();
    await receiver.sendUntil(202);
    await sql(...disturb);
    try {
      await receiver.sendUntilFailure(code);
      await receiver.callInbox();
      await receiver.close();
    } finally {
      await sql(...repair);
    }
    expectNoSecrets(receiver.written());
  });

  test('48. nothing of a delivery is logged when the server is restarted', async () => {
    const receiver = await start();
    await receiver.sendUntil(202);
    await server.kill();
    await receiver.sendUntil(503);
    expect(await receiver.callInbox()).toBe(6);
    await server.start();
    await receiver.sendUntil(202);
    await receiver.close();
    expectNoSecrets(receiver.written());
  });
});
