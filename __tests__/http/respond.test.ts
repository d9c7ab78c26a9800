import { once } from 'node:events';
import type { OutcomeResponse } from '../../src/delivery/responses.js';
import { respond } from '../../src/http/respond.js';
import { chunk, dial, hangUp, head, listen, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

const RESPONSE: OutcomeResponse = {
  status: 418,
  headers: { 'content-type': 'text/plain', 'content-length': '6' },
  body: 'teapot',
};
const CHUNKED = head({ 'transfer-encoding': 'chunked' });

test('a request that was read to its end gets its response, and its connection stays open', async () => {
  const { port } = await listen((req, res) => req.resume().once('end', () => respond(req, res, RESPONSE)));
  const peer = dial(port, `${head({ 'content-length': 4 })}body`);
  const answer = await peer.answer;
  expect(statusOf(answer)).toBe(418);
  expect(answer).toMatch(/^content-type: text\/plain/im);
  expect(answer).toMatch(/^connection: keep-alive/im);
  expect(answer.endsWith('\r\n\r\nteapot')).toBe(true);
});

test('a request that is complete but unread gets its response, and its connection stays open', async () => {
  const { port, sockets } = await listen((req, res) => setImmediate(() => respond(req, res, RESPONSE)));
  const whole = `${head({ 'content-length': 4 })}body`;
  const peer = dial(port, whole);
  expect(await peer.answer).toMatch(/^connection: keep-alive/im);
  peer.socket.write(whole);
  await once(peer.socket, 'data');
  expect(sockets.length).toBe(1);
});

test('a request that goes on gets its response at once, and its connection is closed', async () => {
  const { port } = await listen((req, res) => respond(req, res, RESPONSE));
  const peer = dial(port, CHUNKED);
  const answer = await peer.answer;
  expect(statusOf(answer)).toBe(418);
  expect(answer).toMatch(/^connection: close/im);
  expect(answer.endsWith('\r\n\r\nteapot')).toBe(true);
  peer.socket.write(chunk(Buffer.from('more')));
  peer.socket.write('0\r\n\r\n');
  await peer.closed;
});

test('a request to which other middleware has responded gets no second response', async () => {
  const { port } = await listen((req, res) => {
    res.writeHead(200, { 'content-length': 4 });
    respond(req, res, RESPONSE);
    res.end('mine');
  });
  const answer = await dial(port, `${head({ 'content-length': 4 })}body`).answer;
  expect(statusOf(answer)).toBe(200);
  expect(answer.endsWith('\r\n\r\nmine')).toBe(true);
});

test('a request whose sender is gone gets no response', async () => {
  let responded: (isSent: boolean) => void = () => {};
  const sent = new Promise<boolean>((resolve) => {
    responded = resolve;
  });
  const { port, request } = await listen((req, res) => {
    req.on('error', () => {});
    res.once('close', () => {
      respond(req, res, RESPONSE);
      responded(res.headersSent);
    });
  });
  const peer = dial(port, CHUNKED);
  await request;
  peer.socket.destroy();
  expect(await sent).toBe(false);
});
