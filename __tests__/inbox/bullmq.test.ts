import { Redis } from 'ioredis';
import { Client, type Pool } from 'pg';
import { type Inbox, openInbox } from '../../src/inbox/index.js';
import { type LogFields, PermanentError } from '../../src/index.js';
import { sampleEvent } from '../../src/testing/index.js';
import { DISPOSABLE_SERVERS, type DisposableServer } from '../helpers/disposable-servers.js';
import { closeAll, drained, newPlace, onEachEngine, open, QUICK, routerOn, send } from '../helpers/inbox.js';
import { next } from '../helpers/waiting.js';

const LOGIN = sampleEvent('User.LoggedIn');

afterEach(closeAll);

/** Gives the lease of a delivery to another process, as if it had expired. */
const stealLease: Record<string, (address: string, name: string, id: string) => Promise<unknown>> = {
  async Redis(address, name, id) {
    const client = new Redis(address);
    await client.set(`bull:${name}:${id}:lock`, 'another process');
    client.disconnect();
  },
  async Postgres(connectionString, name, id) {
    const client = new Client({ connectionString });
    await client.connect();
    await client.query(`UPDATE bullmq.job SET lock_token = 'another process' WHERE queue = $1 AND id = $2`, [name, id]);
    await client.end();
  },
};

onEachEngine((engine) => {
  if (engine.name !== 'Postgres') return;

  test('losing a connection that is in use does not end the process', async () => {
    const place = await newPlace(engine);
    const { connectPostgres } = await import('../../src/inbox/bullmq/postgres.js');
    const opened = await connectPostgres(place.address, place.options.name ?? '');
    const pool = opened.connection as unknown as Pool;
    const client = await pool.connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const ended = new Promise((resolve) => client.once('end', resolve));
    const other = new Client({ connectionString: place.address });
    await other.connect();
    await other.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
    await other.end();
    await ended;
    client.release(true);
    await opened.close();
  });
});

onEachEngine((engine) => {
  const steal = stealLease[engine.name];
  if (steal === undefined) return;

  test('an attempt that loses its lease does not change the delivery', async () => {
    const place = await newPlace(engine);
    const inbox = await open(place);
    let onFailure: (fields: LogFields, message: string) => unknown;
    const logged = new Promise<string>((resolve) => {
      onFailure = ({ err }, message) => message.startsWith('the inbox') && resolve(`${message}: ${err}`);
    });
    const webhooks = routerOn(inbox, { logger: { error: (...line) => onFailure(...line) } });
    const dead = jest.fn();
    webhooks.lifecycle.on('dead', dead);
    webhooks.on('User.LoggedIn', async (_event, { id }) => {
      await steal(place.address, place.options.name ?? '', id);
      throw new PermanentError('from the attempt that lost its lease');
    });
    const failed = next(webhooks, 'failed');
    await send(webhooks, LOGIN);
    const { delivery } = await failed;
    expect(await logged).toContain('the inbox worker cannot use its store and keeps trying: ');
    const stored = await inbox.get(delivery.id);
    expect(stored).toMatchObject({ state: 'active', attempts: 1 });
    expect(stored).not.toHaveProperty('error');
    expect(dead).not.toHaveBeenCalled();
  });

  test('inboxes with different names do not share deliveries', async () => {
    const [mine, theirs] = [await open(await newPlace(engine)), await open(await newPlace(engine))];
    const webhooks = routerOn(mine);
    const handler = jest.fn();
    routerOn(theirs).onAny(handler);
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'stored' });
    await drained(mine);
    expect(await theirs.list()).toEqual([]);
    expect(handler).not.toHaveBeenCalled();
  });
});

describe.each(DISPOSABLE_SERVERS)('a $name of its own', ({ name, isThere, make }) => {
  const onServer = isThere ? test : test.skip;
  let server: DisposableServer | undefined;
  beforeAll(async () => {
    if (!isThere) return;
    server = await make();
    await server.start();
  });
  afterAll(() => server?.remove());
  const address = (): string => server?.address ?? '';

  onServer(
    'that is durable causes no warning, and one that is not causes warnings that name the settings',
    async () => {
      const durable = await open({ address: address(), options: {}, clear: async () => {} }, QUICK);
      expect(durable.warnings).toEqual([]);
      await durable.close();
      await makeUndurable[name]?.(address());
      jest.spyOn(console, 'warn').mockImplementation(); // BullMQ prints a warning of its own.
      const warn = jest.fn();
      const weak = await openInbox(address());
      const webhooks = routerOn(weak, { logger: { warn } });
      expect(warn.mock.calls.map(([{ code }, message]) => `${code}: ${message}`)).toEqual(WARNINGS[name]);
      await webhooks.close();
    },
  );

  onServer('that fails when an attempt ends does not make handlers run again that succeeded', async () => {
    const inbox = await open({ address: address(), options: {}, clear: async () => {} }, { ...QUICK, leaseMs: 2_000 });
    const webhooks = routerOn(inbox);
    const runs: string[] = [];
    async function succeed({ account_id }: { readonly account_id?: number }): Promise<void> {
      runs.push(`${account_id} succeeded`);
      await failWrites[name]?.(address());
    }
    webhooks.on('User.LoggedIn', succeed, { id: 'succeeds' });
    webhooks.on('User.*', ({ account_id }, { attempt }) => {
      runs.push(`${account_id} attempt ${attempt}`);
      if (account_id === 11 && attempt === 1) throw new Error('once');
      if (account_id === 12) throw new PermanentError('never');
    });
    for (const account_id of [10, 11, 12]) {
      await send(webhooks, { ...LOGIN, account_id });
      while (await mayBeBusy(inbox)) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(runs.filter((run) => run.endsWith('succeeded'))).toEqual(['10 succeeded', '11 succeeded', '12 succeeded']);
    expect(runs.filter((run) => run.startsWith('12'))).toHaveLength(2);
    const states = (await inbox.list()).map(({ state, reason }) => `${state} ${reason}`).sort();
    expect(states).toEqual(['dead permanent_error', 'done undefined', 'done undefined']);
    await webhooks.close();
  });

  onServer('that hangs makes the router answer 503 after five seconds', async () => {
    const inbox = await open({ address: address(), options: {}, clear: async () => {} }, QUICK);
    const webhooks = routerOn(inbox, { worker: false });
    expect(await send(webhooks, LOGIN)).toMatchObject({ status: 202 });
    server?.signal('SIGSTOP');
    const before = performance.now();
    expect(await send(webhooks, { ...LOGIN, account_id: 2 })).toMatchObject({ status: 503 });
    expect(performance.now() - before).toBeGreaterThan(4_900);
    server?.signal('SIGCONT');
    await webhooks.close();
  });
});

/** Resolves to false only when the server answers that no delivery is waiting or active. */
async function mayBeBusy(inbox: Inbox): Promise<boolean> {
  const { waiting, active } = await inbox.stats().catch(() => ({ waiting: 1, active: 0 }));
  return waiting + active > 0;
}

/** Makes the next writes fail in a way that BullMQ does not regard as a lost connection. */
const failWrites: Record<string, (address: string) => Promise<unknown>> = {
  async Redis(address) {
    const client = new Redis(address);
    await client.replicaof('127.0.0.1', '1');
    setTimeout(() => client.replicaof('NO', 'ONE').then(() => client.disconnect()), 1_200);
  },
  async Postgres(connectionString) {
    const client = new Client({ connectionString });
    await client.connect();
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    await client.end();
  },
};

const makeUndurable: Record<string, (address: string) => Promise<unknown>> = {
  async Redis(address) {
    const client = new Redis(address);
    await client.config('SET', 'appendfsync', 'everysec');
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    client.disconnect();
  },
  async Postgres(connectionString) {
    const client = new Client({ connectionString });
    await client.connect();
    await client.query('ALTER ROLE postgres SET synchronous_commit = off');
    await client.end();
  },
};

const WARNINGS: Record<string, string[]> = {
  Redis: [
    'WARN_INBOX_DURABILITY: Redis may lose acknowledged deliveries in a crash. Set `appendonly yes` and `appendfsync always`.',
    'WARN_INBOX_DURABILITY: Redis may evict deliveries when its memory is full. Set `maxmemory-policy noeviction`.',
  ],
  Postgres: [
    'WARN_INBOX_DURABILITY: Postgres may lose acknowledged deliveries in a crash because `synchronous_commit` is off.',
  ],
};
