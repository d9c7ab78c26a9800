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
});
