import { Redis } from 'ioredis';
import { Client } from 'pg';
import { allHandled, close, deliveries, openLog, sendAll, start, stopAll } from '../helpers/child-receivers.js';
import { DISPOSABLE_SERVERS, type DisposableServer } from '../helpers/disposable-servers.js';

beforeEach(openLog);
afterEach(stopAll);

/** Ends every connection, and admits no other. */
const refuse: Record<string, (address: string) => Promise<void>> = {
  async Redis(address) {
    const client = new Redis(address);
    await client.config('SET', 'requirepass', 'a-password-unknown-to-every-client');
    await client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    client.disconnect();
  },
  async Postgres(connectionString) {
    const client = new Client({ connectionString });
    await client.connect();
    await client.query('ALTER ROLE postgres NOLOGIN');
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    await client.end();
  },
};

describe.each(DISPOSABLE_SERVERS)(
  'a process that closes its inbox ends by itself when the $name',
  ({ name, isThere, make }) => {
    let server: DisposableServer;
    beforeEach(async () => {
      server = await make();
      await server.start();
    });
    afterEach(async () => {
      server.signal('SIGCONT');
      await server.remove();
    });

    (isThere ? test : test.skip).each<[string, () => unknown]>([
      ['was killed', () => server.kill()],
      ['hangs', () => server.signal('SIGSTOP')],
      ['refuses it', () => refuse[name]?.(server.address)],
    ])('%s', async (_what, disturb) => {
      const place = { address: server.address, options: {}, clear: async () => {} };
      const receiver = await start(place);
      const [first, second] = deliveries(2).map((delivery) => [delivery]);
      expect(await sendAll(receiver, first ?? [])).toEqual({ 202: 1 });
      await allHandled(place);
      await disturb();
      expect(await sendAll(receiver, second ?? [])).toEqual({ 503: 1 });
      await close(receiver);
    });
  },
);
