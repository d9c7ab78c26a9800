import type { Socket } from 'node:net';
import type { WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { type Mount, recordingLogger, SECRET } from '../helpers/harness.js';
import { closing, dial, hangUp, head, statusOf } from '../helpers/raw-http.js';
import { recordingApp, startRecordingApp } from '../helpers/recording-app.js';
import { next } from '../helpers/waiting.js';

afterEach(hangUp);

const MB = 1024 * 1024;
const EVENT = JSON.stringify(sampleEvent('User.LoggedIn'));

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const recorded = (options?: Partial<WebhookRouterOptions>, mount?: Mount) => recordingApp(createApp, options, mount);

  describe('content types', () => {
    test.each([
      'application/json; charset=utf-16',
      'application/json; charset=no-such-charset',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain; charset=iso-8859-1',
      'application/octet-stream',
      'nonsense',
    ])('29. a body with the content type %j is verified and delivered as bytes', async (type) => {
      const { deliverBytes, seen } = recorded();
      const text = '{"event":"Email.Sent","data":{"subject":"été"}}';
      const response = await deliverBytes(text, { 'content-type': type });
      expect(response.status).toBe(200);
      expect(seen.map(({ rawBody }) => rawBody.toString())).toEqual([text]);
    });

    test('29. a body without a content type is verified and delivered as bytes', async () => {
      const { port, seen } = await startRecordingApp(createApp);
      const headers = { 'x-signature': sign(EVENT, SECRET), 'content-length': EVENT.length };
      const sender = dial(port, head(headers) + EVENT);
      expect(statusOf(await sender.answer)).toBe(200);
      expect(seen.map(({ rawBody }) => rawBody.toString())).toEqual([EVENT]);
    });
  });

  describe('senders that do not finish', () => {
    const SHORT = { timeoutMs: { body: 100 } };
    const promised = head({ 'x-signature': sign(EVENT, SECRET), 'content-length': EVENT.length });
    const half = EVENT.slice(0, EVENT.length / 2);

    async function served(options: Partial<WebhookRouterOptions> = {}) {
      const logger = recordingLogger();
      const app = await startRecordingApp(createApp, { logger, ...options });
      return { ...app, rejection: next(app.webhooks, 'rejected'), logger };
    }

    /** The connection is gone, nothing is under way any more, no handler ran, and the log has no error. */
    async function expectFreed({ sockets, webhooks, seen, logger }: Awaited<ReturnType<typeof served>>): Promise<void> {
      await Promise.all(sockets.map(closing));
      await webhooks.close({ timeoutMs: 60_000 });
      expect(seen).toEqual([]);
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    }

    test.each<[string, (socket: Socket) => unknown]>([
      ['aborts', (socket) => socket.destroy()],
      ['resets the connection', (socket) => socket.resetAndDestroy()],
      ['says that it is finished', (socket) => socket.end()],
    ])('30. a sender that %s in the middle of its body is freed', async (_how, stop) => {
      const server = await served();
      const sender = dial(server.port, promised + half);
      await server.request;
      stop(sender.socket);
      expect(await server.rejection).toMatchObject({ reason: 'body_aborted' });
      await expectFreed(server);
    });

    test('30. a sender that aborts after it was refused is freed', async () => {
      const server = await served();
      const sender = dial(server.port, head({ 'content-length': 50 * MB }));
      expect(await server.rejection).toMatchObject({ reason: 'body_too_large' });
      sender.socket.destroy();
      await expectFreed(server);
    });

    test.each([
      ['sends the headers and nothing more', '', () => undefined],
      ['stops in the middle', half, () => undefined],
      ['drips', half, (socket: Socket) => setInterval(() => socket.write(' '), 20)],
    ])('30. a sender that %s gets 408 and is freed', async (_how, start, goOn) => {
      const server = await served(SHORT);
      const sender = dial(server.port, promised + start);
      const drip = goOn(sender.socket);
      const answer = await sender.answer;
      // The other two are disconnected by the server, which takes two seconds.
      if (start === '') sender.socket.destroy();
      await sender.closed;
      clearInterval(drip);
      expect(statusOf(answer)).toBe(408);
      expect(answer).toContain('ERR_BODY_TIMEOUT');
      expect(await server.rejection).toMatchObject({ reason: 'body_timeout' });
      await expectFreed(server);
    });

    test("30. a sender that stops in the middle gets 408 and is freed with errors: 'next' too", async () => {
      const server = await served({ errors: 'next', ...SHORT });
      const sender = dial(server.port, promised + half);
      expect(statusOf(await sender.answer)).toBe(408);
      sender.socket.destroy();
      await expectFreed(server);
    });
  });
});
