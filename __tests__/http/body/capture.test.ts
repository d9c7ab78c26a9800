import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { captureBody } from '../../../src/http/body/capture.js';
import type { BodyFlaw, BodyLimits, CapturableRequest, CapturedBody } from '../../../src/http/body/captured-body.js';
import { concat } from '../../../src/shared/bytes.js';
import { dial, hangUp, head, listen, withRequest } from '../../helpers/raw-http.js';

afterEach(hangUp);

const LIMITS: BodyLimits = { limit: 100, timeoutMs: 60_000 };
const STREAM = 'from the stream';

/** The text of a body that was captured, or why it was not. */
function shown(captured: CapturedBody): string | { readonly reason: BodyFlaw } {
  return 'pieces' in captured ? concat(captured.pieces).toString() : captured;
}

/** What is captured of a request, after other layers had their way with it. */
function capture(
  before: (req: CapturableRequest) => unknown,
  { limits = LIMITS, headers = {} }: { limits?: BodyLimits; headers?: Record<string, string> } = {},
): Promise<ReturnType<typeof shown>> {
  return withRequest(head({ 'content-length': STREAM.length, ...headers }) + STREAM, async (req) => {
    await before(req);
    return shown(await captureBody(req, limits));
  });
}

describe('the ladder', () => {
  const rawBody = Buffer.from('kept bytes');
  const body = Buffer.from('parsed bytes');

  test('kept bytes come before everything else', async () => {
    expect(await capture((req) => Object.assign(req, { rawBody, body }))).toBe('kept bytes');
  });

  test('then the bytes of a raw parser', async () => {
    expect(await capture((req) => Object.assign(req, { body }))).toBe('parsed bytes');
  });

  test('then the text of a text parser, as UTF-8', async () => {
    expect(await capture((req) => Object.assign(req, { body: 'été 🎉' }))).toBe('été 🎉');
  });

  test('an empty text is a body too', async () => {
    expect(await capture((req) => Object.assign(req, { body: '' }))).toBe('');
  });

  test('then the unread stream', async () => {
    expect(await capture(() => {})).toBe(STREAM);
  });

  test('an empty object that a parser leaves for a type it does not know does not hide the stream', async () => {
    expect(await capture((req) => Object.assign(req, { body: {} }))).toBe(STREAM);
  });

  test.each([
    ['kept bytes', 'rawBody'],
    ['a body', 'body'],
  ])('%s may be any Uint8Array', async (_what, member) => {
    const array = new TextEncoder().encode('<an array>').subarray(1, 9);
    expect(await capture((req) => Object.assign(req, { [member]: array }))).toBe('an array');
  });

  test.each(['text', 42, null, { data: 'bytes' }])(
    'a rawBody that is no bytes, such as %j, is passed over',
    async (rawBody) => {
      expect(await capture((req) => Object.assign(req, { rawBody }))).toBe(STREAM);
    },
  );

  test.each([{ event: 'Email.Sent' }, [], null, undefined, 42])(
    'a body that is only left as %j is refused',
    async (body) => {
      const parsed = async (req: CapturableRequest) => Object.assign(req, { body: (await buffer(req)) && body });
      expect(await capture(parsed)).toEqual({ reason: 'body_consumed' });
    },
  );

  test('a stream that somebody else has begun to read is refused', async () => {
    const begun = async (req: CapturableRequest) => {
      await once(req, 'data');
      req.pause();
    };
    expect(await capture(begun)).toEqual({ reason: 'body_consumed' });
  });

  test('a stream that somebody took a first look at is refused, although it is still readable', async () => {
    const look = async (req: CapturableRequest) => {
      await once(req, 'readable');
      req.read(4);
      expect(req.readable).toBe(true);
    };
    expect(await capture(look)).toEqual({ reason: 'body_consumed' });
  });

  test('a request that is gone before it was read is aborted', async () => {
    const gone = async (req: CapturableRequest) => {
      req.destroy();
      await once(req, 'close');
    };
    expect(await capture(gone)).toEqual({ reason: 'body_aborted' });
  });

  test('what was kept of a request that is gone is still had', async () => {
    expect(await capture((req) => Object.assign(req.destroy(), { rawBody: Buffer.from('kept') }))).toBe('kept');
  });
});

describe('the unread stream', () => {
  test('that came as a whole is read without listeners and without timers', async () => {
    const setTimeout = jest.spyOn(globalThis, 'setTimeout');
    const left = await withRequest(head({ 'content-length': STREAM.length }) + STREAM, async (req) => {
      const before = req.eventNames();
      const timers = setTimeout.mock.calls.length;
      const body = shown(await captureBody(req, LIMITS));
      return {
        body,
        added: req.eventNames().filter((name) => !before.includes(name)),
        timers,
        after: setTimeout.mock.calls.length,
      };
    });
    setTimeout.mockRestore();
    expect(left).toEqual({ body: STREAM, added: [], timers: left.timers, after: left.timers });
  });

  test('may come later, in pieces', async () => {
    const captured = new Promise<CapturedBody>((resolve) => {
      void listen((req) => resolve(captureBody(req, LIMITS))).then(async ({ port, request }) => {
        const { socket } = dial(port, head({ 'content-length': STREAM.length }));
        await request;
        socket.write(STREAM.slice(0, 4), () => setImmediate(() => socket.write(STREAM.slice(4))));
      });
    });
    expect(shown(await captured)).toBe(STREAM);
  });

  test('of nothing is an empty body', async () => {
    expect(await withRequest(head({}), async (req) => shown(await captureBody(req, LIMITS)))).toBe('');
    expect(await withRequest(head({ 'content-length': 0 }), async (req) => shown(await captureBody(req, LIMITS)))).toBe(
      '',
    );
  });

  test('is claimed at once: an answer that somebody else gives does not throw it away', async () => {
    const body = new Promise((resolve) => {
      void listen((req, res) => {
        resolve(captureBody(req, LIMITS));
        res.end('somebody else');
      }).then(({ port }) => dial(port, head({ 'content-length': STREAM.length }) + STREAM));
    });
    expect(await body).toEqual({ pieces: [Buffer.from(STREAM)] });
  });

  test('that ends with its connection while it is waited for is aborted', async () => {
    const captured = await withRequest(head({ 'content-length': 100 }), (req) => {
      const body = captureBody(req, LIMITS);
      req.destroy();
      return Promise.resolve(body);
    });
    expect(captured).toEqual({ reason: 'body_aborted' });
  });
});

describe('the limit', () => {
  test.each(['rawBody', 'body'])('holds for %s: exactly the limit is taken, one byte more is not', async (member) => {
    const of = (size: number) => capture((req) => Object.assign(req, { [member]: Buffer.alloc(size) }));
    expect(await of(100)).toBe('\0'.repeat(100));
    expect(await of(101)).toEqual({ reason: 'body_too_large' });
  });

  test('counts the bytes of a text, not its characters', async () => {
    expect(await capture((req) => Object.assign(req, { body: 'é'.repeat(51) }))).toEqual({ reason: 'body_too_large' });
  });

  test('holds for the stream', async () => {
    const limits = { ...LIMITS, limit: STREAM.length - 1 };
    expect(await capture(() => {}, { limits })).toEqual({ reason: 'body_too_large' });
  });
});

describe('content encodings', () => {
  test.each(['', 'identity', 'IDENTITY'])('a body with the encoding %j is read as it is', async (encoding) => {
    expect(await capture(() => {}, { headers: { 'content-encoding': encoding } })).toBe(STREAM);
  });

  test.each(['gzip', 'br', 'deflate', 'zstd', 'gzip, br', 'identity, gzip', 'nonsense', '__proto__'])(
    'a body with the encoding %s is refused',
    async (encoding) => {
      const refused = { reason: 'content_encoding' };
      const headers = { 'content-encoding': encoding };
      expect(await capture(() => {}, { headers })).toEqual(refused);
      expect(await capture((req) => Object.assign(req, { rawBody: Buffer.from('kept') }), { headers })).toEqual(
        refused,
      );
    },
  );
});
