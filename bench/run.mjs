// Usage: node run.mjs [--quick] [--only <size-kind,…>] [--rounds <n>] [--contenders <name,…>]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CONTENDERS } from './contenders/index.mjs';
import { startGenerator, startServer, stop, stopAll } from './processes.mjs';
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
/** The factor by which the first round is longer. */
const WARM_UP = 5;
const COUNTS = { 300: 8_000, 4096: 5_000, 65536: 1_000 };
const CONNECTIONS = values.quick ? [32] : [32, 1, 128];
const KINDS = [300, 4096, 65_536]
  .flatMap((size) => [false, true].map((forged) => ({ name: `${size}-${forged ? 'forged' : 'valid'}`, size, forged })))
  .filter(({ name }) => !values.only || values.only.split(',').some((prefix) => name.startsWith(prefix)));
const NAMES = values.contenders ? values.contenders.split(',') : Object.keys(CONTENDERS);

const generator = startGenerator();
const report = [];
try {
  for (const kind of KINDS) await measure(kind);
  printOverview(report);
  if (values.out) writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  stopAll();
}

/** Starts new servers for every kind of request, because the memory of earlier requests would influence the result. */
async function measure(kind) {
  const servers = new Map();
  for (const name of NAMES) {
    servers.set(name, await startServer(name));
    servers.get(name).server.kill('SIGSTOP');
  }
  for (const [index, connections] of CONNECTIONS.entries()) {
    const count = Math.round(COUNTS[kind.size] / (connections === 1 ? 4 : 1));
    // V8 needs thousands of requests to optimise for a new kind.
    const rounds = await play(servers, { ...kind, connections, count }, index === 0 ? WARM_UP : 1);
    const summary = summarise({ ...kind, connections }, rounds, NAMES);
    printCase(summary);
    report.push(summary);
  }
  for (const { server } of servers.values()) stop(server);
}

/** The first round warms up and is not counted. The order rotates, so that no contender is always first. */
async function play(servers, each, warmUp) {
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const order = NAMES.map((_, index) => NAMES[(index + round) % NAMES.length]);
    const count = round === 0 ? each.count * warmUp : each.count;
    const figures = {};
    for (const name of order) {
      figures[name] = await turn(generator, servers.get(name), { ...each, contender: name, count });
    }
    if (round > 0) rounds.push(figures);
  }
  return rounds;
}
