import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { ADAPTERS } from '../helpers/adapters.js';
import { FORGED, SECRET, SIGNED } from '../helpers/harness.js';
import { chunk, dial, flood, hangUp, head, statusOf } from '../helpers/raw-http.js';
import { startRecordingApp } from '../helpers/recording-app.js';

afterEach(hangUp);

const KB = 1024;
const MB = 1024 * KB;
const CHUNKED = head({ ...SIGNED.headers, 'transfer-encoding': 'chunked' });
const LAST = '0\r\n\r\n';

describe.each(ADAPTERS)('by %s', (_adapter, createApp) => {
  const withLength = head({ ...SIGNED.headers, 'content-length': SIGNED.body.length });
  const bytes = Buffer.from(SIGNED.body);
  const thirds = [bytes.subarray(0, 20), bytes.subarray(20, 21), bytes.subarray(21)];

  /** Sends parts of a request one by one, each when the one before it has arrived. */
  async function sent(pieces: readonly (string | Buffer)[], options?: Partial<WebhookRouterOptions>) {
    const server = await startRecordingApp(createApp, options);
    const peer = dial(server.port, pieces[0] ?? '');
    let total = Buffer.byteLength(pieces[0] ?? '');
    for (const piece of pieces.slice(1)) {
      await server.request;
      while ((server.sockets[0]?.bytesRead ?? 0) < total) await turn();
      peer.socket.write(piece);
      total += Buffer.byteLength(piece);
    }
    return { ...server, answer: await peer.answer };
  }

  test.each<[string, (string | Buffer)[]]>([
    ['that comes with its headers', [withLength + SIGNED.body]],
    ['that comes in a later packet', [withLength, bytes]],
    ['of which a part comes with its headers', [withLength + SIGNED.body.slice(0, 10), bytes.subarray(10)]],
    [
      'of which each byte comes in a packet of its own',
      [withLength, ...bytes].map((piece) => (typeof piece === 'number' ? Buffer.of(piece) : piece)),
    ],
    ['that comes with its headers in one chunk', [`${CHUNKED}${chunk(bytes)}${LAST}`]],
    ['that comes with its headers in many chunks', [`${CHUNKED}${thirds.map(chunk).join('')}${LAST}`]],
    ['of which each chunk comes in a packet of its own', [CHUNKED, ...thirds.map(chunk), LAST]],
    ['of which only the last chunk comes later', [`${CHUNKED}${chunk(bytes)}`, LAST]],
    [
      'of which each byte of each chunk comes in a packet of its own',
      [CHUNKED, ...[...chunk(bytes)].map((byte) => Buffer.of(byte)), LAST],
    ],
    ['in chunks that end with trailers', [`${CHUNKED}${chunk(bytes)}0\r\nx-checked: yes\r\n\r\n`]],
  ])('a body %s is read exactly', async (_how, pieces) => {
    const { answer, seen, reasons } = await sent(pieces);
    expect(answer).toContain('{"status":"handled"}');
    expect(answer).toMatch(/^connection: keep-alive/im);
    expect(reasons).toEqual([]);
    expect(seen.map(({ rawBody }) => rawBody)).toEqual([bytes]);
  });

  test.each<[string, string[]]>([
    ['with length 0', [head({ 'x-signature': sign('', SECRET), 'content-length': 0 })]],
    ['without a declared length', [head({ 'x-signature': sign('', SECRET) })]],
    ['without chunks', [head({ 'x-signature': sign('', SECRET), 'transfer-encoding': 'chunked' }) + LAST]],
    [
      'without chunks, which ends later',
      [head({ 'x-signature': sign('', SECRET), 'transfer-encoding': 'chunked' }), LAST],
    ],
  ])('a body %s is empty, and not an event', async (_how, pieces) => {
    const { answer, reasons } = await sent(pieces);
    expect(statusOf(answer)).toBe(400);
    expect(answer).toMatch(/^connection: keep-alive/im);
    expect(reasons).toEqual(['not_json']);
  });

  test.each<[string, (body: Buffer) => (string | Buffer)[]]>([
    ['comes with its headers', (body) => [Buffer.concat([Buffer.from(lengthOf(body)), body])]],
    ['comes in a later packet', (body) => [lengthOf(body), body]],
    ['comes in chunks', (body) => [`${chunkedHead(body)}${chunk(body)}${LAST}`]],
  ])('a body that %s may have exactly the limit, and not one byte more', async (_how, pieces) => {
    const of = (size: number) => Buffer.from(`{"event":"Email.Sent"}`.padEnd(size));
    expect(statusOf((await sent(pieces(of(100)), { limit: 100 })).answer)).toBe(200);
    const { answer, reasons, seen } = await sent(pieces(of(101)), { limit: 100 });
    expect(statusOf(answer)).toBe(413);
    expect({ seen, reasons }).toEqual({ seen: [], reasons: ['body_too_large'] });
  });

  const lengthOf = (body: Buffer) => head({ 'x-signature': sign(body, SECRET), 'content-length': body.length });
  const chunkedHead = (body: Buffer) => head({ 'x-signature': sign(body, SECRET), 'transfer-encoding': 'chunked' });

  test('a body of 200 KB, which does not fit into one packet, is read exactly', async () => {
    const large = Buffer.from(JSON.stringify({ event: 'Email.Sent', data: 'é'.repeat(100 * KB) }));
    const { answer, seen } = await sent([Buffer.concat([Buffer.from(lengthOf(large)), large])]);
    expect(statusOf(answer)).toBe(200);
    expect(seen[0]?.rawBody.equals(large)).toBe(true);
  });

  test.each([
    ['with a declared length', { 'content-length': 20 * MB }, Buffer.alloc(64 * KB)],
    ['in chunks', { 'transfer-encoding': 'chunked' }, chunk(Buffer.alloc(64 * KB))],
  ])('a body of 20 MB %s is refused while it is sent, and its sender reads the 413', async (_how, framing, piece) => {
    const { port, sockets, reasons } = await startRecordingApp(createApp);
    const peer = dial(port, head({ ...SIGNED.headers, ...framing }));
    const answer = await Promise.race([peer.answer, flood(peer.socket, piece, 20 * MB)]);
    expect(statusOf(answer)).toBe(413);
    expect(answer).toContain('ERR_BODY_TOO_LARGE');
    expect(answer).toMatch(/^connection: close/im);
    await peer.closed;
    expect(sockets[0]?.bytesRead).toBeLessThan(4 * MB);
    expect(reasons).toEqual(['body_too_large']);
  });

  test('a sender that expects 100 Continue before it sends its body gets it', async () => {
    const { port, seen } = await startRecordingApp(createApp);
    const peer = dial(port, head({ ...SIGNED.headers, 'content-length': bytes.length, expect: '100-continue' }));
    expect(await peer.answer).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    const answer = once(peer.socket, 'data');
    peer.socket.write(bytes);
    expect(String(await answer)).toContain('{"status":"handled"}');
    expect(seen).toHaveLength(1);
  });

  test('requests that come in one packet get their responses in order', async () => {
    const { port, seen, webhooks } = await startRecordingApp(createApp);
    const handled = new Promise<void>((resolve) => {
      let count = 0;
      webhooks.lifecycle.on('handled', () => ++count === 2 && resolve());
    });
    const second = signedRequest(sampleEvent('Email.Sent'), { secret: SECRET });
    const requests = [SIGNED, { ...SIGNED, headers: FORGED }, second].map(
      ({ headers, body }) => head({ ...headers, 'content-length': Buffer.byteLength(body) }) + body,
    );
    const { socket } = dial(port, requests.join(''));
    let answers = '';
    socket.on('data', (text) => {
      answers += text;
    });
    await handled;
    while (answers.split('HTTP/1.1 ').length < 4 || !answers.endsWith('}')) await once(socket, 'data');
    expect(answers.match(/(?<=HTTP\/1.1 )\d+/g)).toEqual(['200', '403', '200']);
    expect(seen.map(({ rawBody }) => rawBody.toString())).toEqual([SIGNED.body, second.body]);
  });
});
