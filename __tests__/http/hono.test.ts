import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { WebhookRouterOptions } from '../../src/index.js';
import { BYTES, recordingRouter } from '../helpers/fetch-requests.js';
import { FORGED, PATH, SIGNED } from '../helpers/harness.js';
import { chunk, dial, flood, hangUp, head, listen, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

const MB = 1024 * 1024;

describe('under Hono, on a real socket', () => {
  /** A Hono app with a route for the webhooks. */
  async function hono(options: Partial<WebhookRouterOptions> = {}) {
    const target = recordingRouter(options);
    const app = new Hono();
    app.all(PATH, (c) => target.webhooks.fetch(c.req.raw));
    app.get('/health', (c) => c.text('ok'));
    const { port, url } = await listen(getRequestListener(app.fetch));
    return { ...target, port, url };
  }

  test('the other routes of the app are not affected', async () => {
    const { url } = await hono();
    expect(await (await fetch(`${url}/health`)).text()).toBe('ok');
  });

  test.each(['http://user@host', 'http://user:password@host'])(
    '53. a request to %s, an address with credentials, is served like any other when its length is declared',
    async (origin) => {
      const { port, seen } = await hono({ limit: 1_000 });
      const send = (headers: Record<string, string | number>, body: string) =>
        dial(port, head(headers, 'POST', origin + PATH) + body).answer;
      const length = BYTES.length;
      expect(await send({ ...SIGNED.headers, 'content-length': length }, SIGNED.body)).toContain(
        '{"status":"handled"}',
      );
      expect(await send({ 'x-signature': FORGED['x-signature'], 'content-length': length }, SIGNED.body)).toContain(
        'ERR_SIGNATURE',
      );
      expect(await send({ ...SIGNED.headers, 'content-length': 1_001 }, '')).toContain('ERR_BODY_TOO_LARGE');
      const chunked = `${BYTES.length.toString(16)}\r\n${SIGNED.body}\r\n0\r\n\r\n`;
      expect(await send({ ...SIGNED.headers, 'transfer-encoding': 'chunked' }, chunked)).toContain('ERR_BODY_ABORTED');
      expect(seen).toEqual([SIGNED.body]);
    },
  );

  test('a body in chunks of one byte is read exactly', async () => {
    const { port, seen } = await hono();
    const sender = dial(port, head({ ...SIGNED.headers, 'transfer-encoding': 'chunked' }));
    for (const byte of SIGNED.rawBody) sender.socket.write(chunk(Buffer.of(byte)));
    sender.socket.write('0\r\n\r\n');
    expect(await sender.answer).toContain('{"status":"handled"}');
    expect(seen).toEqual([SIGNED.body]);
  });

  test('a sender that hangs up in the middle reaches no handler', async () => {
    const { port, webhooks, seen } = await hono();
    const rejected = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
    const sender = dial(
      port,
      head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }) + SIGNED.body.slice(0, 9),
    );
    sender.socket.end();
    expect(await rejected).toMatchObject({ reason: 'body_aborted' });
    await webhooks.close();
    expect(seen).toEqual([]);
  });

  test('a body over the limit is refused while it is sent', async () => {
    const { port, reasons } = await hono();
    const sender = dial(port, head({ ...SIGNED.headers, 'transfer-encoding': 'chunked' }));
    const all = flood(sender.socket, chunk(Buffer.alloc(64 * 1024)), 50 * MB);
    const answer = await Promise.race([sender.answer, all]);
    expect(statusOf(answer)).toBe(413);
    expect(reasons).toEqual(['body_too_large']);
  });
});
