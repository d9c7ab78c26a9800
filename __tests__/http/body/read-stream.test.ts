import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { BodyFlaw, BodyLimits, CapturedBody } from '../../../src/http/body/captured-body.js';
import { readStream as readSource } from '../../../src/http/body/read-stream.js';
import { concat } from '../../../src/shared/bytes.js';
import { heapInUse } from '../../helpers/heap.js';
import { chunk, dial, hangUp, head, listen, withRequest } from '../../helpers/raw-http.js';

afterEach(hangUp);

const LIMITS: BodyLimits = { limit: 100, timeoutMs: 60_000 };
const CHUNKED = head({ 'transfer-encoding': 'chunked' });
const LAST = '0\r\n\r\n';

type Shown = string | { readonly reason: BodyFlaw };

function readStream(req: IncomingMessage, limits: BodyLimits): Promise<CapturedBody> {
  return readSource(req, req.headers['content-length'], limits);
}

/** The text of a body that was read, or why it was not. */
async function shown(captured: Promise<CapturedBody>): Promise<Shown> {
  const body = await captured;
  return 'pieces' in body ? concat(body.pieces).toString() : body;
}

function read(send: string | Buffer, limits: Partial<BodyLimits> = {}): Promise<Shown> {
  return shown(withRequest(send, (req) => readStream(req, { ...LIMITS, ...limits })));
}

const ofLength = (size: number, declared = size): string => head({ 'content-length': declared }) + 'x'.repeat(size);
const ofChunks = (...sizes: number[]): string =>
  CHUNKED + sizes.map((size) => chunk(Buffer.alloc(size, 'x'))).join('') + LAST;

describe('a body of a declared length', () => {
  test('is read to its end', async () => {
    expect(await read(ofLength(12))).toBe('x'.repeat(12));
  });

  test('may be empty', async () => {
    expect(await read(ofLength(0))).toBe('');
  });

  test('may have exactly the limit, and not one byte more', async () => {
    expect(await read(ofLength(100))).toBe('x'.repeat(100));
    expect(await read(ofLength(101))).toEqual({ reason: 'body_too_large' });
  });

  test('is refused by its declaration alone', async () => {
    expect(await read(ofLength(0, 101))).toEqual({ reason: 'body_too_large' });
  });
});

describe('a body in chunks', () => {
  test('is put together', async () => {
    expect(await read(ofChunks(5, 7))).toBe('x'.repeat(12));
  });

  test('may have exactly the limit, and not one byte more', async () => {
    expect(await read(ofChunks(50, 50))).toBe('x'.repeat(100));
    expect(await read(ofChunks(50, 51))).toEqual({ reason: 'body_too_large' });
  });
});

describe('a body in chunks of one byte', () => {
  test('keeps no chunk alive while the rest is awaited', async () => {
    const chunks: WeakRef<Buffer>[] = [];
    const stream = new Readable({ read: () => {} });
    const reading = readSource(stream, undefined, { ...LIMITS, limit: 10_000 });
    for (let count = 0; count < 5_000; count++) {
      const byte = Buffer.alloc(1, 'x');
      chunks.push(new WeakRef(byte));
      stream.push(byte);
      if (count % 500 === 0) await turn();
    }
    await turn();
    expect(stream.readableLength).toBe(0);
    heapInUse(); // collects the garbage
    await turn();
    expect(chunks.filter((each) => each.deref() !== undefined).length).toBeLessThan(50);
    stream.push(null);
    expect(await shown(reading)).toBe('x'.repeat(5_000));
  });

  test('becomes few buffers', async () => {
    const bytes = [...Buffer.alloc(2_000, 'x')].map((byte) => Buffer.of(byte));
    const source = Readable.from(bytes, { objectMode: false });
    const body = await readSource(source, undefined, { ...LIMITS, limit: 2_000 });
    const pieces = 'pieces' in body ? body.pieces : [];
    expect(concat(pieces).toString()).toBe('x'.repeat(2_000));
    expect(pieces.length).toBeLessThan(8);
  });
});

test('a length that an adapter got wrong is a body that is not complete', async () => {
  const captured = withRequest(ofLength(12), (req) => {
    req.headers['content-length'] = '13';
    return readStream(req, LIMITS);
  });
  expect(await captured).toEqual({ reason: 'body_aborted' });
});

describe('a sender that stops', () => {
  test('in the middle is given its time, and no more', async () => {
    const started = performance.now();
    expect(await read(ofLength(5, 12), { timeoutMs: 100 })).toEqual({ reason: 'body_timeout' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(95);
  });

  test('and hangs up has aborted', async () => {
    const hangingUp = async (port: number): Promise<void> => dial(port, ofLength(5, 12)).socket.destroySoon();
    expect(await withRequest(hangingUp, (req) => readStream(req, LIMITS))).toEqual({ reason: 'body_aborted' });
  });

  test('has aborted too when the stream is destroyed without an error', async () => {
    const captured = withRequest(ofLength(5, 12), (req) => {
      const reading = readStream(req, LIMITS);
      req.removeAllListeners('aborted');
      req.destroy();
      return reading;
    });
    expect(await captured).toEqual({ reason: 'body_aborted' });
  });

  test('because its connection breaks has aborted', async () => {
    const captured = withRequest(ofLength(5, 12), (req) => {
      const reading = readStream(req, LIMITS);
      req.emit('error', new Error('the connection broke'));
      return reading;
    });
    expect(await captured).toEqual({ reason: 'body_aborted' });
  });
});

test.each([
  ['was told to give text', { reason: 'body_consumed' }],
  ['has ended', { reason: 'body_consumed' }],
])('a stream that %s is consumed', async (how, expected) => {
  const captured = withRequest(ofLength(12), async (req) => {
    if (how === 'has ended') await req.resume().toArray();
    else req.setEncoding('utf8');
    return readStream(req, LIMITS);
  });
  expect(await captured).toEqual(expected);
});

describe('what is left behind', () => {
  const waiting = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  test.each([
    ['read', ofLength(12)],
    ['refused', ofLength(101)],
  ])('a body that was %s leaves no timer and no listener', async (_how, send) => {
    const { port, request } = await listen((_req, res) => res.writeHead(204).end());
    dial(port, send);
    const req = await request;
    const before = { timers: waiting(), close: req.listenerCount('close') };
    await readStream(req, LIMITS);
    expect({ timers: waiting(), close: req.listenerCount('close') }).toEqual(before);
  });

  test('a body that was read has ended its stream', async () => {
    await withRequest(ofLength(12), async (req) => {
      await readStream(req, LIMITS);
      expect(req.readableEnded).toBe(true);
    });
  });

  test('a refused body is not read on', async () => {
    await withRequest(ofLength(12, 101), async (req) => {
      await readStream(req, LIMITS);
      expect(req.isPaused()).toBe(true);
    });
  });

  test('a body that stopped is not read on', async () => {
    await withRequest(ofLength(12, 50), async (req) => {
      await readStream(req, { ...LIMITS, timeoutMs: 50 });
      expect(req.isPaused()).toBe(true);
    });
  });
});
