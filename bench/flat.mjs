// Measures what grows with use. Usage: node flat.mjs [--rounds <n>], or node flat.mjs --deliveries <n> for the memory over time
import { parseArgs } from 'node:util';
import { flatCpu } from './flat-cpu.mjs';
import { flatMemory } from './flat-memory.mjs';
import { stopAll } from './processes.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    deliveries: { type: 'string' },
  },
});

try {
  if (values.deliveries === undefined) await flatCpu(Number(values.rounds));
  else await flatMemory(Number(values.deliveries));
} finally {
  stopAll();
}
