import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '../../src/index.js';
import { sampleEvent } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { gate, next } from '../helpers/waiting.js';

// Jest fails a test during which a promise is rejected unseen, so a rejection that would end a process fails here.

const boom = (): never => {
  throw new Error('boom');
};

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  describe('observers that fail', () => {
    const throwing: [string, () => unknown][] = [
      ['throws', boom],
      ['rejects', async () => boom()],
    ];

    test.each(throwing)(
      '35. an onError that %s changes no response, and the next one is called too',
      async (_how, onError) => {
        const error = jest.fn();
        const { webhooks, deliver } = createApp({ logger: { error } });
        const second = jest.fn();
        webhooks.on('User.LoggedIn', () => {
          throw new Error('the handler');
        });
        webhooks.onError(onError);
        webhooks.onError(second);

        expect((await deliver('User.LoggedIn')).status).toBe(500);
        await turn();
        expect(second).toHaveBeenCalledTimes(1);
        expect(error).toHaveBeenCalledWith(
          { err: expect.objectContaining({ message: 'boom' }) },
          'an onError handler failed',
        );
      },
    );

    test.each(throwing)(
      '35. a lifecycle listener that %s is logged, and later listeners run',
      async (_how, listener) => {
        const error = jest.fn();
        const { webhooks, deliver } = createApp({ logger: { error } });
        const later = jest.fn();
        for (const name of ['received', 'verified', 'handled'] as const) {
          webhooks.lifecycle.on(name, listener);
          webhooks.lifecycle.on(name, later);
        }
        webhooks.on('User.LoggedIn', () => {});

        expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'handled' });
        await turn();
        expect(later).toHaveBeenCalledTimes(3);
        expect(error.mock.calls.map(([, message]) => message)).toEqual(Array(3).fill('a lifecycle listener failed'));
      },
    );

    test.each(throwing)('35. a logger that %s changes nothing', async (_how, level) => {
      const logger: Logger = { debug: level, info: level, warn: level, error: level };
      const { webhooks, deliver, post } = createApp({ logger });
      webhooks.on('User.LoggedIn', () => {});
      webhooks.on('User.Created', boom);
      webhooks.onError(boom);
      webhooks.lifecycle.on('handled', boom);

      expect((await deliver('User.LoggedIn')).status).toBe(200);
      expect((await deliver('User.Created')).status).toBe(500);
      expect((await post('{}')).status).toBe(403);
      await turn();
    });
  });

  test('36. a handler that fails after its timeout is reported again, and the response stays as it was', async () => {
    const { webhooks, deliver } = createApp({ timeoutMs: { handler: 20 } });
    const { opened, open } = gate();
    const told: string[] = [];
    webhooks.on('User.LoggedIn', async () => {
      await opened;
      boom();
    });
    webhooks.onError((error, delivery) => void told.push(`${error.message} (attempt ${delivery.attempt})`));
    const late = next(webhooks, 'late');

    const answer = await deliver('User.LoggedIn');
    expect(answer.body).toMatchObject({ error: { code: 'ERR_HANDLER_TIMEOUT' } });
    open();

    expect(await late).toMatchObject({ event: { event: 'User.LoggedIn' }, error: { message: 'boom' } });
    expect(told).toEqual(['A handler did not finish within 20 ms. (attempt 1)', 'boom (attempt 1)']);
  });

  describe('handlers that come and go', () => {
    test('37. a handler that is added while a delivery runs gets the next delivery only', async () => {
      const { webhooks, deliver } = createApp();
      const late = jest.fn();
      const stop = webhooks.on('User.LoggedIn', () => {
        stop();
        webhooks.on('User.LoggedIn', late);
      });

      await deliver('User.LoggedIn');
      expect(late).not.toHaveBeenCalled();
      await deliver(sampleEvent('User.LoggedIn', { account_id: 2 }));
      expect(late).toHaveBeenCalledTimes(1);
    });

    test('37. a handler that its sibling removes while a delivery runs still gets that delivery', async () => {
      const { webhooks, deliver } = createApp();
      const removed = jest.fn();
      webhooks.on('User.LoggedIn', () => webhooks.off('User.LoggedIn', removed));
      webhooks.on('User.LoggedIn', removed);

      await deliver('User.LoggedIn');
      expect(removed).toHaveBeenCalledTimes(1);
      await deliver(sampleEvent('User.LoggedIn', { account_id: 2 }));
      expect(removed).toHaveBeenCalledTimes(1);
    });

    test('37. an onError that an onError adds is called for the next failure only', async () => {
      const { webhooks, deliver } = createApp();
      const late = jest.fn();
      webhooks.on('User.LoggedIn', boom);
      const stop = webhooks.onError(() => {
        stop();
        webhooks.onError(late);
      });

      await deliver('User.LoggedIn');
      expect(late).not.toHaveBeenCalled();
      await deliver('User.LoggedIn');
      expect(late).toHaveBeenCalledTimes(1);
    });
  });

  test('38. a 500 carries no stack and no message of the application', async () => {
    const { webhooks, deliver } = createApp();
    webhooks.on('User.LoggedIn', () => {
      throw Object.assign(new Error('password of the database: hunter2'), { status: 418, headers: { 'x-leak': '1' } });
    });
    webhooks.onError(() => {});

    const answer = await deliver('User.LoggedIn');

    expect(answer.status).toBe(500);
    expect(answer.text).toBe('{"error":{"code":"ERR_HANDLER_FAILED","message":"A handler failed."}}');
    expect(JSON.stringify(answer.headers)).not.toMatch(/hunter2|x-leak/);
  });
});
