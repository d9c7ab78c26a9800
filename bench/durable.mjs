// Measures the cost of an inbox: deliveries acknowledged per second, and handled per second afterwards.
// Usage: node durable.mjs [--rounds <n>] [--count <n>] [--drain <n>]
import { parseArgs } from 'node:util';
import { createWebhookRouter } from 'cakemail-webhooks';
import { openInbox } from 'cakemail-webhooks/inbox';
import { cakemailHeaders, SECRET } from './contenders/shared.mjs';
import { BACKENDS } from './inboxes.mjs';
import { payload } from './payload.mjs';
import { startGenerator, startServer, stopAll } from './processes.mjs';
import { median, printTable } from './table.mjs';
import { turn } from './turn.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    count: { type: 'string', default: '5000' },
    drain: { type: 'string', default: '20000' },
  },
});
const ROUNDS = Number(values.rounds);
const CONCURRENCY = 10;

/** Measures each adapter without an inbox, then with one, with and without its worker. */
async function acknowledged() {
  const cases = ['ours in Express', 'ours in front'].flatMap((adapter) => [
    { name: adapter, base: adapter, contender: adapter, settings: {} },
    ...BACKENDS.flatMap(({ name, inbox }) =>
      [false, { concurrency: CONCURRENCY }].map((worker) => ({
        name: `${adapter}, ${name}${worker ? ' with its worker' : ''}`,
        base: adapter,
        contender: 'ours-durable',
        settings: { ...inbox(), inFront: adapter === 'ours in front', worker },
      })),
    ),
  ]);
  const generator = startGenerator();
  for (const each of cases) {
    each.running = await startServer(each.contender, each.settings);
    each.running.server.kill('SIGSTOP');
    each.rates = [];
    each.cpu = [];
  }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const each of cases) {
      const request = { contender: each.contender, size: 300, connections: 32, count: Number(values.count) };
      const { rate, cpu } = await turn(generator, each.running, request);
      if (round === 0) continue;
      each.rates.push(rate);
      each.cpu.push(cpu);
    }
  }
  stopAll();
  const ratesOf = (adapter) => cases.find(({ name }) => name === adapter).rates;
  console.log(`\n300 B, 32 connections, median of ${ROUNDS} rounds\n`);
  printTable(
    ['', 'answers/s', '× without an inbox', 'CPU µs'],
    cases.map(({ name, base, rates, cpu }) => [
      name,
      Math.round(median(rates)),
      median(rates.map((rate, round) => rate / ratesOf(base)[round])).toFixed(2),
      median(cpu).toFixed(1),
    ]),
  );
}

/** Stores deliveries, then handles them with a handler that does nothing, to measure the inbox alone. */
async function drained({ inbox }) {
  const { address, ...options } = inbox();
  const opened = await openInbox(address, options);
  const webhooks = createWebhookRouter({ secret: SECRET, inbox: opened, worker: false, logger: {} });
  const count = Number(values.drain);
  let storing = performance.now();
  for (let from = 0; from < count; from += 500) {
    const batch = Array.from({ length: 500 }, (_, index) => payload(300, from + index));
    await Promise.all(batch.map((rawBody) => webhooks.receive({ rawBody, headers: cakemailHeaders(rawBody, SECRET) })));
  }
  storing = performance.now() - storing;
  let left = count;
  const start = performance.now();
  await new Promise((resolve) => {
    webhooks.onAny(() => --left === 0 && resolve());
    webhooks.work({ concurrency: CONCURRENCY });
  });
  const draining = performance.now() - start;
  await webhooks.close();
  return [storing, draining].map((ms) => Math.round(count / (ms / 1000)));
}

try {
  await acknowledged();
  console.log(`\n${values.drain} deliveries of 300 B, ${CONCURRENCY} at a time\n`);
  const rows = [];
  for (const backend of BACKENDS) rows.push([backend.name, ...(await drained(backend))]);
  printTable(['', 'stored/s', 'handled/s'], rows);
} finally {
  stopAll();
}
