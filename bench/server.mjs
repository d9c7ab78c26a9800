// Runs one contender in a process of its own. Answers its parent's questions about time, memory and connections.
import { load } from './contenders/index.mjs';
import { seen } from './contenders/shared.mjs';

const { listen } = await load(process.argv[2]);
const listening = await listen(JSON.parse(process.argv[3] ?? '{}'));
const server = listening.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

/** Bytes read from each connection that ended since the last question. */
let ended = [];
server.on('connection', (socket) => socket.once('close', () => ended.push(socket.bytesRead)));

process.on('SIGINT', () => process.exit());
process.on('disconnect', () => process.exit());
process.on('message', (question) => {
  if (question === 'collect') globalThis.gc(); // needs --expose-gc
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  process.send({ cpuMicroseconds: user + system, rss, heapUsed, events: seen.events, ended });
  ended = [];
});
