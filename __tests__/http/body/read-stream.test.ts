import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { BodyError, BodyLimits, BodyResult } from '../../../src/http/body/body-result.js';
import { readStream } from '../../../src/http/body/read-stream.js';
import { heapInUse } from '../../helpers/heap.js';
import { chunk, dial, hangUp, head, listen, withRequest } from '../../helpers/raw-http.js';
import { watchTimers } from '../../helpers/watch-timers.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

const KB = 1024;
const LIMITS: BodyLimits = { limit: 100, timeoutMs: 60_000 };
const CHUNKED = head({ 'transfer-encoding': 'chunked' });
const LAST = '0\r\n\r\n';

function readRequest(req: IncomingMessage, limits: Partial<BodyLimits> = {}): Promise<BodyResult> {
  return readStream(req, req.headers['content-length'], { ...LIMITS, ...limits });
}

/** The text of a body that was read, or why it was not. */
async function shown(result: Promise<BodyResult>): Promise<string | { readonly reason: BodyError }> {
  const body = await result;
  return 'bytes' in body ? body.bytes.toString() : body;
}

function read(send: string | Buffer, limits: Partial<BodyLimits> = {}): ReturnType<typeof shown> {
  return shown(withRequest(send, (req) => readRequest(req, limits)));
}

const ofLength = (size: number, declared = size): string => head({ 'content-length': declared }) + 'x'.repeat(size);
const ofChunks = (...sizes: number[]): string =>
  CHUNKED + sizes.map((size) => chunk(Buffer.alloc(size, 'x'))).join('') + LAST;

describe('a body of a declared length', () => {
  test.each([0, 12, 100])('a body of %i bytes is read to its end', async (size) => {
    expect(await read(ofLength(size))).toBe('x'.repeat(size));
  });

  test('a body may have exactly the limit, and not one byte more', async () => {
    expect(await read(ofLength(100))).toBe('x'.repeat(100));
    expect(await read(ofLength(101))).toEqual({ reason: 'body_too_large' });
  });

  test('a declared length over the limit is refused before anything is read', async () => {
    const stream = new Readable({ read: jest.fn() });
    expect(await readStream(stream, '101', LIMITS)).toEqual({ reason: 'body_too_large' });
    expect(stream.readableDidRead).toBe(false);
  });

  test.each(['11', '13'])('a body of 12 bytes with the declared length %s is incomplete', async (length) => {
    const result = readStream(Readable.from([Buffer.alloc(12)], { objectMode: false }), length, LIMITS);
    expect(await result).toEqual({ reason: 'body_aborted' });
  });

  test('an empty declared length means that the length is not known', async () => {
    const stream = Readable.from([Buffer.from('x')], { objectMode: false });
    expect(await shown(readStream(stream, '', LIMITS))).toBe('x');
  });
});

describe('a body in chunks', () => {
  test('the chunks are put together in order', async () => {
    const chunks = ['one,', 'two,', 'x'.repeat(3_000), ',three'];
    const stream = Readable.from(
      chunks.map((each) => Buffer.from(each)),
      { objectMode: false },
    );
    expect(await shown(readStream(stream, undefined, { ...LIMITS, limit: 10_000 }))).toBe(chunks.join(''));
  });

  test('a body without chunks is empty', async () => {
    expect(await read(ofChunks())).toBe('');
  });

  test('a body may have exactly the limit, and not one byte more', async () => {
    expect(await read(ofChunks(50, 50))).toBe('x'.repeat(100));
    expect(await read(ofChunks(50, 51))).toEqual({ reason: 'body_too_large' });
  });

  test.each([100, 5_000])('a body is refused as soon as it exceeds the limit of %i bytes', async (limit) => {
    const begun = Buffer.concat([Buffer.from(CHUNKED), chunk(Buffer.alloc(limit)), chunk(Buffer.alloc(1))]);
    expect(await read(begun, { limit })).toEqual({ reason: 'body_too_large' });
  });
});

describe('a body in chunks of one byte', () => {
  /** A stream to which single bytes are pushed, as many as fit into a turn. */
  async function pushBytes(stream: Readable, count: number): Promise<void> {
    for (let pushed = 1; pushed <= count; pushed++) {
      stream.push(Buffer.alloc(1, 'x'));
      if (pushed % 1_000 === 0) await turn();
    }
    await turn();
  }

  function memoryInUse(): number {
    return heapInUse() + process.memoryUsage().external;
  }

  test('the whole body is read', async () => {
    const stream = new Readable({ read: () => {} });
    const result = readStream(stream, undefined, { ...LIMITS, limit: 10_000 });
    await pushBytes(stream, 5_000);
    stream.push(null);
    expect(await shown(result)).toBe('x'.repeat(5_000));
  });

  test('sixteen unfinished bodies occupy at most three times the limit each, and 10 MB in total', async () => {
    const limit = 64 * KB;
    const streams = Array.from({ length: 16 }, () => new Readable({ read: () => {} }));
    const before = memoryInUse();
    const results = streams.map((stream) => readStream(stream, undefined, { ...LIMITS, limit }));
    await Promise.all(streams.map((stream) => pushBytes(stream, limit - 1)));
    expect(streams.map(({ readableLength }) => readableLength)).toEqual(streams.map(() => 0));
    expect(memoryInUse() - before).toBeLessThan(streams.length * 3 * limit + 10_000 * KB);
    for (const stream of streams) stream.push(null);
    expect((await Promise.all(results)).map((body) => 'bytes' in body && body.bytes.length)).toEqual(
      streams.map(() => limit - 1),
    );
  });
});

describe('a sender that stops', () => {
  test('a sender that stops in the middle gets 408 after the time limit, and no earlier', async () => {
    const started = performance.now();
    expect(await read(ofLength(5, 12), { timeoutMs: 100 })).toEqual({ reason: 'body_timeout' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(95);
  });

  test('a sender that hangs up has aborted', async () => {
    const hangingUp = async (port: number): Promise<void> => dial(port, ofLength(5, 12)).socket.destroySoon();
    expect(await withRequest(hangingUp, (req) => readRequest(req))).toEqual({ reason: 'body_aborted' });
  });

  test.each<[string, (req: IncomingMessage) => unknown]>([
    ['is destroyed without an error', (req) => req.removeAllListeners('aborted') && req.destroy()],
    ['is destroyed with an error', (req) => req.destroy(new Error('broken'))],
    ['fails', (req) => req.emit('error', new Error('the connection broke'))],
  ])('a body whose stream %s is aborted', async (_how, end) => {
    const result = withRequest(ofLength(5, 12), (req) => {
      const reading = readRequest(req);
      end(req);
      return reading;
    });
    expect(await result).toEqual({ reason: 'body_aborted' });
  });
});

describe('the request afterwards', () => {
  test.each([
    ['was read', ofLength(12), {}],
    ['was refused for its declaration', ofLength(101), {}],
    ['was refused for its bytes', ofChunks(101), {}],
    ['did not arrive in time', ofLength(5, 12), { timeoutMs: 20 }],
  ])('a body that %s leaves neither a timer nor a listener', async (_how, send, limits) => {
    const { port, request } = await listen((_req, res) => res.writeHead(204).end());
    dial(port, send);
    const req = await request;
    const before = req.eventNames();
    const timers = watchTimers();
    await readRequest(req, limits);
    expect(timers()).toEqual([]);
    expect(req.eventNames()).toEqual(before);
  });

  test('a stream that emits no close event is read to its end', async () => {
    const stream = new Readable({ read: () => {}, emitClose: false });
    const result = readStream(stream, undefined, LIMITS);
    stream.push('x');
    stream.push(null);
    expect(await shown(result)).toBe('x');
  });

  test('the stream of a body that was read has ended', async () => {
    await withRequest(ofLength(12), async (req) => {
      await readRequest(req);
      expect(req.readableEnded).toBe(true);
    });
  });

  test.each([
    ['exceeds the limit', Buffer.concat([Buffer.from(CHUNKED), chunk(Buffer.alloc(101))]), {}],
    ['stops', ofLength(12, 50), { timeoutMs: 50 }],
  ])('the stream of a body that %s is paused and stays open', async (_how, send, limits) => {
    await withRequest(send, async (req) => {
      await readRequest(req, limits);
      expect(req.isPaused()).toBe(true);
      expect(req.destroyed).toBe(false);
    });
  });
});
