// Measures valid traffic while slow clients hold connections open. Usage: node slow.mjs [--rounds <n>] [--clients <n>] [--contenders <name,…>]
import { parseArgs } from 'node:util';
import { forgetPeak, memoryOf } from './memory.mjs';
import { answerOf, ask, startGenerator, startServer, stop, stopAll } from './processes.mjs';
import { added, median, printTable } from './table.mjs';
import { drive } from './turn.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '200' },
    contenders: { type: 'string', default: 'ours in Express,ours in front' },
  },
});
const BODY_MS = 3_000;
const CLIENTS = Number(values.clients);
const TRAFFIC = { size: 300, connections: 32 };
const HEADS = [
  'contender',
  'req/s without',
  'req/s with',
  'with / without',
  'slow ones there for',
  'CPU µs/req without',
  'CPU µs/req with',
  'RSS MB for the connections',
  'RSS MB under load',
  'answers',
  'answered after ms',
  'cut after ms',
];

async function measure(contender, generator, slow) {
  const running = await startServer(contender, { timeoutMs: { body: BODY_MS } });
  const once = (count) => drive(generator, running, { contender, count, ...TRAFFIC });
  await once(20_000);
  // Half of the slow clients' time limit, so that all of them stay until the last request.
  const count = Math.round(((await once(20_000)).rate * BODY_MS) / 2000);
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const steps = [() => withoutSlow(running, () => once(count)), () => withSlow(running, slow, () => once(count))];
    // The order alternates, so that neither is always first.
    const figures = {};
    for (const step of round % 2 ? steps.reverse() : steps) Object.assign(figures, await step());
    rounds.push(figures);
  }
  stop(running.server);
  return row(contender, rounds);
}

async function withoutSlow({ server }, traffic) {
  forgetPeak(server);
  const without = await traffic();
  return { without, peakWithout: memoryOf(server).peak };
}

async function withSlow({ server, port }, slow, traffic) {
  const idle = memoryOf(server).rss;
  const startedAt = performance.now();
  await ask(slow, { port, clients: CLIENTS, everyMs: 100 });
  const allCut = answerOf(slow);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const held = memoryOf(server).rss - idle;
  forgetPeak(server);
  const figures = await traffic();
  const lasted = performance.now() - startedAt;
  const peakWith = memoryOf(server).peak;
  const cut = await allCut;
  return { with: figures, peakWith, held, cut, overlap: Math.min(1, ...cut.map(({ cutAt }) => cutAt / lasted)) };
}

function row(contender, rounds) {
  const of = (pick) => median(rounds.map(pick));
  const cut = rounds.flatMap((round) => round.cut);
  const statuses = [...new Set(cut.map(({ status }) => status))];
  const range = (list) => `${Math.round(Math.min(...list))} to ${Math.round(Math.max(...list))}`;
  return [
    contender,
    Math.round(of((round) => round.without.rate)),
    Math.round(of((round) => round.with.rate)),
    of((round) => round.with.rate / round.without.rate).toFixed(2),
    `${Math.round(Math.min(...rounds.map(({ overlap }) => overlap)) * 100)} %`,
    of((round) => round.without.cpu).toFixed(1),
    of((round) => round.with.cpu).toFixed(1),
    added(of((round) => round.held)),
    added(of((round) => round.peakWith - round.peakWithout)),
    statuses.map((status) => `${cut.filter((each) => each.status === status).length} × ${status}`).join(', '),
    range(cut.map(({ answeredAt }) => answeredAt ?? Number.NaN)),
    range(cut.map(({ cutAt }) => cutAt)),
  ];
}

try {
  const generator = startGenerator();
  const slow = startGenerator('./slow-clients.mjs');
  const rows = [];
  for (const contender of values.contenders.split(',')) rows.push(await measure(contender, generator, slow));
  console.log(`\n${CLIENTS} slow clients, ${BODY_MS} ms for a body, median of ${values.rounds} rounds\n`);
  printTable(HEADS, rows);
} finally {
  stopAll();
}
