import { setTimeout as sleep } from 'node:timers/promises';
import type { LogFields } from '../../src/index.js';
import { sampleEvent } from '../../src/testing/index.js';
import { DISPOSABLE_SERVERS, type DisposableServer } from '../helpers/disposable-servers.js';
import { closeAll, drained, open, QUICK, routerOn, send } from '../helpers/inbox.js';
import { next } from '../helpers/waiting.js';

afterEach(closeAll);

const LOGIN = sampleEvent('User.LoggedIn');
const REQUESTS = 300;

describe.each(DISPOSABLE_SERVERS)('a $name that is killed and started again', ({ isThere, make }) => {
  let server: DisposableServer | undefined;
  afterEach(() => server?.remove());

  (isThere ? test : test.skip)(
    'is logged once when it fails and once when it works again, however many requests are rejected',
    async () => {
      server = await make();
      await server.start();
      const inbox = await open({ address: server.address, options: {}, clear: async () => {} }, QUICK);
      const lines: string[] = [];
      const line = (level: string) => (_fields: LogFields, message: string) => lines.push(`${level}: ${message}`);
      const webhooks = routerOn(inbox, { logger: { warn: line('warn'), error: line('error') } });
      let rejected = 0;
      webhooks.lifecycle.on('rejected', () => rejected++);
      webhooks.on('User.LoggedIn', () => {});
      let account_id = 0;
      expect(await send(webhooks, LOGIN)).toMatchObject({ status: 202 });
      await drained(inbox);

      await server.kill();
      const outcomes = await Promise.all(
        Array.from({ length: REQUESTS }, () => send(webhooks, { ...LOGIN, account_id: account_id++ })),
      );
      expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([503]));
      expect(rejected).toBe(REQUESTS);

      await server.start();
      const handled = next(webhooks, 'handled');
      while ((await send(webhooks, { ...LOGIN, account_id: account_id++ })).status !== 202) await sleep(20);
      await handled;
      expect(lines.filter((each) => each.includes('deliver'))).toEqual([
        'error: the inbox cannot store deliveries, so requests get 503',
        'warn: the inbox can store deliveries again',
      ]);
      // A worker that was waiting the whole time may not have noticed the outage.
      expect(lines.length).toBeLessThanOrEqual(4);
      await webhooks.close();
    },
  );
});
