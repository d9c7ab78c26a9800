import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET } from '../helpers/harness.js';
import { gate } from '../helpers/waiting.js';

// Jest fails a test during which a promise is rejected unseen, so a rejection that would end a process fails here.

const boom = (): never => {
  throw new Error('boom');
};

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  describe('duplicates', () => {
    test('32. the same request twice in sequence runs once and is accepted twice', async () => {
      const { webhooks, deliver } = createApp();
      const handler = jest.fn();
      webhooks.on('User.LoggedIn', handler);

      const answers = [await deliver('User.LoggedIn'), await deliver('User.LoggedIn')];

      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers.map(({ body }) => body)).toEqual([{ status: 'handled' }, { status: 'duplicate' }]);
      expect(handler).toHaveBeenCalledTimes(1);
    });

    test('32. fifty of the same request at once run once and get the same answer', async () => {
      const { webhooks, deliver } = createApp();
      const { opened, open } = gate();
      const handler = jest.fn(() => opened);
      webhooks.on('User.LoggedIn', handler);
      let arrived = 0;
      webhooks.lifecycle.on('received', () => {
        arrived += 1;
        if (arrived === 50) open();
      });

      const answers = await Promise.all(Array.from({ length: 50 }, () => deliver('User.LoggedIn')));

      expect(handler).toHaveBeenCalledTimes(1);
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(
        new Set(['200 {"status":"handled"}']),
      );
    });

    test('32. fifty of a failing request at once run once, all get 500, and the next one runs again', async () => {
      const { webhooks, deliver } = createApp();
      const { opened, open } = gate();
      const handler = jest.fn(async () => {
        await opened;
        boom();
      });
      const onError = jest.fn();
      webhooks.on('User.LoggedIn', handler);
      webhooks.onError(onError);
      let arrived = 0;
      webhooks.lifecycle.on('received', () => {
        arrived += 1;
        if (arrived === 50) open();
      });

      const answers = await Promise.all(Array.from({ length: 50 }, () => deliver('User.LoggedIn')));

      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500]));
      expect([handler.mock.calls.length, onError.mock.calls.length]).toEqual([1, 1]);
      await deliver('User.LoggedIn');
      expect(handler).toHaveBeenCalledTimes(2);
    });

    test('33. the same bytes under other headers are still a duplicate', async () => {
      const { webhooks, post } = createApp();
      const handler = jest.fn();
      webhooks.on('User.LoggedIn', handler);
      const { body } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
      const signature = sign(body, SECRET);

      await post(body, { 'x-signature': signature, 'content-type': 'text/plain', 'x-request-id': '1' });
      const again = await post(body, {
        'x-cakemail-signature': signature,
        'user-agent': 'another',
        'x-request-id': '2',
      });

      expect(again.body).toEqual({ status: 'duplicate' });
      expect(handler).toHaveBeenCalledTimes(1);
    });

    test('33. a delivery whose handler failed runs again', async () => {
      const { webhooks, deliver } = createApp();
      const attempts: number[] = [];
      webhooks.on('User.LoggedIn', (_event, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) boom();
      });
      webhooks.onError(() => {});

      const statuses: number[] = [];
      for (let sent = 0; sent < 4; sent++) statuses.push((await deliver('User.LoggedIn')).status);

      expect(statuses).toEqual([500, 500, 200, 200]);
      expect(attempts).toEqual([1, 2, 3]);
    });

    test('33. a delivery whose handler ran out of time runs again', async () => {
      const { webhooks, deliver } = createApp({ timeoutMs: { handler: 20 } });
      webhooks.on('User.LoggedIn', (_event, { attempt }) => (attempt === 1 ? new Promise(() => {}) : undefined));
      webhooks.onError(() => {});

      expect((await deliver('User.LoggedIn')).status).toBe(500);
      expect((await deliver('User.LoggedIn')).status).toBe(200);
    });
  });
});
