// Measures CPU per request by the number of registered names and of remembered deliveries.
import { startGenerator, startServer } from './processes.mjs';
import { median, printTable } from './table.mjs';
import { turn } from './turn.mjs';

const CONTENDER = 'ours-filled';
const COUNT = 3_000;
/** The number of turns that warm up the code and are not counted. */
const WARM_UP = 4;
/** The default of `dedupe.max`. */
const MAX = 100_000;

/** Prints a table. The requests cycle through half of the names. */
export async function flatCpu(rounds) {
  const cases = casesFor((rounds + WARM_UP) * COUNT);
  const generator = startGenerator();
  for (const each of cases) {
    each.running = await startServer(CONTENDER, each.settings);
    each.running.server.kill('SIGSTOP');
  }
  // The order rotates, so that no case is always first.
  for (let round = 0; round <= rounds; round++) {
    for (const [index] of cases.entries()) {
      const { settings, running, cpu } = cases[(index + round) % cases.length];
      const count = round === 0 ? COUNT * WARM_UP : COUNT;
      const traffic = { contender: CONTENDER, size: 300, connections: 32, count, names: settings.names / 2 };
      const figures = await turn(generator, running, traffic);
      if (round > 0) cpu.push(figures.cpu);
    }
  }
  console.log(`\n300 B, 32 connections, median of ${rounds} rounds\n`);
  printTable(['names', 'dedupe memory', 'CPU µs/req', '× the first'], cases.map(row));
}

/** The cases leave room for the requests of the measurement, which are remembered too. */
function casesFor(traffic) {
  // Each unpublished name causes a warning, which goes to the logger. Thousands of process warnings at once would make V8
  // promote short-lived objects, and slow down every request.
  const one = (names, memory, remembered) => ({ memory, settings: { names, remembered, logger: {} }, cpu: [] });
  return [
    ...[10, 100, 1_000, 10_000].map((names) => one(names, 'empty', 0)),
    one(10, 'half full', (MAX - traffic) / 2),
    one(10, 'full', MAX - traffic - 1),
  ];
}

function row({ settings, memory, cpu }, _, [first]) {
  const ratio = median(cpu.map((figure, round) => figure / first.cpu[round]));
  return [settings.names, memory, median(cpu).toFixed(1), ratio.toFixed(2)];
}
