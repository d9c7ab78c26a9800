import { createServer, type ServerResponse } from 'node:http';
import request from 'supertest';
import { createWebhookRouter } from '../../src/index.js';
import { FORGED, SECRET, SIGNED } from '../helpers/harness.js';

describe('without Express, under http.createServer(webhooks)', () => {
  test('it serves every path', async () => {
    const server = createServer(createWebhookRouter({ secret: SECRET }));
    const response = await request(server).post('/').set(SIGNED.headers).send(SIGNED.body);
    expect(response.body).toEqual({ status: 'unhandled' });
  });

  test("it responds to failures itself with errors: 'next', because nothing comes after it", async () => {
    const server = createServer(createWebhookRouter({ secret: SECRET, errors: 'next' }));
    const response = await request(server).post('/').set(FORGED).send(SIGNED.body);
    expect(response).toMatchObject({ status: 403, body: { error: { code: 'ERR_SIGNATURE' } } });
  });

  test.each<[string, (res: ServerResponse) => unknown]>([
    ['before it responds', () => {}],
    ['after it responded', (res) => res.end()],
  ])('an error that `next` throws %s is logged, and does not end the process', async (_when, respond) => {
    const logged = new Promise<unknown[]>((resolve) => {
      const logger = { error: (...line: unknown[]) => resolve(line) };
      const webhooks = createWebhookRouter({ secret: SECRET, errors: 'next', logger });
      const server = createServer((req, res) =>
        webhooks(req, res, () => {
          respond(res);
          throw new Error('no next');
        }),
      );
      void request(server)
        .get('/')
        .catch(() => {});
    });
    const error = { err: expect.objectContaining({ message: 'no next' }) };
    expect(await logged).toEqual([error, 'the response could not be sent']);
  });

  test.each<[string, (res: ServerResponse) => unknown]>([
    ['whose headers cannot be written', (res) => res.setHeader('Trailer', 'Server-Timing')],
    [
      'whose end() throws',
      (res) =>
        Object.assign(res, {
          end: () => {
            throw new Error('patched');
          },
        }),
    ],
  ])('a response %s closes the connection, and does not end the process', async (_what, breakIt) => {
    const logger = { error: jest.fn() };
    const webhooks = createWebhookRouter({ secret: SECRET, logger, limit: 1_000 });
    const server = createServer((req, res) => {
      breakIt(res);
      webhooks(req, res);
    });
    await expect(request(server).post('/').set(FORGED).send(SIGNED.body)).rejects.toThrow();
    // A response to a body that is refused unread may arrive before the connection closes.
    await Promise.allSettled([request(server).post('/').set(FORGED).send('x'.repeat(200_000))]);
    expect(logger.error).toHaveBeenCalledWith(expect.anything(), 'the response could not be sent');
  });

  test('a body that middleware let flow away is reported as consumed, and not as aborted', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET, logger: {} });
    const rejected = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
    const server = createServer((req, res) => {
      req.on('data', () => {});
      webhooks(req, res);
    });
    await request(server).post('/').set(SIGNED.headers).send(SIGNED.body);
    expect(await rejected).toMatchObject({ reason: 'body_consumed', status: 500 });
  });
});
