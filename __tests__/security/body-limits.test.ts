import { createHook } from 'node:async_hooks';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { keepRawBody, type WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { type Mount, SECRET } from '../helpers/harness.js';
import { chunk, dial, flood, hangUp, head, statusOf } from '../helpers/raw-http.js';
import { recordingApp, startRecordingApp } from '../helpers/recording-app.js';

afterEach(hangUp);

const MB = 1024 * 1024;
const EVENT = JSON.stringify(sampleEvent('User.LoggedIn'));

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const recorded = (options?: Partial<WebhookRouterOptions>, mount?: Mount) => recordingApp(createApp, options, mount);
  const served = (options?: Partial<WebhookRouterOptions>) => startRecordingApp(createApp, options);

  describe('bodies over the limit', () => {
    const TOTAL = 50 * MB;
    const MOST_ACCEPTED = 4 * MB;
    const piece = Buffer.alloc(64 * 1024, 'x');
    const unsigned = { 'content-type': 'application/json', 'x-signature': sign('x', SECRET) };

    test('27. a declared length over the limit is refused before any of the body is sent', async () => {
      const { port, seen, reasons } = await served();
      const sender = dial(port, head({ ...unsigned, 'content-length': 256 * 1024 + 1 }));
      expect(statusOf(await sender.answer)).toBe(413);
      expect(reasons).toEqual(['body_too_large']);
      expect(seen).toEqual([]);
    });

    test('27. a body of exactly the limit is accepted, and one byte more is refused', async () => {
      const { deliverBytes } = recorded({ limit: EVENT.length + 1 });
      expect((await deliverBytes(EVENT)).status).toBe(200);
      expect((await deliverBytes(`${EVENT}\n`)).status).toBe(200);
      expect((await deliverBytes(`${EVENT}\n\n`)).status).toBe(413);
    });

    test.each([
      ['with a content-length', { 'content-length': TOTAL }, piece],
      ['chunked', { 'transfer-encoding': 'chunked' }, chunk(piece)],
    ])('27. a sender of 50 MB %s reads its 413, and at most 4 MB are accepted', async (_how, framing, frame) => {
      const { port, sockets, seen, reasons } = await served();
      const sender = dial(port, head({ ...unsigned, ...framing }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, frame, TOTAL)]);
      expect(statusOf(answer)).toBe(413);
      expect(answer).toContain('ERR_BODY_TOO_LARGE');
      expect(answer).toMatch(/^connection: close/im);
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(reasons).toEqual(['body_too_large']);
      expect(seen).toEqual([]);
    });

    test('27. a sender of 50 MB that declared ten bytes is disconnected', async () => {
      const { port, sockets, seen } = await served();
      const sender = dial(port, head({ ...unsigned, 'content-length': 10 }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, piece, TOTAL)]);
      expect([400, 403]).toContain(statusOf(answer)); // the ten bytes are forged, and what follows them is not HTTP
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(seen).toEqual([]);
    });

    test('27. a body that is chunked and has a declared length reaches no handler', async () => {
      const { port, seen } = await served();
      const sender = dial(port, head({ ...unsigned, 'content-length': 10, 'transfer-encoding': 'chunked' }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, chunk(piece), TOTAL)]);
      expect([400, 413]).toContain(statusOf(answer));
      await sender.closed;
      expect(seen).toEqual([]);
    });

    test('27. the limit holds for bytes that another parser kept', async () => {
      const verify = { verify: keepRawBody, limit: MB };
      const { deliverBytes, seen } = recorded({}, { before: [express.json(verify)] });
      const padded = JSON.stringify({ event: 'Email.Sent', data: 'x'.repeat(256 * 1024) });
      expect((await deliverBytes(padded)).status).toBe(413);
      expect(seen).toEqual([]);
    });

    test('27. eight senders of 50 MB at the same time read their 413, and at most 4 MB of each are accepted', async () => {
      const { port, sockets, seen } = await served();
      const senders = Array.from({ length: 8 }, () => {
        const sender = dial(port, head({ ...unsigned, 'transfer-encoding': 'chunked' }));
        void flood(sender.socket, chunk(piece), TOTAL);
        return sender;
      });
      const answers = await Promise.all(senders.map((sender) => sender.answer));
      expect(answers.map(statusOf)).toEqual(Array(8).fill(413));
      await Promise.all(senders.map((sender) => sender.closed));
      for (const socket of sockets) expect(socket.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(seen).toEqual([]);
    });

    test("27. a sender of 50 MB reads its 413 with errors: 'next' too, and at most 4 MB are accepted", async () => {
      const { port, sockets, seen } = await served({ logger: {}, errors: 'next' });
      const sender = dial(port, head({ ...unsigned, 'transfer-encoding': 'chunked' }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, chunk(piece), TOTAL)]);
      expect(statusOf(answer)).toBe(413);
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(seen).toEqual([]);
    });
  });

  describe('compressed bodies', () => {
    const bomb = gzipSync(Buffer.alloc(20 * MB));
    /** How many zlib engines are made while something runs. */
    async function enginesDuring(work: () => Promise<unknown>): Promise<number> {
      let engines = 0;
      const hook = createHook({ init: (_id, type) => void (type === 'ZLIB' && engines++) }).enable();
      await work().finally(() => hook.disable());
      return engines;
    }

    test('28. a gzip bomb is refused, and nothing is inflated', async () => {
      const { deliverBytes, seen, reasons } = recorded();
      const engines = await enginesDuring(async () => {
        const response = await deliverBytes(bomb, { 'content-encoding': 'gzip' });
        expect(response.status).toBe(415);
        expect(response.body).toMatchObject({ error: { code: 'ERR_CONTENT_ENCODING' } });
      });
      expect(engines).toBe(0);
      expect(reasons).toEqual(['content_encoding']);
      expect(seen).toEqual([]);
    });

    test.each(['gzip', 'deflate', 'br', 'zstd', 'compress', 'gzip, br', 'gzip, gzip', '__proto__', 'constructor'])(
      '28. a body with the content encoding %j is refused although its signature is right',
      async (encoding) => {
        const { deliverBytes, seen } = recorded();
        const response = await deliverBytes(EVENT, { 'content-encoding': encoding });
        expect(response.status).toBe(415);
        expect(seen).toEqual([]);
      },
    );

    test('28. at most 4 MB of a compressed body of 50 MB are accepted', async () => {
      const { port, sockets, seen } = await served();
      const encoding = { 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' };
      const sender = dial(port, head({ 'x-signature': sign('x', SECRET), ...encoding }));
      const more = chunk(Buffer.alloc(64 * 1024));
      const answer = await Promise.race([sender.answer, flood(sender.socket, more, 50 * MB)]);
      expect(statusOf(answer)).toBe(415);
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(4 * MB);
      expect(seen).toEqual([]);
    });
  });
});
