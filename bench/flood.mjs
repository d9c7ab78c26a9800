// Bodies far over the limit. Usage: node flood.mjs [--contenders <name,…>] [--clients <n>] [--megabytes <n>]
import { parseArgs } from 'node:util';
import { memoryOf, watch } from './memory.mjs';
import { ask, startGenerator, startServer, stop, stopAll } from './processes.mjs';
import { watchQueues } from './queues.mjs';
import { added, median, mega, printTable } from './table.mjs';
import { drive } from './turn.mjs';

/** The body limit of each contender in bytes. Our default is 256 KiB; @octokit/webhooks has none. */
const LIMITS = {
  snippet: 2 ** 20,
  '@octokit/webhooks': Number.MAX_SAFE_INTEGER,
  stripe: 2 ** 20,
  'ours in Express': 2 ** 18,
  'ours in front': 2 ** 18,
};
const { values } = parseArgs({
  options: {
    contenders: { type: 'string', default: Object.keys(LIMITS).join(',') },
    clients: { type: 'string', default: '8' },
    megabytes: { type: 'string', default: '50' },
  },
});
const CLIENTS = Number(values.clients);
const BYTES = Number(values.megabytes) * 1e6;
const HEADS = [
  'contender',
  'body',
  'answers',
  'ms from the first byte',
  'ms from the limit',
  'connection s',
  'MB accepted',
  'never left the client',
  'waited unread',
  'MB read by the server',
  'RSS MB before',
  'RSS at most',
  'RssAnon at most',
  'RSS after',
];

/** Express logs every error to the console, except in tests. */
const QUIET = { env: { ...process.env, NODE_ENV: 'test' } };

/** Starts a server per case and warms it up, so that its memory is that of ordinary work. */
async function measure(contender, chunked, { load, flood }) {
  const running = await startServer(contender, {}, QUIET);
  const { server, port } = running;
  await drive(load, running, { contender, size: 300, connections: 32, count: 20_000 });
  const request = { contender, port, bytes: BYTES, chunked, limit: LIMITS[contender] };
  await ask(flood, { ...request, clients: 1, bytes: 1e6 });
  await pause(500);
  await ask(server, 'usage');
  const before = memoryOf(server);
  const peaks = watch(server);
  const queued = watchQueues(port);
  const sent = await ask(flood, { ...request, clients: CLIENTS });
  const peak = peaks();
  const { unsent, unread } = queued();
  const read = await connectionsOf(server);
  const after = memoryOf(server);
  stop(server);
  const figure = (name, format) =>
    bothOf(
      sent.map((each) => each[name]).filter((value) => value !== undefined),
      format,
    );
  return [
    contender,
    chunked ? 'chunked' : 'content-length',
    answersOf(sent),
    figure('sinceStart', (ms) => ms.toFixed(1)),
    LIMITS[contender] < BYTES ? figure('sinceLimit', (ms) => ms.toFixed(1)) : '–',
    figure('lasted', (ms) => (ms / 1000).toFixed(2)),
    figure('accepted', mega),
    mega(unsent),
    mega(unread),
    bothOf(read, mega),
    mega(before.rss),
    added(peak.rss - before.rss),
    added(peak.anon - before.anon),
    added(after.rss - before.rss),
  ];
}

function answersOf(sent) {
  const counts = {};
  for (const { status } of sent) counts[status] = (counts[status] ?? 0) + 1;
  return Object.entries(counts)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ');
}

const bothOf = (list, format) => (list.length ? `${format(median(list))} / ${format(Math.max(...list))}` : '–');

/** The bytes that the server read from each client, once all connections have ended. */
async function connectionsOf(server) {
  const read = [];
  for (let tries = 0; read.length < CLIENTS && tries < 50; tries++) {
    read.push(...(await ask(server, 'usage')).ended);
    await pause(100);
  }
  return read;
}

/** Warms up the clients, because slow clients would make the first contender seem slow. */
async function warmUp(flood) {
  const contender = 'node:http by hand';
  const { server, port } = await startServer(contender);
  for (const chunked of [false, true, false, true])
    await ask(flood, { contender, port, clients: CLIENTS, bytes: 8e6, chunked, limit: 2 ** 18 });
  stop(server);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

try {
  const generators = { load: startGenerator(), flood: startGenerator('./flood-clients.mjs') };
  await warmUp(generators.flood);
  const rows = [];
  for (const contender of values.contenders.split(','))
    for (const chunked of [false, true]) rows.push(await measure(contender, chunked, generators));
  console.log(
    `\n${CLIENTS} clients at once, ${values.megabytes} MB each; median / maximum of the clients, queues at their fullest\n`,
  );
  printTable(HEADS, rows);
} finally {
  stopAll();
}
