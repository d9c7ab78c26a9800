// Mutation testing, one room of src/ at a time against its own tests: `npm run mutation [room …]`.
// With all tests it would take hours, mostly in HTTP tests that reach every line of every room.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

const ROOMS = {
  signature: { mutate: 'src/signature/**/*.ts', tests: '__tests__/(signature/|security/(signature|signing))' },
  dedupe: { mutate: 'src/dedupe/**/*.ts', tests: '__tests__/(dedupe/|security/hostile)' },
  handlers: { mutate: 'src/handlers/**/*.ts', tests: '__tests__/(handlers/|security/(dispatch|handlers|hostile))' },
  pipeline: {
    mutate: 'src/pipeline.ts',
    tests: '__tests__/((pipeline|router)\\.test|dedupe/deduplicator|security/hostile)',
  },
  body: { mutate: 'src/http/body/**/*.ts', tests: '__tests__/http/body/' },
};

const rooms = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(ROOMS);
for (const room of rooms) {
  const { mutate, tests } = ROOMS[room];
  console.log(`\n=== ${room}`);
  const env = { ...process.env, MUTATION_TESTS: tests };
  const options = { cwd: dirname(import.meta.dirname), env, stdio: 'inherit', shell: process.platform === 'win32' };
  // Stryker fails below the threshold in its configuration.
  if (spawnSync('npx', ['stryker', 'run', '--mutate', mutate], options).status !== 0) process.exitCode = 1;
}
