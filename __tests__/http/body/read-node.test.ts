import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type { BodyError, BodyLimits, BodyResult } from '../../../src/http/body/body-result.js';
import { type NodeRequest, readNodeBody } from '../../../src/http/body/read-node.js';
import { dial, hangUp, head, listen, withRequest } from '../../helpers/raw-http.js';

afterEach(hangUp);

const LIMITS: BodyLimits = { limit: 100, timeoutMs: 60_000 };
const STREAM = 'from the stream';
const KB = 1024;

/** The text of a body that was read, or why it was not. */
function shown(result: BodyResult): string | { readonly reason: BodyError } {
  return 'bytes' in result ? result.bytes.toString() : result;
}

/** Reads the body of a request that other middleware has handled `before`. */
function read(
  before: (req: NodeRequest) => unknown,
  { limits = LIMITS, headers = {} }: { limits?: BodyLimits; headers?: Record<string, string> } = {},
): Promise<ReturnType<typeof shown>> {
  return withRequest(head({ 'content-length': STREAM.length, ...headers }) + STREAM, async (req) => {
    await before(req);
    return shown(await readNodeBody(req, limits));
  });
}

describe('the source of the bytes', () => {
  const rawBody = Buffer.from('kept bytes');
  const body = Buffer.from('parsed bytes');

  test('bytes that were kept come before everything else', async () => {
    expect(await read((req) => Object.assign(req, { rawBody, body }))).toBe('kept bytes');
  });

  test('the bytes of a raw parser come second', async () => {
    expect(await read((req) => Object.assign(req, { body }))).toBe('parsed bytes');
  });

  test('the text of a text parser is encoded as UTF-8', async () => {
    expect(await read((req) => Object.assign(req, { body: 'été 🎉' }))).toBe('été 🎉');
  });

  test('an empty text is an empty body', async () => {
    expect(await read((req) => Object.assign(req, { body: '' }))).toBe('');
  });

  test('the unread stream comes last', async () => {
    expect(await read(() => {})).toBe(STREAM);
  });

  test('an empty object, which a parser leaves for a type that it does not know, does not hide the stream', async () => {
    expect(await read((req) => Object.assign(req, { body: {} }))).toBe(STREAM);
  });

  test.each(['rawBody', 'body'])('req.%s may be any Uint8Array', async (member) => {
    const array = new TextEncoder().encode('<an array>').subarray(1, 9);
    expect(await read((req) => Object.assign(req, { [member]: array }))).toBe('an array');
  });

  test.each(['text', 42, null, { data: 'bytes' }])(
    'a rawBody that does not hold bytes, %j, is ignored',
    async (rawBody) => {
      expect(await read((req) => Object.assign(req, { rawBody }))).toBe(STREAM);
    },
  );

  test.each([{ event: 'Email.Sent' }, [], null, undefined, 42])(
    'a body of which only the parsed form %j is left is refused',
    async (body) => {
      const parsed = async (req: NodeRequest) => Object.assign(req, { body: (await buffer(req)) && body });
      expect(await read(parsed)).toEqual({ reason: 'body_consumed' });
    },
  );

  test('a stream that other middleware has begun to read is refused', async () => {
    const begun = async (req: NodeRequest) => {
      await once(req, 'data');
      req.pause();
    };
    expect(await read(begun)).toEqual({ reason: 'body_consumed' });
  });

  test('a stream of which a few bytes were read is refused, although it is still readable', async () => {
    const peek = async (req: NodeRequest) => {
      await once(req, 'readable');
      req.read(4);
      expect(req.readable).toBe(true);
    };
    expect(await read(peek)).toEqual({ reason: 'body_consumed' });
  });

  test('a stream with an encoding is refused, because it gives text', async () => {
    expect(await read((req) => req.setEncoding('utf8'))).toEqual({ reason: 'body_consumed' });
  });

  test('a request that was destroyed before it was read is aborted', async () => {
    const destroyed = async (req: NodeRequest) => {
      req.destroy();
      await once(req, 'close');
    };
    expect(await read(destroyed)).toEqual({ reason: 'body_aborted' });
  });

  test('bytes that were kept are read although the request was destroyed', async () => {
    expect(await read((req) => Object.assign(req.destroy(), { rawBody: Buffer.from('kept') }))).toBe('kept');
  });
});

describe('the unread stream', () => {
  /** Reads, and counts the listeners and timers that reading needed. */
  async function footprint(req: NodeRequest, limits: BodyLimits) {
    const setTimeout = jest.spyOn(globalThis, 'setTimeout');
    const on = jest.spyOn(req, 'on');
    const body = shown(await readNodeBody(req, limits));
    const result = { body, timers: setTimeout.mock.calls.length, listeners: on.mock.calls.length };
    setTimeout.mockRestore();
    return result;
  }

  test('a body that comes with its headers is read without listeners and timers', async () => {
    const send = head({ 'content-length': STREAM.length }) + STREAM;
    const result = await withRequest(send, (req) => footprint(req, LIMITS));
    expect(result).toEqual({ body: STREAM, timers: 0, listeners: 0 });
  });

  test('Node buffers a body of 64 KB as a whole, without pausing the connection', async () => {
    const body = 'x'.repeat(64 * KB);
    await withRequest(head({ 'content-length': body.length }) + body, async (req) => {
      const reading = readNodeBody(req, { ...LIMITS, limit: 64 * KB });
      expect(req.readableHighWaterMark).toBeGreaterThanOrEqual(64 * KB);
      expect(shown(await reading)).toBe(body);
    });
  });

  test('a body that was complete before the router was reached is read without listeners and timers', async () => {
    const result = await withRequest(head({ 'content-length': STREAM.length }) + STREAM, async (req) => {
      await once(req, 'readable');
      return footprint(req, LIMITS);
    });
    expect(result).toEqual({ body: STREAM, timers: 0, listeners: 0 });
  });

  test('a body may come later, in several packets', async () => {
    const result = new Promise<BodyResult>((resolve) => {
      void listen((req) => resolve(readNodeBody(req, LIMITS))).then(async ({ port, request }) => {
        const { socket } = dial(port, head({ 'content-length': STREAM.length }));
        await request;
        socket.write(STREAM.slice(0, 4), () => setImmediate(() => socket.write(STREAM.slice(4))));
      });
    });
    expect(shown(await result)).toBe(STREAM);
  });

  test.each<[string, Record<string, number>]>([
    ['without a declared length', {}],
    ['of length 0', { 'content-length': 0 }],
  ])('a request %s has an empty body', async (_which, headers) => {
    expect(await withRequest(head(headers), async (req) => shown(await readNodeBody(req, LIMITS)))).toBe('');
  });

  test('the body is claimed at once, so that Node does not discard it when other middleware responds', async () => {
    const body = new Promise((resolve) => {
      void listen((req, res) => {
        resolve(readNodeBody(req, LIMITS));
        res.end('other middleware');
      }).then(({ port }) => dial(port, head({ 'content-length': STREAM.length }) + STREAM));
    });
    expect(await body).toEqual({ bytes: Buffer.from(STREAM) });
  });

  test('a body whose connection ends while it is awaited is aborted', async () => {
    const result = await withRequest(head({ 'content-length': 100 }), (req) => {
      const body = readNodeBody(req, LIMITS);
      req.destroy();
      return body;
    });
    expect(result).toEqual({ reason: 'body_aborted' });
  });

  test('a body that other middleware begins to read while it is awaited is refused', async () => {
    const result = await withRequest(head({ 'content-length': 100 }) + STREAM, async (req) => {
      const body = readNodeBody(req, LIMITS);
      req.setEncoding('utf8');
      return body;
    });
    expect(result).toEqual({ reason: 'body_consumed' });
  });
});

describe('the limit', () => {
  test.each(['rawBody', 'body'])('req.%s may have exactly the limit, and not one byte more', async (member) => {
    const of = (size: number) => read((req) => Object.assign(req, { [member]: Buffer.alloc(size) }));
    expect(await of(100)).toBe('\0'.repeat(100));
    expect(await of(101)).toEqual({ reason: 'body_too_large' });
  });

  test('the limit counts the bytes of a text and not its characters', async () => {
    expect(await read((req) => Object.assign(req, { body: 'é'.repeat(51) }))).toEqual({ reason: 'body_too_large' });
  });

  test('a stream may have exactly the limit, and not one byte more', async () => {
    expect(await read(() => {}, { limits: { ...LIMITS, limit: STREAM.length } })).toBe(STREAM);
    expect(await read(() => {}, { limits: { ...LIMITS, limit: STREAM.length - 1 } })).toEqual({
      reason: 'body_too_large',
    });
  });

  test('a chunked body that comes with its headers may not exceed the limit either', async () => {
    const send = `${head({ 'transfer-encoding': 'chunked' })}f\r\n${STREAM}\r\n0\r\n\r\n`;
    const limits = { ...LIMITS, limit: STREAM.length - 1 };
    const result = await withRequest(send, (req) => readNodeBody(req, limits));
    expect(result).toEqual({ reason: 'body_too_large' });
  });
});

describe('the content encoding', () => {
  test.each(['', 'identity', 'IDENTITY'])('a body with the encoding %j is read as it is', async (encoding) => {
    expect(await read(() => {}, { headers: { 'content-encoding': encoding } })).toBe(STREAM);
  });

  test.each(['gzip', 'br', 'deflate', 'zstd', 'gzip, br', 'identity, gzip', 'nonsense', '__proto__'])(
    'a body with the encoding %s is refused, whether or not bytes of it were kept',
    async (encoding) => {
      const refused = { reason: 'content_encoding' };
      const headers = { 'content-encoding': encoding };
      expect(await read(() => {}, { headers })).toEqual(refused);
      expect(await read((req) => Object.assign(req, { rawBody: Buffer.from('kept') }), { headers })).toEqual(refused);
    },
  );
});
