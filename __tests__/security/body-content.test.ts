import * as z from 'zod';
import type { WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { type Mount, SECRET } from '../helpers/harness.js';
import { hangUp } from '../helpers/raw-http.js';
import { recordingApp } from '../helpers/recording-app.js';

afterEach(hangUp);

const EVENT = JSON.stringify(sampleEvent('User.LoggedIn'));

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const recorded = (options?: Partial<WebhookRouterOptions>, mount?: Mount) => recordingApp(createApp, options, mount);

  describe('bodies that are easily altered on the way', () => {
    test.each([
      ['an emoji', '{"event":"Email.Sent","data":{"subject":"Soldes 🎉 d’été"}}'],
      ['a line separator', '{"event":"Email.Sent","data":{"subject":"one\u2028two"}}'],
      ['escaped slashes', '{"event":"Email.Sent","data":{"url":"https:\\/\\/example.com\\/"}}'],
      ['CRLF and indents', '{\r\n  "event": "Email.Sent",\r\n  "data": {}\r\n}'],
      ['a trailing newline', '{"event":"Email.Sent","data":{}}\n'],
    ])('19. a signed body with %s is accepted, and rawBody has its bytes', async (_name, text) => {
      const { deliverBytes, seen } = recorded();
      const response = await deliverBytes(text);
      expect(response.status).toBe(200);
      expect(seen.map(({ rawBody }) => rawBody)).toEqual([Buffer.from(text, 'utf8')]);
    });
  });

  test('20. a signed body with a byte order mark is verified and then refused as not JSON', async () => {
    const { deliverBytes, webhooks, seen, reasons } = recorded();
    const verified: unknown[] = [];
    webhooks.lifecycle.on('verified', (notice) => verified.push(notice));
    const response = await deliverBytes(`\uFEFF${EVENT}`);
    expect(response.status).toBe(400);
    expect(verified).toHaveLength(1);
    expect(reasons).toEqual(['not_json']);
    expect(seen).toEqual([]);
  });

  describe('bytes that are not UTF-8', () => {
    const withByte = (byte: number): Buffer =>
      Buffer.concat([Buffer.from('{"event":"Email.Sent","data":"'), Buffer.from([byte]), Buffer.from('"}')]);

    test('21. a signed body that is not UTF-8 is refused as a payload', async () => {
      const { deliverBytes, seen, reasons } = recorded();
      const response = await deliverBytes(withByte(0xff));
      expect(response.status).toBe(400);
      expect(reasons).toEqual(['not_utf8']);
      expect(seen).toEqual([]);
    });

    test('21. one invalid byte in place of another is a forgery, although both decode to the same text', async () => {
      const { post, seen, reasons } = recorded();
      expect(withByte(0xff).toString()).toBe(withByte(0xfe).toString());
      const response = await post(withByte(0xfe), { 'x-signature': sign(withByte(0xff), SECRET) });
      expect(response.status).toBe(403);
      expect(reasons).toEqual(['mismatch']);
      expect(seen).toEqual([]);
    });
  });

  describe('the order of verifying and parsing', () => {
    let parse: jest.SpyInstance;
    beforeEach(() => {
      parse = jest.spyOn(JSON, 'parse');
    });
    afterEach(() => parse.mockRestore());

    test.each([
      ['wrong', sign(EVENT, 'another key')],
      ['malformed', 'not base64'],
      ['empty', ''],
    ])('22. a forged body is never parsed when the signature is %s', async (_name, signature) => {
      const { post, seen } = recorded();
      const broken = `${EVENT},`;
      for (const body of [broken, EVENT]) {
        const response = await post(body, { 'x-signature': signature });
        expect(response.status).toBe(403);
        expect(parse).not.toHaveBeenCalledWith(body);
      }
      expect(seen).toEqual([]);
    });

    test('22. receive() parses nothing when a body is forged', async () => {
      const { webhooks } = recorded();
      const outcome = await webhooks.receive({ rawBody: '{', headers: { 'x-signature': sign('', SECRET) } });
      expect(outcome.status).toBe(403);
      expect(parse).not.toHaveBeenCalled();
    });

    test('22. a signed body that is not JSON is parsed once and refused', async () => {
      const { deliverBytes, reasons } = recorded();
      const body = `${EVENT},`;
      const response = await deliverBytes(body);
      expect(response.status).toBe(400);
      expect(reasons).toEqual(['not_json']);
      expect(parse.mock.calls.filter(([text]) => text === body)).toHaveLength(1);
    });
  });

  test.each([
    ['', 'not_json'],
    ['null', 'not_object'],
    ['[]', 'not_object'],
    ['[{"event":"Email.Sent"}]', 'not_object'],
    ['"x"', 'not_object'],
    ['42', 'not_object'],
    ['{}', 'no_event_name'],
    ['{"data":{}}', 'no_event_name'],
    ['{"event":null}', 'no_event_name'],
    ['{"event":7}', 'no_event_name'],
    ['{"event":["Email.Sent"]}', 'no_event_name'],
    ['{"event":{"name":"Email.Sent"}}', 'no_event_name'],
    ['{"event":""}', 'no_event_name'],
    ['{"event":"  "}', 'no_event_name'],
    ['{"__proto__":{"event":"Email.Sent"}}', 'no_event_name'],
  ])('23. the signed body %j is refused with the reason %s', async (body, reason) => {
    const { deliverBytes, seen, reasons } = recorded();
    const response = await deliverBytes(Buffer.from(body));
    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({ error: { code: 'ERR_PAYLOAD' } });
    expect(reasons).toEqual([reason]);
    expect(seen).toEqual([]);
  });

  describe('names that JavaScript objects have of their own', () => {
    const pristine = Reflect.ownKeys(Object.prototype);
    afterEach(() => {
      expect(Reflect.ownKeys(Object.prototype)).toEqual(pristine);
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    });

    const hostile = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1}';

    test.each([
      ['data', `{"event":"Email.Sent","data":${hostile}}`],
      ['user', `{"event":"Email.Sent","user":${hostile},"data":{}}`],
      ['the documented data', `{"event":"User.LoggedIn","data":${hostile}}`],
      ['the envelope', `{"event":"Email.Sent","data":{},${hostile.slice(1)}`],
    ])('24. names such as __proto__ stay plain members of %s', async (_where, body) => {
      const { deliverBytes, events } = recorded();
      const response = await deliverBytes(body);
      expect(response.status).toBe(200);
      expect(JSON.stringify(events[0])).toBe(JSON.stringify(JSON.parse(body)));
    });

    test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__.*', 'constructor.name'])(
      '24. an event with the name %j is unhandled',
      async (name) => {
        const { deliverBytes, webhooks } = recorded({ schemas: { 'Email.Sent': z.object({}) } });
        const handler = jest.fn();
        webhooks.on(['Email.*', 'User.LoggedIn'], handler);
        const response = await deliverBytes(`{"event":"${name}","data":{}}`);
        expect(response.status).toBe(200);
        expect(response.body).toEqual({ status: 'unhandled' });
        expect(handler).not.toHaveBeenCalled();
      },
    );

    test('24. a schema that copies such members pollutes no prototype', async () => {
      const { deliverBytes } = recorded({ schemas: { 'Email.Sent': z.looseObject({}) } });
      const response = await deliverBytes(`{"event":"Email.Sent","data":${hostile}}`);
      expect(response.status).toBe(200);
    });
  });

  describe('JSON that says more than an object can hold', () => {
    test('25. the last of duplicate members is dispatched, once', async () => {
      const { deliverBytes, webhooks, events } = recorded();
      const [first, last] = [jest.fn(), jest.fn()];
      webhooks.on('User.LoggedIn', first);
      webhooks.on('Email.Sent', last);
      const body = '{"event":"User.LoggedIn","event":"Email.Sent","data":1,"data":{"n":2}}';
      const response = await deliverBytes(body);
      expect(response.status).toBe(200);
      expect(first).not.toHaveBeenCalled();
      expect(last).toHaveBeenCalledTimes(1);
      expect(events).toEqual([JSON.parse(body)]);
    });

    test('25. the key of the event named first does not authenticate the one named last', async () => {
      const { post, seen, reasons } = recorded({ secret: { 'User.LoggedIn': 'key-a', 'Email.Sent': 'key-b' } });
      const body = '{"event":"User.LoggedIn","event":"Email.Sent","data":{}}';
      const response = await post(body, { 'x-signature': sign(body, 'key-a') });
      expect(response.status).toBe(403);
      expect(reasons).toEqual(['wrong_key_for_event']);
      expect(seen).toEqual([]);
    });

    test('25. integers above 2^53 are kept in rawBody', async () => {
      const { deliverBytes, seen } = recorded();
      await deliverBytes('{"event":"Email.Sent","data":{"id":9007199254740993}}');
      expect(seen[0]?.rawBody.toString()).toContain('"id":9007199254740993');
    });
  });

  describe('20,000 levels of nesting', () => {
    const LEVELS = 20_000;
    const arrays = `${'['.repeat(LEVELS)}${']'.repeat(LEVELS)}`;
    const objects = `${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}`;

    test.each([
      ['arrays as data', `{"event":"Email.Sent","data":${arrays}}`],
      ['objects as data', `{"event":"Email.Sent","data":${objects}}`],
      ['objects in the documented data', `{"event":"User.LoggedIn","data":{"email":${objects}}}`],
      ['arrays as the event name', `{"event":${arrays}}`],
      ['arrays as the whole', arrays],
      ['arrays that never end', `{"event":"Email.Sent","data":${'['.repeat(LEVELS)}`],
    ])(
      '26. a body with deeply nested %s is delivered or refused, and the next delivery is served',
      async (_name, body) => {
        const { deliverBytes } = recorded();
        const response = await deliverBytes(body);
        expect([200, 400]).toContain(response.status);
        expect((await deliverBytes(EVENT)).status).toBe(200);
      },
    );

    test('26. a handler that overflows the stack on a nested body fails its delivery only', async () => {
      const { deliverBytes, webhooks } = recorded();
      webhooks.onError(() => {});
      webhooks.on('Email.Sent', (event) => JSON.stringify(event.data));
      const response = await deliverBytes(`{"event":"Email.Sent","data":${arrays}}`);
      expect([200, 500]).toContain(response.status);
      expect((await deliverBytes(EVENT)).status).toBe(200);
    });

    test('26. a schema that overflows the stack on a nested body fails its delivery only', async () => {
      const tree: z.ZodType = z.lazy(() => z.array(tree));
      const { deliverBytes, seen, reasons } = recorded({ schemas: { 'Email.Sent': tree } });
      const response = await deliverBytes(`{"event":"Email.Sent","data":${arrays}}`);
      expect(response.status).toBe(500);
      expect(reasons).toEqual(['schema_failed']);
      expect(seen).toEqual([]);
    });
  });
});
