import type { IncomingMessage } from 'node:http';
import { discardRest, linger } from '../../src/http/linger.js';
import { chunk, dial, flood, hangUp, head, type Listening, listen, type Peer } from '../helpers/raw-http.js';

afterEach(hangUp);

const KB = 1024;
const MB = 1024 * KB;
/** What a refused sender may still send. */
const ALLOWANCE = 128 * KB;
const CHUNKED = head({ 'transfer-encoding': 'chunked' });

/** A server that lingers with every request, and answers none. */
async function lingering(): Promise<
  Listening & { readonly done: Promise<IncomingMessage>; readonly calls: () => number }
> {
  let calls = 0;
  let settle: (req: IncomingMessage) => void = () => {};
  const done = new Promise<IncomingMessage>((resolve) => {
    settle = resolve;
  });
  const listening = await listen(
    (req) =>
      void linger(req, () => {
        calls++;
        settle(req);
      }),
  );
  return { ...listening, done, calls: () => calls };
}

test('a sender that goes on to its end, within its allowance, is read to its end', async () => {
  const server = await lingering();
  const sender = dial(server.port, head({ 'content-length': ALLOWANCE / 2 }));
  sender.socket.write(Buffer.alloc(ALLOWANCE / 2));
  const req = await server.done;
  expect(req.readableEnded).toBe(true);
});

test.each<[string, 'end' | 'close', (sender: Peer, req: IncomingMessage) => unknown]>([
  ['a sender that finishes', 'end', ({ socket }) => socket.write('0\r\n\r\n')],
  ['a sender that hangs up', 'close', ({ socket }) => socket.destroy()],
  ['a request that this side gives up', 'close', (_sender, req) => req.destroy()],
])('%s is let go at its %s, without waiting', async (_who, event, stop) => {
  const server = await lingering();
  const sender = dial(server.port, CHUNKED);
  const req = await server.request;
  const over = new Promise((resolve) => req.once(event, resolve));
  stop(sender, req);
  await over;
  await new Promise(setImmediate);
  expect(server.calls()).toBe(1);
});

test('a sender that is silent is given its time', async () => {
  const server = await lingering();
  dial(server.port, CHUNKED);
  await server.request;
  const started = performance.now();
  await server.done;
  expect(performance.now() - started).toBeGreaterThan(900);
});

test('a sender that does not stop is held up beyond its allowance, and given time to find its answer', async () => {
  const server = await lingering();
  const sender = dial(server.port, CHUNKED);
  const heldUp = server.request.then((req) => new Promise((resolve) => req.once('pause', resolve)));
  const all = flood(sender.socket, chunk(Buffer.alloc(64 * KB)), 50 * MB);
  await Promise.race([heldUp, all]);
  const started = performance.now();
  const req = await Promise.race([server.done, all.then(() => undefined)]);
  expect(performance.now() - started).toBeGreaterThan(900);
  expect(req?.isPaused()).toBe(true);
  expect(server.sockets[0]?.bytesRead).toBeGreaterThan(ALLOWANCE);
  expect(server.sockets[0]?.bytesRead).toBeLessThan(MB);
});

test('the allowance is spent by the bytes of the body, to the last one', async () => {
  const server = await lingering();
  const sender = dial(server.port, head({ 'content-length': ALLOWANCE }));
  sender.socket.write(Buffer.alloc(ALLOWANCE));
  const req = await server.done;
  expect(req.readableEnded).toBe(true);
});

test('a sender that hangs up after its time is not told of again', async () => {
  const server = await lingering();
  const sender = dial(server.port, CHUNKED);
  const req = await server.done;
  sender.socket.destroy();
  await new Promise((resolve) => req.once('close', resolve));
  expect(server.calls()).toBe(1);
});

test('a sender that is held up and hangs up is let go without waiting on', async () => {
  const server = await lingering();
  const sender = dial(server.port, CHUNKED);
  const req = await server.request;
  const heldUp = new Promise((resolve) => req.once('pause', resolve));
  void flood(sender.socket, chunk(Buffer.alloc(64 * KB)), 50 * MB);
  await heldUp;
  const closed = new Promise((resolve) => req.once('close', resolve));
  req.destroy();
  await closed;
  await new Promise(setImmediate);
  expect(server.calls()).toBe(1);
});

describe('the rest of a request', () => {
  /** What becomes of the rest, when a sender goes on like this. */
  async function discarded(
    start: string,
    goOn: (sender: Peer) => unknown = () => {},
  ): Promise<[boolean, IncomingMessage]> {
    const { port, request } = await listen(() => {});
    const sender = dial(port, start);
    const req = await request;
    const over = discardRest(req);
    goOn(sender);
    return [await over, req];
  }

  test('that is small and quick is read to its end', async () => {
    const [over, req] = await discarded(head({ 'content-length': ALLOWANCE }), ({ socket }) =>
      socket.write(Buffer.alloc(ALLOWANCE)),
    );
    expect(over).toBe(true);
    expect(req.complete).toBe(true);
  });

  test('is over when the sender hangs up', async () => {
    const [over, req] = await discarded(CHUNKED, ({ socket }) => socket.destroy());
    expect(over).toBe(true);
    expect(req.destroyed).toBe(true);
  });

  test('that is large is not over, and not read on', async () => {
    const [over, req] = await discarded(CHUNKED, ({ socket }) => flood(socket, chunk(Buffer.alloc(64 * KB)), 50 * MB));
    expect(over).toBe(false);
    expect(req.isPaused()).toBe(true);
  });

  test('that is slow is not over, and not read on', async () => {
    const [over, req] = await discarded(CHUNKED);
    expect(over).toBe(false);
    expect(req.isPaused()).toBe(true);
    expect(['data', 'end', 'error'].map((name) => req.listenerCount(name))).toEqual([0, 0, 0]);
  });
});

test('it tells only once, and leaves no listener and no timer behind', async () => {
  const waiting = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = waiting();
  const server = await lingering();
  const sender = dial(server.port, head({ 'content-length': 1 }));
  sender.socket.write('x');
  const req = await server.done;
  expect(waiting()).toBe(before);
  expect(['data', 'error'].map((name) => req.listenerCount(name))).toEqual([0, 0]);
  sender.socket.destroy();
  await new Promise<void>((resolve) => (req.closed ? resolve() : req.once('close', resolve)));
  expect(server.calls()).toBe(1);
});
