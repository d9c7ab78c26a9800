// Usage: node run.mjs [--quick] [--only <case,…>] [--rounds <n>] [--contenders <name,…>]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CONTENDERS } from './contenders/index.mjs';
import { startGenerator, startServer, stopAll } from './processes.mjs';
import { printCase, printOverview, summarise } from './report.mjs';
import { turn } from './turn.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    contenders: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
  },
});
const ROUNDS = Number(values.rounds ?? (values.quick ? 3 : 5));
const WARM_UP = 5;
const COUNTS = { 300: 8_000, 4096: 5_000, 65536: 1_000 };
const CASES = [300, 4096, 65_536]
  .flatMap((size) =>
    [false, true].flatMap((forged) =>
      (values.quick ? [32] : [32, 1, 128]).map((connections) => ({
        name: `${size}-${forged ? 'forged' : 'valid'}-${connections}`,
        size,
        forged,
        connections,
        count: Math.round(COUNTS[size] / (connections === 1 ? 4 : 1)),
      })),
    ),
  )
  .filter(({ name }) => !values.only || values.only.split(',').some((prefix) => name.startsWith(prefix)));
const NAMES = values.contenders ? values.contenders.split(',') : Object.keys(CONTENDERS);

const generator = startGenerator();
const servers = new Map();
for (const name of NAMES) servers.set(name, await startServer(name));

try {
  for (const { server } of servers.values()) server.kill('SIGSTOP');
  const report = [];
  for (const each of CASES) {
    const rounds = [];
    // The first round warms the code up and is not counted: V8 takes thousands of requests to be done with a new kind.
    // The order turns, so that nobody is always first.
    for (let round = 0; round <= ROUNDS; round++) {
      const order = NAMES.map((_, index) => NAMES[(index + round) % NAMES.length]);
      const figures = {};
      const count = round === 0 && each.connections === 32 ? each.count * WARM_UP : each.count;
      for (const name of order)
        figures[name] = await turn(generator, servers.get(name), { contender: name, ...each, count });
      if (round > 0) rounds.push(figures);
    }
    const summary = summarise(each, rounds, NAMES);
    printCase(summary);
    report.push(summary);
  }
  printOverview(report);
  if (values.out) writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  stopAll();
}
