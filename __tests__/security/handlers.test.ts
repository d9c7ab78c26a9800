import { setImmediate as turn } from 'node:timers/promises';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET } from '../helpers/harness.js';

// Jest fails a test during which a promise is rejected unseen, so a rejection that would end a process fails here.

/** An object with a `then` of its own making. */
function thenable(then: (resolve: (value?: unknown) => void, reject: (reason?: unknown) => void) => void): object {
  return { then };
}

const boom = (): never => {
  throw new Error('boom');
};

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
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
    ])('34. a handler that returns a thenable that %s has succeeded', async (_how, handler) => {
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

  describe('events whose name cannot be read', () => {
    test.each([true, false])(
      '34. a handler that makes the event’s name unreadable fails its delivery, and close() resolves (with a logger: %s)',
      async (hasLogger) => {
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
      },
    );

    test('34. a listener of drift that makes the event’s name unreadable changes nothing', async () => {
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
});
