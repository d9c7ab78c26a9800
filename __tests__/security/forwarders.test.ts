import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { FORWARDERS, type Forwarder } from '../helpers/forwarders.js';
import { type InspectedApp, SECRET, startInspectedApp } from '../helpers/harness.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request of a remote client, which chooses its Host header. Streams are read until their first part is there. */
async function ask(port: number, path: string, { json, headers = {} }: { json?: object; headers?: object } = {}) {
  const method = json === undefined ? 'GET' : 'POST';
  const type = json === undefined ? {} : { 'content-type': 'application/json' };
  const sent = request({ host: '127.0.0.1', port, path, method, headers: { ...type, ...headers } });
  sent.end(json === undefined ? undefined : JSON.stringify(json));
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (text.includes('event: deliveries')) break;
  }
  sent.destroy();
  return { status: response.statusCode, headers: response.headers, text } as Answer;
}

const PAYLOAD = 'a-payload@example.com';
const READING = [
  '',
  '?token=',
  '?token=guessed',
  'page.js',
  'style.css',
  'api/settings',
  'api/stream',
  'api/deliveries/1',
  'api/deliveries/1/body',
  'api/search?text=payload',
  'api/inbox',
];
const ACTING = ['api/deliveries/1/replay', 'api/send', 'api/inbox/replay'];

describe.each(FORWARDERS)('behind $name', ({ isThere, start }) => {
  const ifThere = isThere ? test : test.skip;
  let app: InspectedApp;
  let forwarder: Forwarder;
  const handler = jest.fn();

  beforeEach(async () => {
    if (!isThere) return;
    handler.mockClear();
    app = await startInspectedApp();
    app.webhooks.on('User.LoggedIn', handler);
    const { port } = new URL(app.base);
    forwarder = await start(Number(port));
    await app.deliver({ ...sampleEvent('User.LoggedIn'), data: { email: PAYLOAD } });
  });
  afterEach(async () => {
    if (!isThere) return;
    await forwarder.stop();
    await app.stop();
  });

  ifThere.each(['localhost', '127.0.0.1:3000', undefined])(
    '43. nothing is readable, replayed or signed without the token, with the Host %s',
    async (host) => {
      const headers = host === undefined ? {} : { host };
      const body = JSON.stringify(sampleEvent('User.LoggedIn'));
      const answers = await Promise.all([
        ...READING.map((path) => ask(forwarder.port, `/_webhooks/${path}`, { headers })),
        ...ACTING.map((path) => ask(forwarder.port, `/_webhooks/${path}`, { json: { body, state: 'done' }, headers })),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
      for (const answer of answers) {
        expect(answer.text).not.toContain(PAYLOAD);
        expect(answer.headers).not.toHaveProperty('set-cookie');
      }
      expect(handler).toHaveBeenCalledTimes(1);
      expect(await app.listed()).toHaveLength(1);
    },
  );

  ifThere('43. the page is readable with the token, and deliveries arrive', async () => {
    const headers = { host: 'localhost' };
    const { headers: given } = await ask(forwarder.port, app.panel.url, { headers });
    const cookie = `${given['set-cookie']}`.split(';')[0];
    const answer = await ask(forwarder.port, '/_webhooks/api/stream', { headers: { ...headers, cookie } });
    expect(answer.text).toContain('User.LoggedIn');
    const signed = signedRequest(sampleEvent('User.Created'), { secret: SECRET });
    const sent = request({ port: forwarder.port, path: '/webhooks/cakemail', method: 'POST', headers: signed.headers });
    sent.end(signed.body);
    const [{ statusCode }] = await once(sent, 'response');
    sent.destroy();
    expect(statusCode).toBe(200);
  });
});
