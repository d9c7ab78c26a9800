import { once } from 'node:events';
import express from 'express';
import {
  ADDRESS,
  BYTES,
  broken,
  chunks,
  post,
  recordingRouter,
  settled,
  streamed,
  waits,
} from '../helpers/fetch-requests.js';
import { PATH, SIGNED } from '../helpers/harness.js';
import fc from '../helpers/properties.js';

// Jest fails a test during which a promise is rejected unseen, so a rejection that would end a process fails here.

test("fetch() responds to failures itself with errors: 'next', because nothing comes after it", async () => {
  const { webhooks } = recordingRouter({ errors: 'next' });
  expect((await webhooks.fetch(post({ headers: {} }))).status).toBe(403);
});

test('fetch() works without `this`', async () => {
  const { fetch } = recordingRouter().webhooks;
  expect((await fetch(post())).status).toBe(200);
  const [response] = await Promise.all([post({ headers: {} })].map(fetch));
  expect(response?.status).toBe(403);
});

test('a handler gets the headers without the signature', async () => {
  const { webhooks } = recordingRouter();
  const headers = new Promise((resolve) => webhooks.onAny((_event, delivery) => resolve({ ...delivery.headers })));
  await webhooks.fetch(post({ headers: { ...SIGNED.headers, 'X-Request-Id': '42', authorization: 'Bearer x' } }));
  expect(await headers).toEqual({ 'content-type': 'application/json', 'x-request-id': '42' });
});

describe('close()', () => {
  test('close() waits for a request whose handler runs', async () => {
    const { webhooks } = recordingRouter();
    const began = new Promise<() => void>((resolve) => {
      webhooks.on('User.LoggedIn', () => new Promise<void>((finish) => resolve(finish)));
    });
    const steps: string[] = [];
    const answer = webhooks.fetch(post()).then(({ status }) => steps.push(`answered ${status}`));
    const finish = await began;
    const closed = webhooks.close().then(() => steps.push('closed'));
    expect((await webhooks.fetch(post())).status).toBe(503);
    expect(steps).toEqual([]);
    finish();
    await Promise.all([answer, closed]);
    expect(steps.sort()).toEqual(['answered 200', 'closed']);
  });

  test('close() waits for a body that is still arriving', async () => {
    const { webhooks, seen } = recordingRouter();
    let goOn: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const answer = webhooks.fetch(
      streamed(
        chunks([BYTES.subarray(0, 10)], async (controller) => {
          await waiting;
          controller.enqueue(BYTES.subarray(10));
          controller.close();
        }),
      ),
    );
    const closed = webhooks.close({ timeoutMs: 60_000 });
    goOn();
    expect((await answer).status).toBe(200);
    await closed;
    expect(seen).toEqual([SIGNED.body]);
  });

  test('close() does not wait for requests that were refused or failed', async () => {
    const { webhooks } = recordingRouter({ timeoutMs: { body: 50 } });
    await Promise.all([
      webhooks.fetch(new Request(ADDRESS)),
      webhooks.fetch(post({ headers: {} })),
      webhooks.fetch(streamed({ pull: waits })),
      webhooks.fetch(streamed({ pull: broken })),
      webhooks.fetch(Object.defineProperty(post(), 'body', { get: broken })),
    ]);
    const started = performance.now();
    await webhooks.close({ timeoutMs: 60_000 });
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

test('a delivery that arrives through fetch() and through Express runs once', async () => {
  const { webhooks, seen } = recordingRouter();
  const server = express().use(PATH, webhooks).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const answers = [
    await fetch(`http://localhost:${port}${PATH}`, { method: 'POST', headers: SIGNED.headers, body: SIGNED.body }),
    await webhooks.fetch(post()),
  ];
  server.close();
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
    { status: 'handled' },
    { status: 'duplicate' },
  ]);
  expect(seen).toEqual([SIGNED.body]);
});

describe('any request', () => {
  const method = fc.oneof(
    { weight: 4, arbitrary: fc.constant('POST') },
    fc.constantFrom('GET', 'HEAD', 'PUT', 'post', 'QUERY'),
  );
  const value = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) });
  const headers = fc.dictionary(
    fc.constantFrom(
      'x-signature',
      'X-Cakemail-Signature',
      'content-encoding',
      'content-length',
      'content-type',
      'host',
    ),
    fc.oneof(
      value,
      fc.constantFrom('gzip', 'br', 'identity', '0', '-1', '1e9', 'NaN', '0x10', SIGNED.headers['x-signature'] ?? ''),
    ),
  );
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constant(BYTES),
    fc.string(),
    fc.constantFrom(
      null,
      undefined,
      0,
      Symbol.iterator,
      Number.NaN,
      new Uint16Array(3),
      new DataView(new ArrayBuffer(3)),
    ),
    fc.object(),
  );
  const last = fc.constantFrom('ends', 'fails', 'fails with nothing', 'waits', 'throws');
  const cancel = fc.constantFrom(undefined, broken, () => Promise.reject(new Error('no')));
  const before = fc.constantFrom('nothing', 'read', 'locked', 'cancelled');

  test('fetch() never rejects, whatever the request', async () => {
    const { webhooks } = recordingRouter({ limit: 400, timeoutMs: { body: 5 } });
    const requests = fc.record({ method, headers, pieces: fc.array(piece, { maxLength: 4 }), last, cancel, before });
    const check = async (odd: typeof requests extends fc.Arbitrary<infer T> ? T : never): Promise<void> => {
      const source = chunks(odd.pieces, (controller) => {
        if (odd.last === 'ends') controller.close();
        else if (odd.last === 'fails') controller.error(new Error('failed'));
        else if (odd.last === 'fails with nothing') controller.error();
        else if (odd.last === 'throws') broken();
        return odd.last === 'waits' ? waits() : undefined;
      });
      const isBodiless = ['GET', 'HEAD'].includes(odd.method);
      const body = new ReadableStream({ ...source, ...(odd.cancel && { cancel: odd.cancel }) });
      const request = new Request(ADDRESS, {
        method: odd.method,
        headers: odd.headers,
        ...(isBodiless ? {} : { body: body as NonNullable<RequestInit['body']>, duplex: 'half' }),
      });
      if (odd.before === 'locked') request.body?.getReader();
      if (odd.before === 'cancelled') await request.body?.cancel().catch(() => {});
      if (odd.before === 'read') void request.text().catch(() => {});
      const response = await webhooks.fetch(request);
      expect(response.status).toBeGreaterThanOrEqual(200);
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(JSON.parse(await response.text())).toEqual(expect.objectContaining({}));
    };
    await fc.assert(fc.asyncProperty(requests, check), { numRuns: 300 });
    await settled();
    await webhooks.close();
  });
});
