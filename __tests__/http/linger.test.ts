import type { IncomingMessage } from 'node:http';
import { drainRequest, linger } from '../../src/http/linger.js';
import { chunk, dial, flood, hangUp, head, type Listening, listen, type Peer } from '../helpers/raw-http.js';
import { watchTimers } from '../helpers/watch-timers.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

const KB = 1024;
const MB = 1024 * KB;
/** Bytes that a refused sender may still send. */
const ALLOWANCE = 128 * KB;
const CHUNKED = head({ 'transfer-encoding': 'chunked' });

/** Milliseconds that have passed since this was called. */
function stopwatch(): () => number {
  const started = performance.now();
  return () => performance.now() - started;
}

describe('linger()', () => {
  /** A server that lingers with its request and never responds. */
  async function lingering(): Promise<Listening & { readonly done: Promise<IncomingMessage> }> {
    let settle: (req: IncomingMessage) => void = () => {};
    const done = new Promise<IncomingMessage>((resolve) => {
      settle = resolve;
    });
    const listening = await listen((req) => void linger(req).then(() => settle(req)));
    return { ...listening, done };
  }

  test.each([ALLOWANCE / 2, ALLOWANCE])(
    'a body of %i bytes, within the allowance, is read to its end',
    async (size) => {
      const server = await lingering();
      const sender = dial(server.port, head({ 'content-length': size }));
      sender.socket.write(Buffer.alloc(size));
      const req = await server.done;
      expect(req.readableEnded).toBe(true);
    },
  );

  test.each<[string, (sender: Peer, req: IncomingMessage) => unknown]>([
    ['the sender finishes', ({ socket }) => socket.write('0\r\n\r\n')],
    ['the sender hangs up', ({ socket }) => socket.destroy()],
    ['this side destroys the request', (_sender, req) => req.destroy()],
  ])('it ends without waiting when %s', async (_how, stop) => {
    const server = await lingering();
    const timers = watchTimers();
    const sender = dial(server.port, CHUNKED);
    stop(sender, await server.request);
    await server.done;
    expect(timers()).toEqual([]);
  });

  test('a silent sender gets a second to stop, and another to read its response', async () => {
    const server = await lingering();
    dial(server.port, CHUNKED);
    await server.request;
    const elapsed = stopwatch();
    await server.done;
    expect(elapsed()).toBeGreaterThan(1_900);
  });

  test('a sender that exceeds its allowance is not read any further, and gets time to read its response', async () => {
    const server = await lingering();
    const sender = dial(server.port, CHUNKED);
    const paused = server.request.then((req) => new Promise((resolve) => req.once('pause', resolve)));
    const all = flood(sender.socket, chunk(Buffer.alloc(64 * KB)), 50 * MB);
    await Promise.race([paused, all]);
    const elapsed = stopwatch();
    const req = await Promise.race([server.done, all.then(() => undefined)]);
    expect(elapsed()).toBeGreaterThan(900);
    expect(req?.isPaused()).toBe(true);
    expect(server.sockets[0]?.bytesRead).toBeGreaterThan(ALLOWANCE);
    expect(server.sockets[0]?.bytesRead).toBeLessThan(MB);
  });

  test('it ends without waiting when a sender that exceeded its allowance hangs up', async () => {
    const server = await lingering();
    const sender = dial(server.port, CHUNKED);
    const timers = watchTimers();
    const req = await server.request;
    const paused = new Promise((resolve) => req.once('pause', resolve));
    void flood(sender.socket, chunk(Buffer.alloc(64 * KB)), 50 * MB);
    await paused;
    req.destroy();
    await server.done;
    expect(timers()).toEqual([]);
  });

  test('it leaves neither a listener nor a timer behind', async () => {
    const timers = watchTimers();
    const server = await lingering();
    const sender = dial(server.port, head({ 'content-length': 1 }));
    sender.socket.write('x');
    const req = await server.done;
    expect(timers()).toEqual([]);
    expect(['data', 'error'].map((name) => req.listenerCount(name))).toEqual([0, 0]);
  });
});

describe('drainRequest()', () => {
  /** Drains the request of a sender that goes on like this. */
  async function drained(
    start: string,
    goOn: (sender: Peer) => unknown = () => {},
  ): Promise<[isOver: boolean, req: IncomingMessage]> {
    const { port, request } = await listen(() => {});
    const sender = dial(port, start);
    const req = await request;
    const over = drainRequest(req);
    goOn(sender);
    return [await over, req];
  }

  test('a request that is small and quick is read to its end, and is over', async () => {
    const [isOver, req] = await drained(head({ 'content-length': ALLOWANCE }), ({ socket }) =>
      socket.write(Buffer.alloc(ALLOWANCE)),
    );
    expect(isOver).toBe(true);
    expect(req.complete).toBe(true);
  });

  test('a request whose sender hangs up is over', async () => {
    const [isOver, req] = await drained(CHUNKED, ({ socket }) => socket.destroy());
    expect(isOver).toBe(true);
    expect(req.destroyed).toBe(true);
  });

  test('a request that is large is not over, and is not read any further', async () => {
    const [isOver, req] = await drained(CHUNKED, ({ socket }) => flood(socket, chunk(Buffer.alloc(64 * KB)), 50 * MB));
    expect(isOver).toBe(false);
    expect(req.isPaused()).toBe(true);
  });

  test('a request that is slow is not over, and is not read any further', async () => {
    const [isOver, req] = await drained(CHUNKED);
    expect(isOver).toBe(false);
    expect(req.isPaused()).toBe(true);
    expect(['data', 'end', 'error'].map((name) => req.listenerCount(name))).toEqual([0, 0, 0]);
  });
});
