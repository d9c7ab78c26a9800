// Usage: node run.mjs [--quick] [--only <case,…>] [--rounds <n>] [--contenders <name,…>]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CONTENDERS } from './contenders/index.mjs';
import { pin } from './pin.mjs';
import { printCase, summarise } from './report.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    contenders: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
  },
});
const ROUNDS = Number(values.rounds ?? (values.quick ? 3 : 7));
const COUNTS = { 300: 12_000, 4096: 8_000, 65536: 1_500 };
const CASES = [300, 4096, 65_536]
  .flatMap((size) =>
    [false, true].flatMap((forged) =>
      (values.quick ? [32] : [1, 32, 128]).map((connections) => ({
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

const generator = fork(new URL('./load.mjs', import.meta.url));
pin(generator.pid, 1);
const servers = new Map();
for (const name of NAMES) {
  const server = fork(new URL('./server.mjs', import.meta.url), [name], { execArgv: [] });
  pin(server.pid, 0);
  const [{ port }] = await once(server, 'message');
  servers.set(name, { server, port });
}

async function ask(child, question) {
  child.send(question);
  const [answer] = await once(child, 'message');
  return answer;
}

/** One contender's turn: the others are stopped, or their garbage collection would steal its core. */
async function turn(name, { size, forged, connections, count }) {
  const { server, port } = servers.get(name);
  server.kill('SIGCONT');
  const before = await ask(server, 'usage');
  const load = await ask(generator, { contender: name, port, size, forged, connections, count });
  const after = await ask(server, 'usage');
  server.kill('SIGSTOP');
  const expected = forged ? '4' : '2';
  const wrong = Object.keys(load.statuses).filter((status) => !status.startsWith(expected));
  if (wrong.length > 0) throw new Error(`${name} answered ${JSON.stringify(load.statuses)}`);
  return {
    rate: count / load.seconds,
    p50: load.p50,
    p99: load.p99,
    cpu: (after.cpuMicroseconds - before.cpuMicroseconds) / count,
  };
}

try {
  for (const { server } of servers.values()) server.kill('SIGSTOP');
  const report = [];
  for (const each of CASES) {
    const rounds = [];
    // The first round warms the code up and is not counted; the order turns, so that nobody is always first.
    for (let round = 0; round <= ROUNDS; round++) {
      const order = NAMES.map((_, index) => NAMES[(index + round) % NAMES.length]);
      const figures = {};
      for (const name of order) figures[name] = await turn(name, each);
      if (round > 0) rounds.push(figures);
    }
    const summary = summarise(each, rounds, NAMES);
    printCase(summary);
    report.push(summary);
  }
  if (values.out) writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  generator.kill('SIGKILL');
  for (const { server } of servers.values()) server.kill('SIGKILL');
}
