// The load generator, in a process of its own. It uses raw sockets, and builds and signs all requests before the clock starts.
import { connect } from 'node:net';
import { load } from './contenders/index.mjs';
import { eventName, PATH, SECRET } from './contenders/shared.mjs';
import { payload } from './payload.mjs';

process.on('disconnect', () => process.exit());
process.on('message', async ({ contender, port, size, forged, connections, count, names }) => {
  const { sign } = await load(contender);
  const requests = buildRequests(sign, { size, forged, count, names });
  const result = await drive(requests, port, connections);
  process.send(result);
});

/** `names` is the number of invented event names to cycle through; without it all requests carry the documented event. */
function buildRequests(sign, { size, forged, count, names }) {
  const round = process.hrtime.bigint().toString(36);
  return Array.from({ length: count }, (_, index) => {
    const body = Buffer.from(payload(size, `${round}-${index}`, names && eventName(index % names)));
    const headers = sign(body, forged ? 'not the secret at all, really not' : SECRET);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head =
      `POST ${PATH} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n${lines.join('')}\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  });
}

function drive(requests, port, connections) {
  const latencies = new Float64Array(requests.length);
  const statuses = {};
  let next = 0;
  let done = 0;
  return new Promise((resolve, reject) => {
    const sockets = [];
    let open = 0;
    let startedAt;
    for (let i = 0; i < connections; i++) {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      sockets.push(socket);
      let index = -1;
      let sentAt = 0;
      let answer = '';
      const send = () => {
        if (next >= requests.length) return;
        index = next++;
        answer = '';
        sentAt = performance.now();
        socket.write(requests[index]);
      };
      socket.on('connect', () => {
        if (++open < connections) return;
        startedAt = performance.now();
        for (const each of sockets) each.emit('go');
      });
      socket.on('go', send);
      socket.on('data', (chunk) => {
        answer += chunk.latin1Slice();
        if (!isWhole(answer)) return;
        latencies[index] = performance.now() - sentAt;
        const status = answer.slice(9, 12);
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (++done === requests.length) finish();
        else send();
      });
      socket.on('error', reject);
      socket.on('close', () => done < requests.length && reject(new Error('the server closed a connection')));
    }
    function finish() {
      const seconds = (performance.now() - startedAt) / 1000;
      for (const socket of sockets) socket.destroy();
      latencies.sort();
      const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
      resolve({ seconds, statuses, p50: at(0.5), p99: at(0.99) });
    }
  });
}

function isWhole(answer) {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer);
  if (length !== null) return answer.length >= end + 4 + Number(length[1]);
  return answer.endsWith('\r\n0\r\n\r\n');
}
