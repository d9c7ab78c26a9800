// Empty inboxes to measure. Redis and Postgres take part when their addresses are given.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

// The files are in the project's folder because the system's folder for temporary files may be in memory.
const folder = mkdtempSync(join(import.meta.dirname, '.inbox-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const { REDIS_URL, DATABASE_URL } = process.env;

export const ENGINES = [
  { name: 'SQLite', inbox: () => ({ address: `file:${join(folder, `${randomUUID()}.db`)}` }) },
  ...[
    { name: 'Redis', address: REDIS_URL },
    { name: 'Postgres', address: DATABASE_URL },
  ]
    .filter(({ address }) => address !== undefined)
    .map(({ name, address }) => ({ name, inbox: () => ({ address, name: `bench-${randomUUID()}` }) })),
];
