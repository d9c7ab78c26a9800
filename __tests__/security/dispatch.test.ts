import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET } from '../helpers/harness.js';
import { gate, next } from '../helpers/waiting.js';

// Jest fails a test during which a promise is rejected unseen, so a rejection that would end a process fails here.

/** An object with a `then` of its own making. */
function thenable(then: (resolve: (value?: unknown) => void, reject: (reason?: unknown) => void) => void): object {
  return { then };
}

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

  describe('handlers that misbehave', () => {
    const failures: [how: string, handler: () => unknown, said: RegExp][] = [
      ['throws', boom, /^boom$/],
      ['rejects', async () => boom(), /^boom$/],
      [
        'throws a string',
        () => {
          throw 'boom';
        },
        /boom/,
      ],
      [
        'throws null',
        () => {
          throw null;
        },
        /null/,
      ],
      [
        'throws an object without a prototype',
        () => {
          throw Object.create(null);
        },
        /not an Error/,
      ],
      ['rejects with nothing', () => Promise.reject(), /undefined/],
      ['never settles', () => new Promise(() => {}), /did not finish within 50 ms/],
      [
        'returns a thenable that rejects twice',
        () => thenable((_, no) => [no(new Error('boom')), no('again')]),
        /^boom$/,
      ],
      ['returns a thenable whose then throws', () => thenable(boom), /^boom$/],
      ['returns a function that is a thenable', () => Object.assign(() => {}, thenable(boom)), /^boom$/],
      ['returns a thenable that never calls back', () => thenable(() => {}), /did not finish within 50 ms/],
      ['returns an object whose then cannot be read', () => Object.defineProperty({}, 'then', { get: boom }), /^boom$/],
      ['returns a proxy that throws at every look', () => new Proxy({}, { has: boom, get: boom }), /^boom$/],
    ];

    test.each(failures)('34. a handler that %s fails its delivery and nothing else', async (_how, handler, said) => {
      const { webhooks, deliver } = createApp({ timeoutMs: { handler: 50 } });
      const [before, after, onError] = [jest.fn(), jest.fn(), jest.fn()];
      webhooks.on('User.LoggedIn', before);
      webhooks.on('User.LoggedIn', handler);
      webhooks.on('User.*', after);
      webhooks.onError(onError);

      const answer = await deliver('User.LoggedIn');

      expect(answer.status).toBe(500);
      expect([before.mock.calls.length, after.mock.calls.length]).toEqual([1, 1]);
      expect(onError.mock.calls).toEqual([
        [expect.objectContaining({ message: expect.stringMatching(said) }), expect.objectContaining({ attempt: 1 })],
      ]);
      expect(onError.mock.calls[0]?.[0]).toBeInstanceOf(Error);
      expect((await deliver('User.Created')).status).toBe(200);
    });

    test.each([
      ['resolves twice', () => thenable((yes) => [yes(), yes()])],
      ['resolves, then rejects', () => thenable((yes, no) => [yes(), no(new Error('too late'))])],
      ['resolves, then throws', () => thenable((yes) => [yes(), boom()])],
    ])('34. a handler that returns a thenable that %s is done', async (_how, handler) => {
      const { webhooks, deliver } = createApp();
      const [onError, handled] = [jest.fn(), jest.fn()];
      webhooks.on('User.LoggedIn', handler);
      webhooks.onError(onError);
      webhooks.lifecycle.on('handled', handled);

      expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'handled' });
      await turn();
      expect([handled.mock.calls.length, onError.mock.calls.length]).toEqual([1, 0]);
    });
  });

  describe('a handler that makes the event’s name unreadable', () => {
    test.each([true, false])('34. gets its answer, and close() resolves (with a logger: %s)', async (hasLogger) => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { webhooks, deliver } = createApp(hasLogger ? { logger: {} } : {});
      webhooks.on('User.LoggedIn', (event) => {
        Object.defineProperty(event, 'event', {
          get: () => {
            throw new Error('not readable');
          },
        });
        throw new Error('boom');
      });
      const { status, body } = await deliver('User.LoggedIn');
      expect([status, body.error.code]).toEqual([500, 'ERR_HANDLER_FAILED']);
      const outcome = await webhooks.receive(signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET }));
      expect(outcome).toMatchObject({ kind: 'failed', eventName: 'User.LoggedIn' });
      await webhooks.close();
      const named = warn.mock.calls.filter(([message]) => String(message).includes("'User.LoggedIn'"));
      expect(named).toHaveLength(hasLogger ? 0 : 1);
      warn.mockRestore();
    });

    test('34. a listener of drift may do the same', async () => {
      const { webhooks } = createApp({ logger: {} });
      webhooks.lifecycle.on('drift', ({ event }) => {
        Object.defineProperty(event, 'event', {
          get: () => {
            throw new Error('not readable');
          },
        });
      });
      const handler = jest.fn();
      webhooks.on('Email.Sent', handler);
      const outcome = await webhooks.receive(signedRequest({ event: 'Email.Sent' }, { secret: SECRET }));
      expect(outcome).toMatchObject({ kind: 'handled' });
      expect(handler).toHaveBeenCalledTimes(1);
    });
  });

  describe('who is told and throws as well', () => {
    const throwing: [string, () => unknown][] = [
      ['throws', boom],
      ['rejects', async () => boom()],
    ];

    test.each(throwing)(
      '35. an onError that %s changes no answer, and the next one is told too',
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

  test('36. a handler that fails after its time was up is reported again, and the answer stands', async () => {
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
    test('37. one added while a delivery runs gets only the next delivery', async () => {
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

    test('37. one removed by its sibling while a delivery runs still gets that delivery', async () => {
      const { webhooks, deliver } = createApp();
      const removed = jest.fn();
      webhooks.on('User.LoggedIn', () => webhooks.off('User.LoggedIn', removed));
      webhooks.on('User.LoggedIn', removed);

      await deliver('User.LoggedIn');
      expect(removed).toHaveBeenCalledTimes(1);
      await deliver(sampleEvent('User.LoggedIn', { account_id: 2 }));
      expect(removed).toHaveBeenCalledTimes(1);
    });

    test('37. an onError added by an onError is told only of the next failure', async () => {
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
