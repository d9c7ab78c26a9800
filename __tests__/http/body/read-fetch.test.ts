import { sign } from '../../../src/testing/index.js';
import {
  ADDRESS,
  BYTES,
  broken,
  chunks,
  ends,
  post,
  recordingRouter,
  settled,
  signed,
  streamed,
  waits,
} from '../../helpers/fetch-requests.js';
import { SECRET, SIGNED } from '../../helpers/harness.js';

// Jest fails a test during which a promise is rejected unseen, so a rejection that would end a process fails here.

const MB = 1024 * 1024;

describe('the bytes of a body', () => {
  test.each<[string, () => RequestInit['body']]>([
    ['a text', () => SIGNED.body],
    ['bytes', () => BYTES],
    ['a Blob', () => new Blob([SIGNED.body])],
    ['a stream of one chunk', () => new Blob([SIGNED.body]).stream() as NonNullable<RequestInit['body']>],
  ])('a body made from %s is read exactly', async (_what, body) => {
    const { webhooks, seen } = recordingRouter();
    const response = await webhooks.fetch(post({ body: body() as NonNullable<RequestInit['body']>, duplex: 'half' }));
    expect(response.status).toBe(200);
    expect(seen).toEqual([SIGNED.body]);
  });

  test('a body that is streamed byte by byte is read exactly', async () => {
    const { webhooks, seen } = recordingRouter();
    const response = await webhooks.fetch(
      streamed(
        chunks(
          [...BYTES].map((byte) => Uint8Array.of(byte)),
          ends,
        ),
      ),
    );
    expect(response.status).toBe(200);
    expect(seen).toEqual([SIGNED.body]);
  });

  test('a body may have exactly the limit, and not one byte more', async () => {
    const { webhooks, reasons } = recordingRouter({ limit: 100 });
    const of = (size: number) => '{"event":"Email.Sent"}'.padEnd(size);
    expect((await webhooks.fetch(signed(of(100)))).status).toBe(200);
    expect((await webhooks.fetch(signed(of(101)))).status).toBe(413);
    expect(reasons).toEqual(['body_too_large']);
  });

  test.each<[string, () => Request]>([
    ['with no body', () => new Request(ADDRESS, { method: 'POST', headers: { 'x-signature': sign('', SECRET) } })],
    ['with an empty text', () => signed('')],
    ['with an empty stream', () => streamed(chunks([], ends), { 'x-signature': sign('', SECRET) })],
  ])('a request %s has an empty body, which is not an event', async (_what, made) => {
    const { webhooks, reasons } = recordingRouter();
    expect((await webhooks.fetch(made())).status).toBe(400);
    expect(reasons).toEqual(['not_json']);
  });

  test.each<[string, (request: Request) => unknown]>([
    ['was read as JSON', (request) => request.json()],
    ['was read as text', (request) => request.text()],
    ['is being read', (request) => void request.text()],
    ['is held by a reader', (request) => request.body?.getReader()],
    [
      'was read in part and released',
      async ({ body }) => {
        const reader = body?.getReader();
        await reader?.read();
        reader?.releaseLock();
      },
    ],
    ['was cancelled', (request) => request.body?.cancel()],
  ])('a body that %s is refused as consumed', async (_how, before) => {
    const { webhooks, seen, reasons } = recordingRouter({ timeoutMs: { body: 600_000 } }); // a request that hangs fails its test
    const request = post();
    await before(request);
    const response = await webhooks.fetch(request);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { code: 'ERR_BODY_CONSUMED' } });
    expect(reasons).toEqual(['body_consumed']);
    expect(seen).toEqual([]);
  });

  test('the body of a clone is read, and the original can still be read', async () => {
    const { webhooks } = recordingRouter();
    const request = post();
    const clone = request.clone();
    expect((await webhooks.fetch(clone)).status).toBe(200);
    expect(await request.text()).toBe(SIGNED.body);
  });

  test('a body that is shorter than its declared length is incomplete', async () => {
    const { webhooks, reasons } = recordingRouter();
    const headers = { ...SIGNED.headers, 'content-length': String(BYTES.length + 1) };
    expect((await webhooks.fetch(post({ headers }))).status).toBe(400);
    expect(reasons).toEqual(['body_aborted']);
  });

  test('a declared length over the limit is refused before the body is read', async () => {
    const { webhooks } = recordingRouter({ limit: 1000 });
    const pull = jest.fn(waits);
    const request = post({
      body: new ReadableStream({ pull }, { highWaterMark: 0 }) as NonNullable<RequestInit['body']>,
      headers: { ...SIGNED.headers, 'content-length': '1001' },
      duplex: 'half',
    });
    expect((await webhooks.fetch(request)).status).toBe(413);
    expect(pull).not.toHaveBeenCalled();
  });

  test.each<[string, unknown]>([
    ['numbers', 42],
    ['objects', { event: 'User.LoggedIn' }],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['null', null],
  ])('a body with chunks that do not hold bytes, such as %s, is refused', async (_what, piece) => {
    const { webhooks, seen } = recordingRouter();
    const response = await webhooks.fetch(streamed(chunks([piece, BYTES], ends)));
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(seen).toEqual([]);
  });
});

describe('a body whose stream the host fails to create', () => {
  const withheld = (headers: Record<string, string>): Request =>
    Object.defineProperty(post({ headers: { ...SIGNED.headers, ...headers } }), 'body', { get: broken });

  test('the body is read as a whole when its length is declared', async () => {
    const { webhooks, seen } = recordingRouter();
    expect((await webhooks.fetch(withheld({ 'content-length': `${BYTES.length}` }))).status).toBe(200);
    expect(seen).toEqual([SIGNED.body]);
  });

  test('a declared length over the limit is refused before the body is read', async () => {
    const { webhooks } = recordingRouter({ limit: 1000 });
    const request = withheld({ 'content-length': '1001' });
    expect((await webhooks.fetch(request)).status).toBe(413);
    expect(request.bodyUsed).toBe(false);
  });

  test.each(['', 'x', `${BYTES.length}x`, `x${BYTES.length}`])(
    'the body is not read when its declared length is %j',
    async (length) => {
      const { webhooks, reasons } = recordingRouter();
      const request = withheld(length === '' ? {} : { 'content-length': length });
      expect((await webhooks.fetch(request)).status).toBe(400);
      expect(request.bodyUsed).toBe(false);
      expect(reasons).toEqual(['body_aborted']);
    },
  );
});

describe('the stream of a body', () => {
  const cancels: [string, () => unknown][] = [
    ['', () => {}],
    [', even if that throws', broken],
    [', even if that rejects', () => Promise.reject(new Error('do-not-tell'))],
    [', even if that rejects later', () => new Promise((_, reject) => setImmediate(reject, new Error('later')))],
    [', even if that never ends', waits],
  ];

  const floods = { pull: (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(1024)) };

  test.each(cancels)('the stream of a body over the limit is cancelled%s', async (_how, cancelled) => {
    const { webhooks, reasons } = recordingRouter({ limit: 4096 });
    const cancel = jest.fn(cancelled as () => void);
    const response = await webhooks.fetch(streamed({ ...floods, cancel }));
    expect(response.status).toBe(413);
    expect(reasons).toEqual(['body_too_large']);
    await settled();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test.each(cancels)('the stream of a body that does not end is cancelled%s', async (_how, cancelled) => {
    const { webhooks, reasons } = recordingRouter({ timeoutMs: { body: 50 } });
    const cancel = jest.fn(cancelled as () => void);
    const response = await webhooks.fetch(streamed({ ...chunks([BYTES], waits), cancel }));
    expect(response.status).toBe(408);
    expect(reasons).toEqual(['body_timeout']);
    await settled();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test('the stream of a body whose declared length is over the limit is cancelled', async () => {
    const { webhooks } = recordingRouter({ limit: 1000 });
    const cancel = jest.fn();
    const response = await webhooks.fetch(streamed({ ...floods, cancel }, { 'content-length': '1001' }));
    expect(response.status).toBe(413);
    await settled();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test('a body without end is read little further than the limit', async () => {
    const { webhooks } = recordingRouter({ limit: MB });
    let given = 0;
    const pull = (controller: ReadableStreamDefaultController): void => {
      given += 64 * 1024;
      controller.enqueue(new Uint8Array(64 * 1024));
    };
    expect((await webhooks.fetch(streamed({ pull }))).status).toBe(413);
    await settled();
    expect(given).toBeLessThan(2 * MB);
  });

  test('the stream of a body that was read is not cancelled', async () => {
    const { webhooks } = recordingRouter();
    const cancel = jest.fn();
    expect((await webhooks.fetch(streamed({ ...chunks([BYTES], ends), cancel }))).status).toBe(200);
    await settled();
    expect(cancel).not.toHaveBeenCalled();
  });
});

describe('a body that fails', () => {
  test.each<[string, unknown]>([
    ['an Error', new Error('do-not-tell')],
    ['undefined', undefined],
    ['null', null],
    ['a text', 'do-not-tell'],
    ['an object without a prototype', Object.create(null)],
    ['an error that looks like one of a limit', Object.assign(new Error(), { type: 'entity.too.large' })],
  ])('a body that fails with %s, at once or in the middle, is refused', async (_what, error) => {
    for (const before of [[], [BYTES.subarray(0, 10)], [BYTES]]) {
      const { webhooks, seen } = recordingRouter({ timeoutMs: { body: 600_000 } });
      const response = await webhooks.fetch(streamed(chunks(before, (controller) => controller.error(error))));
      expect([400, 413]).toContain(response.status);
      expect(await response.text()).not.toContain('do-not-tell');
      expect(seen).toEqual([]);
    }
    await settled();
  });

  test('a body whose source throws is refused', async () => {
    const { webhooks, reasons } = recordingRouter();
    expect((await webhooks.fetch(streamed({ pull: broken }))).status).toBe(400);
    expect(reasons).toEqual(['body_aborted']);
  });

  test('a body whose signal aborts is refused', async () => {
    const { webhooks, seen } = recordingRouter({ timeoutMs: { body: 100 } });
    const controller = new AbortController();
    const abort = (): Promise<never> => {
      controller.abort();
      return waits();
    };
    const body = new ReadableStream(chunks([BYTES], abort)) as NonNullable<RequestInit['body']>;
    const init = { body, signal: controller.signal, duplex: 'half' } as const;
    const response = await webhooks.fetch(post(init));
    expect([400, 408]).toContain(response.status);
    expect(seen).toEqual([]);
  });
});

describe('the content encoding', () => {
  const encoded = (encoding: string) => post({ headers: { ...SIGNED.headers, 'content-encoding': encoding } });

  test.each(['gzip', 'deflate', 'br', 'zstd', 'gzip, br', '__proto__'])(
    'a body with the encoding %s is refused',
    async (encoding) => {
      const { webhooks, reasons } = recordingRouter();
      expect((await webhooks.fetch(encoded(encoding))).status).toBe(415);
      expect(reasons).toEqual(['content_encoding']);
    },
  );

  test.each(['identity', 'IDENTITY', ''])('a body with the encoding %j is read as it is', async (encoding) => {
    const { webhooks } = recordingRouter();
    expect((await webhooks.fetch(encoded(encoding))).status).toBe(200);
  });
});
