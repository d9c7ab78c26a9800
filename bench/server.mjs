// One contender in a process of its own. Answers its parent's questions about time and memory.
import { load } from './contenders/index.mjs';
import { seen } from './contenders/shared.mjs';

const { listen } = await load(process.argv[2]);
const server = listen().listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

process.on('SIGINT', () => process.exit());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuMicroseconds: user + system, rss: process.memoryUsage.rss(), events: seen.events });
});
