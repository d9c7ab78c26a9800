import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
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
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { DISPOSABLE_SERVERS, type DisposableServer } from '../helpers/disposable-servers.js';

const PASSWORD = 'the-password-of-a-test';
const KEY = 'the-key-of-a-test';
const BODY = 'part-of-the-body';
const HEADER = 'value-of-a-header';
const PROGRAM = join(__dirname, '../processes/tell-all.ts');

/** A receiver in a process of its own, and all that it wrote. */
interface Teller {
  readonly written: () => string;
  /** Sends distinct deliveries until the answer has this status, and resolves when it has. */
  sendUntil(status: number): Promise<void>;
  /** Asks the inbox everything, and resolves to how many questions failed. */
  ask(): Promise<number>;
  /** Resolves once it wrote this. */
  wrote(text: string | RegExp): Promise<void>;
  close(): Promise<void>;
}

const running: ChildProcess[] = [];
const signatures: string[] = [];

async function startTeller(address: string): Promise<Teller> {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] };
  const node = ['--import', 'tsx', PROGRAM, address, '{"leaseMs":1000,"pollMs":20}', KEY];
  const child = spawn(process.execPath, node, options);
  running.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
  }
  let index = 0;
  async function order(what: object): Promise<{ status: number; refused: number }> {
    child.send(what);
    const [answer] = await once(child, 'message');
    return answer;
  }
  const teller: Teller = {
    written: () => text,
    async sendUntil(status) {
      for (;;) {
        const payload = { ...sampleEvent('User.LoggedIn'), account_id: index++, data: { text: BODY.repeat(10) } };
        const { rawBody, headers } = signedRequest(payload, { secret: KEY });
        signatures.push(headers['x-signature'] ?? '');
        const sent = { rawBody: rawBody.toString(), headers: { ...headers, 'x-marker': HEADER } };
        if ((await order({ send: sent })).status === status) return;
        await sleep(20);
      }
    },
    ask: async () => (await order({ ask: true })).refused,
    async wrote(said) {
      while (typeof said === 'string' ? !text.includes(said) : !said.test(text)) await sleep(20);
    },
    async close() {
      const exited = once(child, 'exit');
      child.send({ close: true });
      await exited;
    },
  };
  await Promise.race([once(child, 'message'), once(child, 'close')]);
  return teller;
}

/** Whatever was written: none of it may hold a password, a key, a signature, or anything of a delivery. */
function expectNothingOf(written: string): void {
  const lines = written.split('\n');
  for (const secret of [PASSWORD, 'another-password', KEY, BODY, HEADER, ...signatures]) {
    expect(lines.filter((line) => line.includes(secret)).map((line) => line.slice(0, 200))).toEqual([]);
  }
  expect(written).not.toContain('unhandled rejection');
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  signatures.length = 0;
});

test('no log holds anything of a delivery when another process locks the file of a SQLite inbox', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'locked-'));
  const file = join(folder, 'inbox.db');
  const lines: string[] = [];
  const write = (...line: unknown[]): unknown =>
    lines.push(inspect(line, { depth: Number.POSITIVE_INFINITY, showHidden: true }));
  const logger = { debug: write, info: write, warn: write, error: write };
  const webhooks = createWebhookRouter({ secret: KEY, inbox: await openInbox(`file:${file}`), worker: false, logger });
  const other = new Database(file);
  other.exec('BEGIN IMMEDIATE');
  const { rawBody, headers } = signedRequest({ event: 'Email.Sent', data: { text: BODY } }, { secret: KEY });
  const outcome = await webhooks.receive({ rawBody, headers: { ...headers, 'x-marker': HEADER } });
  other.close();
  await webhooks.close();
  rmSync(folder, { recursive: true });
  signatures.push(headers['x-signature'] ?? '');
  expect(outcome).toMatchObject({ status: 503, cause: { name: 'InboxError', code: 'SQLITE_BUSY' } });
  expect(lines.join('\n')).toContain('SQLITE_BUSY');
  expectNothingOf([...lines, inspect(outcome, { depth: Number.POSITIVE_INFINITY })].join('\n'));
});

const [redis, postgres] = DISPOSABLE_SERVERS;

(redis?.isThere ? describe : describe.skip)('whatever befalls a Redis', () => {
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
  const start = (password = PASSWORD): Promise<Teller> =>
    startTeller(server.address.replace('redis://', `redis://:${password}@`));

  test('no log holds its password when it is wrong at the start', async () => {
    const teller = await start('another-password');
    await teller.wrote('WRONGPASS');
    expectNothingOf(teller.written());
  });

  test('no log holds its password when it is refused on a reconnect', async () => {
    const teller = await start();
    await teller.sendUntil(202);
    await admin.config('SET', 'requirepass', 'something-else');
    await admin.client('KILL', 'TYPE', 'normal');
    admin.disconnect();
    admin = new Redis(server.address, { password: 'something-else' });
    await teller.sendUntil(503);
    while (!(await admin.info('errorstats')).includes('errorstat_WRONGPASS')) await sleep(20);
    expect(await teller.ask()).toBe(6);
    await teller.close();
    expectNothingOf(teller.written());
  });

  test.each([
    ['its memory is full', 'OOM', () => admin.config('SET', 'maxmemory', '1')],
    ['it has become a replica', 'READONLY', () => admin.replicaof('127.0.0.1', '1')],
    ['it cannot save', 'MISCONF', () => failToSave()],
  ])('no log holds anything of a delivery when %s', async (_what, code, disturb) => {
    const teller = await start();
    await teller.sendUntil(202);
    await disturb();
    await teller.sendUntil(503);
    await teller.wrote(code);
    await teller.ask();
    await teller.close();
    expectNothingOf(teller.written());
  });

  test('no log holds anything of a delivery when it is restarted', async () => {
    const teller = await start();
    await teller.sendUntil(202);
    await server.kill();
    await teller.sendUntil(503);
    expect(await teller.ask()).toBe(6);
    await server.start();
    await withPassword(PASSWORD);
    await teller.sendUntil(202);
    await teller.close();
    expectNothingOf(teller.written());
  });

  /** A folder stands where the snapshot would go. */
  async function failToSave(): Promise<void> {
    const [, folder = ''] = (await admin.config('GET', 'dir')) as string[];
    mkdirSync(join(folder, 'dump.rdb', 'in-its-way'), { recursive: true });
    await admin.config('SET', 'save', '3600 1');
    await admin.bgsave();
    while (!(await admin.info('persistence')).includes('rdb_last_bgsave_status:err')) await sleep(20);
  }
});

(postgres?.isThere ? describe : describe.skip)('whatever befalls a Postgres', () => {
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
  const start = (password = PASSWORD): Promise<Teller> =>
    startTeller(server.address.replace('postgres://postgres@', `postgres://app:${password}@`));
  const DISCONNECT = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`;

  test('no log holds its password when it is wrong at the start', async () => {
    const teller = await start('another-password');
    await teller.wrote('28P01');
    expectNothingOf(teller.written());
  });

  test.each([
    ['its password is refused on a reconnect', '28P01', [`ALTER ROLE app PASSWORD 'something-else'`, DISCONNECT], []],
    [
      'it has become read-only',
      '25006',
      ['ALTER ROLE app SET default_transaction_read_only = on', DISCONNECT],
      ['ALTER ROLE app RESET default_transaction_read_only'],
    ],
    [
      'it has no room, and quotes what it could not write',
      '53100',
      [
        `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'cannot write %', NEW.data USING ERRCODE = '53100', DETAIL = NEW.data, HINT = NEW.data; END $$`,
        'CREATE TRIGGER refuse BEFORE INSERT ON bullmq.job FOR EACH ROW EXECUTE FUNCTION refuse()',
      ],
      ['DROP FUNCTION refuse CASCADE'],
    ],
    [
      'it takes rights away',
      '42501',
      ['ALTER TABLE bullmq.job OWNER TO postgres', 'ALTER ROLE app NOSUPERUSER', DISCONNECT],
      ['ALTER ROLE app SUPERUSER', 'ALTER TABLE bullmq.job OWNER TO app'],
    ],
  ])('no log holds anything of a delivery when %s', async (_what, code, disturb, mend) => {
    const teller = await start();
    await teller.sendUntil(202);
    await sql(...disturb);
    try {
      await teller.sendUntil(503);
      await teller.wrote(code);
      await teller.ask();
      await teller.close();
    } finally {
      await sql(...mend);
    }
    expectNothingOf(teller.written());
  });

  test('no log holds anything of a delivery when it is restarted', async () => {
    const teller = await start();
    await teller.sendUntil(202);
    await server.kill();
    await teller.sendUntil(503);
    expect(await teller.ask()).toBe(6);
    await server.start();
    await teller.sendUntil(202);
    await teller.close();
    expectNothingOf(teller.written());
  });
});
