// Clients that send far too much: raw sockets that write as long as the server accepts data, and read answers at any time.
import { once } from 'node:events';
import { connect } from 'node:net';
import { load } from './contenders/index.mjs';
import { PATH } from './contenders/shared.mjs';

const PIECE = Buffer.alloc(64 * 1024, 'x');
const CHUNK = Buffer.concat([Buffer.from('10000\r\n'), PIECE, Buffer.from('\r\n')]);
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
/** Milliseconds for a server to answer and to end a connection. */
const PATIENCE = 30_000;

process.on('disconnect', () => process.exit());
process.on('message', async ({ contender, port, clients, bytes, chunked, limit }) => {
  const { sign } = await load(contender);
  const length = chunked ? 'transfer-encoding: chunked' : `content-length: ${bytes}`;
  // The signature is of other bytes, because a forger has no key.
  const lines = Object.entries(sign(PIECE, 'not the secret at all, really not')).map((entry) => entry.join(': '));
  const head = [`POST ${PATH} HTTP/1.1`, 'host: localhost', 'content-type: application/json', length, ...lines];
  const sockets = Array.from({ length: clients }, () => connect({ port, host: '127.0.0.1', noDelay: true }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const request = { head: `${head.join('\r\n')}\r\n\r\n`, bytes, chunked, limit };
  process.send(await Promise.all(sockets.map((socket) => flood(socket, request))));
});

/** Resolves when the connection has ended, with the bytes sent and the answer. */
function flood(socket, { head, bytes, chunked, limit }) {
  return new Promise((resolve) => {
    let accepted = 0;
    let answer = '';
    let answeredAt;
    let whole = false;
    const startedAt = performance.now();
    // A declared length exceeds the limit as soon as the head has arrived.
    let crossedAt = chunked ? undefined : startedAt;

    const endIfDone = () => whole && answer !== '' && socket.destroy();
    const timer = setTimeout(() => socket.destroy(), PATIENCE);
    socket.on('data', (data) => {
      answeredAt ??= performance.now();
      answer += data.latin1Slice();
      endIfDone();
    });
    socket.on('error', () => {}); // a reset counts as an ordinary end
    socket.once('close', () => {
      clearTimeout(timer);
      resolve({
        status: answer.slice(9, 12) || 'none',
        sinceStart: answeredAt && answeredAt - startedAt,
        sinceLimit: answeredAt && crossedAt && answeredAt - crossedAt,
        lasted: performance.now() - startedAt,
        accepted,
      });
    });

    // The callback means that the kernel accepted the chunk. The next one waits a turn, so that answers are read in between.
    const send = () => {
      socket.write(chunked ? CHUNK : PIECE.subarray(0, Math.min(PIECE.length, bytes - accepted)), (error) => {
        if (error) return;
        accepted = Math.min(bytes, accepted + PIECE.length);
        if (accepted > limit) crossedAt ??= performance.now();
        if (accepted < bytes) setImmediate(send);
        else finish();
      });
    };
    const finish = () => {
      if (chunked) socket.write(LAST_CHUNK);
      whole = true;
      endIfDone();
    };
    socket.write(head);
    send();
  });
}
