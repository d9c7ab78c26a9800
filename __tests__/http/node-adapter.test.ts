import { createServer } from 'node:http';
import request, { type Response } from 'supertest';
import { createWebhookRouter } from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { PATH, SECRET } from '../helpers/harness.js';
import { dial, hangUp, head, listen } from '../helpers/raw-http.js';

afterEach(hangUp);

const SIGNED = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
const FORGED = { ...SIGNED.headers, 'x-signature': sign(SIGNED.body, 'another key') };

const deliver = (server: ReturnType<typeof createServer>, headers = SIGNED.headers): Promise<Response> =>
  Promise.resolve(request(server).post(PATH).set(headers).send(SIGNED.body));

describe('without Express, under http.createServer(webhooks)', () => {
  test('it takes what is signed and refuses the rest, whatever the path', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.on('User.LoggedIn', () => {});
    webhooks.on('Email.Sent', () => Promise.reject(new Error('no')));
    webhooks.onError(() => {});
    const server = createServer(webhooks);
    const failing = signedRequest(sampleEvent('Email.Sent'), { secret: SECRET });
    expect(await deliver(server)).toMatchObject({ status: 200, body: { status: 'handled' } });
    expect((await deliver(server, FORGED)).status).toBe(403);
    expect((await request(server).get('/')).status).toBe(405);
    expect((await request(server).post('/').set(failing.headers).send(failing.body)).status).toBe(500);
  });

  test("with errors: 'next' it answers itself, because there is no next", async () => {
    const server = createServer(createWebhookRouter({ secret: SECRET, errors: 'next' }));
    expect(await deliver(server, FORGED)).toMatchObject({ status: 403, body: { error: { code: 'ERR_SIGNATURE' } } });
  });

  test('a next that throws is contained and logged', async () => {
    const logged = new Promise<string>((resolve) => {
      const logger = { error: (_fields: unknown, message: string) => resolve(message) };
      const webhooks = createWebhookRouter({ secret: SECRET, errors: 'next', logger });
      const broken = (): never => {
        throw new Error('no next');
      };
      void listen((req, res) => webhooks(req, res, broken)).then(({ port }) => dial(port, head({}, 'GET')));
    });
    expect(await logged).toBe('the response could not be sent');
  });
});
