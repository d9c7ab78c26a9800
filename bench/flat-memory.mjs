// Measures memory over many distinct deliveries.
import { ask, startGenerator, startServer } from './processes.mjs';
import { mega, printTable } from './table.mjs';
import { drive } from './turn.mjs';

const CONTENDER = 'ours in front';
/** The number of requests that the generator prepares ahead. More would fill its own memory. */
const BATCH = 10_000;
const STEP = 100_000;
/** The points of each step at which memory is read. The dedupe memory drops its older half every 50,000, and is fullest before. */
const LOOKS = [25_000, 49_000, 50_000, 75_000, 99_000, 100_000];

/** Prints a row per 100,000 deliveries with the lowest and highest memory after a garbage collection. */
export async function flatMemory(deliveries) {
  const generator = startGenerator();
  const running = await startServer(CONTENDER, {}, { execArgv: ['--expose-gc'] });
  const steps = [];
  while (steps.length * STEP < deliveries) steps.push(await step(generator, running));

  printTable(['deliveries', 'RSS MB', 'heapUsed MB', 'RSS MB at the end', 'heapUsed MB at the end'], steps.map(row));
  // The first step fills the memory.
  const full = steps.slice(1);
  if (full.length === 0) return;
  const all = full.flat();
  const ends = full.map((looks) => looks.at(-1));
  console.log(`\nOnce the dedupe memory is full, from lowest to highest, in all and at the ends of the steps:`);
  for (const name of ['rss', 'heapUsed']) console.log(`${name} ${spread(all, name)} MB, ${spread(ends, name)} MB`);
}

async function step(generator, running) {
  const looks = [];
  let sent = 0;
  for (const until of LOOKS) {
    while (sent < until) {
      const count = Math.min(BATCH, until - sent);
      await drive(generator, running, { contender: CONTENDER, size: 300, connections: 32, count });
      sent += count;
    }
    looks.push(await ask(running.server, 'collect'));
  }
  return looks;
}

function row(looks, index) {
  const range = (name) => `${mega(Math.min(...values(looks, name)))} to ${mega(Math.max(...values(looks, name)))}`;
  const end = looks.at(-1);
  return [(index + 1) * STEP, range('rss'), range('heapUsed'), mega(end.rss), mega(end.heapUsed)];
}

const spread = (looks, name) => mega(Math.max(...values(looks, name)) - Math.min(...values(looks, name)));
const values = (looks, name) => looks.map((look) => look[name]);
