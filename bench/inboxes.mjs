// Empty inboxes to measure. Redis and Postgres take part when REDIS_URL and DATABASE_URL are set.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

// The folder is in the project, because the system's temporary folder may be in memory.
const folder = mkdtempSync(join(import.meta.dirname, '.inbox-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const { REDIS_URL, DATABASE_URL } = process.env;

export const BACKENDS = [
  { name: 'SQLite', inbox: () => ({ address: `file:${join(folder, `${randomUUID()}.db`)}` }) },
  ...[
    { name: 'Redis', address: REDIS_URL },
    { name: 'Postgres', address: DATABASE_URL },
  ]
    .filter(({ address }) => address !== undefined)
    .map(({ name, address }) => ({ name, inbox: () => ({ address, name: `bench-${randomUUID()}` }) })),
];
