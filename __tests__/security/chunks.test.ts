import crypto from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { EVENT_NAMES } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET, startApp } from '../helpers/harness.js';
import { heapInUse } from '../helpers/heap.js';
import { chunk, dial, hangUp, head, statusOf } from '../helpers/raw-http.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

const SIZE = 100_000;
const BYTES = chunk(Buffer.of(0x20)).toString().repeat(SIZE);
const HEAD = head({ 'x-signature': sign('forged', SECRET), 'transfer-encoding': 'chunked' });
/** A key for each of the 59 events. */
const KEYS = Object.fromEntries(EVENT_NAMES.map((name) => [name, `the key of ${name}`]));

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  test('45. a forged body in 1-byte chunks is hashed in a few updates per key', async () => {
    const { port } = await startApp(createApp({ secret: KEYS }));
    const update = jest.spyOn(Object.getPrototypeOf(crypto.createHmac('sha256', 'key')), 'update');
    expect(statusOf(await dial(port, `${HEAD}${BYTES}0\r\n\r\n`).answer)).toBe(403);
    const { length } = update.mock.calls;
    expect(length).toBeGreaterThanOrEqual(EVENT_NAMES.length);
    expect(length).toBeLessThan(EVENT_NAMES.length * 200);
  });

  test('45. unfinished bodies in 1-byte chunks take little more memory than their bytes', async () => {
    const { port, sockets } = await startApp(createApp({ secret: KEYS }));
    const connections = 4;
    const before = heapInUse();
    const peers = Array.from({ length: connections }, () => dial(port, `${HEAD}${BYTES}`));
    const sent = Buffer.byteLength(HEAD + BYTES);
    while (sockets.length < connections || sockets.some(({ bytesRead }) => bytesRead < sent)) await turn();
    expect(heapInUse() - before).toBeLessThan(10_000_000);
    for (const { socket } of peers) socket.destroy();
  });
});
