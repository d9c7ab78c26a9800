import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { CapturedBody } from '../../../src/http/body/captured-body.js';
import { collect } from '../../../src/http/body/collect.js';
import { chunk, dial, hangUp, head, listen, withRequest } from '../../helpers/raw-http.js';

afterEach(hangUp);

const LIMITS = { limit: 100, timeoutMs: 60_000 };
const CHUNKED = head({ 'transfer-encoding': 'chunked' });

/** The sizes of the pieces that were collected, or why they were not. */
function shown(body: CapturedBody): number[] | CapturedBody {
  return 'pieces' in body ? body.pieces.map(({ length }) => length) : body;
}

const chunked = (...sizes: number[]): Buffer =>
  Buffer.concat([
    Buffer.from(CHUNKED),
    ...sizes.map((size) => chunk(Buffer.alloc(size, 'x'))),
    Buffer.from('0\r\n\r\n'),
  ]);

const collected = async (send: string | Buffer): Promise<number[] | CapturedBody> =>
  withRequest(send, async (req) => shown(await collect(req, LIMITS)));

test('large chunks stay as they came', async () => {
  const limits = { ...LIMITS, limit: 20_000 };
  const sizes = withRequest(chunked(5_000, 6_000, 7_000), async (req) => shown(await collect(req, limits)));
  expect(await sizes).toEqual([5_000, 6_000, 7_000]);
  expect(await collected(head({ 'content-length': 12 }) + 'x'.repeat(12))).toEqual([12]);
});

test('a body in chunks of one byte is collected in few buffers, which keep at most twice its bytes alive', async () => {
  const size = 65_536;
  const limits = { ...LIMITS, limit: size };
  await withRequest(chunked(...Array<number>(size).fill(1)), async (req) => {
    const body = await collect(req, limits);
    const pieces = 'pieces' in body ? body.pieces : [];
    expect(Buffer.concat(pieces).equals(Buffer.alloc(size, 'x'))).toBe(true);
    expect(pieces.length).toBeLessThan(16);
    const memory = new Set(pieces.map(({ buffer }) => buffer));
    expect([...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(2 * size);
  });
});

test('nothing is a body without pieces', async () => {
  expect(await collected(chunked())).toEqual([]);
  expect(await collected(head({ 'content-length': 0 }))).toEqual([]);
});

test('exactly the limit is taken, and not one byte more', async () => {
  expect(await collected(chunked(60, 40))).toEqual([60, 40]);
  expect(await collected(chunked(60, 41))).toEqual({ reason: 'body_too_large' });
});

test('a refused one is read no further, and nobody listens any more', async () => {
  await withRequest(Buffer.concat([Buffer.from(CHUNKED), chunk(Buffer.alloc(101))]), async (req) => {
    const before = req.eventNames();
    expect(await collect(req, LIMITS)).toEqual({ reason: 'body_too_large' });
    expect(req.isPaused()).toBe(true);
    expect(req.eventNames()).toEqual(before);
  });
});

test('one that does not arrive in time is refused', async () => {
  const send = `${head({ 'content-length': 12 })}xxxxxx`;
  const result = withRequest(send, (req) => collect(req, { ...LIMITS, timeoutMs: 20 }));
  expect(await result).toEqual({ reason: 'body_timeout' });
});

test.each<[string, (req: IncomingMessage, hangUpOn: () => void) => void]>([
  ['the sender hangs up', (_req, hangUpOn) => hangUpOn()],
  ['the request is destroyed', (req) => void req.destroy()],
  ['the request fails', (req) => void req.destroy(new Error('broken'))],
])('when %s it is aborted, and no timer is left', async (_what, end) => {
  const settled = new Promise<CapturedBody>((resolve) => {
    void listen((req) => resolve(collect(req, LIMITS))).then(async ({ port, request }) => {
      const { socket } = dial(port, `${head({ 'content-length': 12 })}xxxxxx`);
      const req = await request;
      if (req.readableFlowing !== true) await once(req, 'resume');
      end(req, () => socket.destroy());
    });
  });
  expect(await settled).toEqual({ reason: 'body_aborted' });
});
