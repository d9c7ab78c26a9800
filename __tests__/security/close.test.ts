import type { EventName } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET } from '../helpers/harness.js';
import { startWithClient } from '../helpers/keep-alive-client.js';
import { hangUp } from '../helpers/raw-http.js';
import { gate } from '../helpers/waiting.js';

afterEach(hangUp);

/** A delivery unlike any other. */
function delivery(number: number, name: EventName = 'User.LoggedIn'): ReturnType<typeof signedRequest> {
  return signedRequest(sampleEvent(name, { account_id: number + 1 }), { secret: SECRET });
}

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  describe('close()', () => {
    test('39. close() lets every accepted delivery finish, refuses new ones with 503, and resolves', async () => {
      const target = createApp();
      const { send } = await startWithClient(target);
      const { opened, open } = gate();
      const all = gate();
      const handler = jest.fn(() => {
        if (handler.mock.calls.length === 8) all.open();
        return opened;
      });
      target.webhooks.on('User.LoggedIn', handler);
      const accepted = Array.from({ length: 8 }, (_, number) => delivery(number));
      const answers = Promise.all(accepted.map(({ body, headers }) => send(body, headers)));
      await all.opened;

      const closed = target.webhooks.close();
      const refused = await Promise.all(
        Array.from({ length: 8 }, (_, number) =>
          target.post(delivery(100 + number).body, delivery(100 + number).headers),
        ),
      );
      const refusedDirectly = await target.webhooks.receive(delivery(200));
      open();

      expect((await answers).map(({ status }) => status)).toEqual(Array(8).fill(200));
      await closed;
      expect(handler).toHaveBeenCalledTimes(8);
      expect(refused.map(({ status }) => status)).toEqual(Array(8).fill(503));
      expect(refused[0]?.headers['retry-after']).toMatch(/^\d+$/);
      expect(refused[0]?.body).toMatchObject({ error: { code: 'ERR_CLOSING' } });
      expect(refusedDirectly).toMatchObject({ kind: 'rejected', reason: 'closing', status: 503 });
    });

    test('39. close() resolves after its time limit, and a delivery that still ran is aborted, reported and answered', async () => {
      const { webhooks, deliver } = createApp();
      const { opened, open } = gate();
      const [onError, failed] = [jest.fn(), jest.fn()];
      let signal: AbortSignal | undefined;
      webhooks.on('User.LoggedIn', (_event, running) => {
        signal = running.signal;
        open();
        return new Promise(() => {});
      });
      webhooks.onError(onError);
      webhooks.lifecycle.on('failed', failed);
      const answer = deliver('User.LoggedIn');
      await opened;

      await webhooks.close({ timeoutMs: 20 });

      expect(signal?.reason).toMatchObject({ code: 'ERR_CLOSING' });
      expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: 'ERR_CLOSING' }), expect.anything());
      expect((await answer).status).toBe(500);
      expect(failed).toHaveBeenCalledTimes(1);
    });

    /** A delivery of which the router has only a part. */
    async function halfSent() {
      const { opened, open } = gate();
      const target = createApp(
        {},
        {
          before: [
            (_req, _res, next) => {
              next();
              open();
            },
          ],
        },
      );
      const handler = jest.fn();
      target.webhooks.on('User.LoggedIn', handler);
      const { body, headers } = delivery(1);
      const sent = (await startWithClient(target)).open(headers);
      sent.request.write(body.slice(0, 10));
      await opened;
      return { target, handler, sent, rest: body.slice(10) };
    }

    test('39. close() waits for a body that is still arriving', async () => {
      const { target, handler, sent, rest } = await halfSent();

      const closed = target.webhooks.close();
      sent.request.end(rest);

      expect((await sent.answer).status).toBe(200);
      await closed;
      expect(handler).toHaveBeenCalledTimes(1);
    });

    test('39. no handler starts after close() has resolved, even for a body that was still arriving', async () => {
      const { target, handler, sent, rest } = await halfSent();

      await target.webhooks.close({ timeoutMs: 20 });
      sent.request.end(rest);

      expect((await sent.answer).status).toBe(503);
      expect(handler).not.toHaveBeenCalled();
    });
  });
});
