// What an inbox costs. Usage: node durable.mjs [--rounds <n>] [--count <n>]
import { parseArgs } from 'node:util';
import { startGenerator, startServer, stopAll } from './processes.mjs';
import { median, printTable } from './table.mjs';
import { turn } from './turn.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, count: { type: 'string', default: '5000' } },
});
const CASES = [
  { name: 'no inbox', contender: 'ours in front', settings: {} },
  { name: 'SQLite, receive-only', contender: 'ours-durable', settings: { worker: false } },
  { name: 'SQLite, with its worker', contender: 'ours-durable', settings: {} },
];

try {
  const generator = startGenerator();
  for (const each of CASES) {
    each.running = await startServer(each.contender, each.settings);
    each.running.server.kill('SIGSTOP');
    each.rates = [];
    each.cpu = [];
  }
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const each of CASES) {
      const request = { contender: each.contender, size: 300, connections: 32, count: Number(values.count) };
      const { rate, cpu } = await turn(generator, each.running, request);
      if (round === 0) continue;
      each.rates.push(rate);
      each.cpu.push(cpu);
    }
  }
  console.log(`\n300 B, 32 connections, median of ${values.rounds} rounds\n`);
  const [base] = CASES;
  printTable(
    ['', 'req/s', '× no inbox', 'CPU µs/req'],
    CASES.map(({ name, rates, cpu }) => [
      name,
      Math.round(median(rates)),
      median(rates.map((rate, round) => rate / base.rates[round])).toFixed(2),
      median(cpu).toFixed(1),
    ]),
  );
} finally {
  stopAll();
}
