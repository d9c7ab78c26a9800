// Clients that never finish: they send their headers, then a byte now and then, until the server closes the connection.
import { once } from 'node:events';
import { connect } from 'node:net';
import { PATH } from './contenders/shared.mjs';

const HEAD =
  `POST ${PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n` +
  `x-signature: ${Buffer.alloc(32).toString('base64')}\r\n\r\n`;

process.on('disconnect', () => process.exit());
// Sends two messages: when all are connected, and when all connections are closed.
process.on('message', async ({ port, clients, everyMs }) => {
  const sockets = Array.from({ length: clients }, () => connect({ port, host: '127.0.0.1', noDelay: true }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  // Their writes are spread over time.
  const trickling = sockets.map((socket, index) => trickle(socket, everyMs, (everyMs * index) / clients));
  process.send('connected');
  process.send(await Promise.all(trickling));
});

function trickle(socket, everyMs, delay) {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let timer = setTimeout(() => {
      timer = setInterval(() => socket.write('x'), everyMs);
    }, delay);
    let answer = '';
    let answeredAt;
    socket.write(HEAD);
    socket.on('data', (data) => {
      answeredAt ??= performance.now() - startedAt;
      answer += data.latin1Slice();
    });
    socket.on('error', () => {}); // a reset counts as a close
    socket.once('close', () => {
      clearInterval(timer);
      resolve({ status: answer.slice(9, 12) || 'none', answeredAt, cutAt: performance.now() - startedAt });
    });
  });
}
