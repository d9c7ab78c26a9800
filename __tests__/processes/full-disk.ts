// Fills the disk that its inbox is on, in a process (and a mount namespace) of its own. Prints what it saw as JSON.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';

const built = process.env.BUILT ? '../../dist/cjs' : '../../src';
const { createWebhookRouter } = (await import(`${built}/index.js`)) as typeof import('../../src/index.js');
const { openInbox } = (await import(`${built}/inbox/index.js`)) as typeof import('../../src/inbox/index.js');
const { signedRequest } = (await import(`${built}/testing/index.js`)) as typeof import('../../src/testing/index.js');
const { default: Database } = await import('libsql');

const [folder = ''] = process.argv.slice(2);
const secret = 'the key of a test';
const file = join(folder, 'inbox.db');
const ballast = join(folder, 'ballast');
writeFileSync(ballast, Buffer.alloc(30_000_000));

const lines: string[] = [];
const write = (...line: unknown[]): unknown =>
  lines.push(inspect(line, { depth: Number.POSITIVE_INFINITY, showHidden: true }));
const logger = { error: write, warn: write };
const webhooks = createWebhookRouter({ secret, inbox: await openInbox(`file:${file}`), worker: false, logger });
const handled = new Set<string>();
webhooks.onAny((_event, { id }) => handled.add(id));

const acknowledged: string[] = [];
const statuses: number[] = [];
async function send(index: number): Promise<number> {
  const payload = { event: 'Email.Sent', data: { index, pad: 'x'.repeat(50_000) } };
  const outcome = await webhooks.receive(signedRequest(payload, { secret }));
  if ('delivery' in outcome && outcome.status === 202) acknowledged.push(outcome.delivery.id);
  if (statuses.at(-1) !== outcome.status) statuses.push(outcome.status);
  return outcome.status;
}

let index = 0;
let refused = 0;
// A log that is full is shortened, so there may be room once more.
while (refused < 20) refused = (await send(index++)) === 202 ? 0 : refused + 1;
const whenFull = [...new Set(statuses)];
rmSync(ballast);
statuses.length = 0;
for (let more = 0; more < 20; more++) await send(index++);

webhooks.work();
while (handled.size < acknowledged.length) await new Promise((resolve) => setTimeout(resolve, 10));
await webhooks.close();
const db = new Database(file);
const [integrity] = db.prepare('PRAGMA integrity_check').all() as unknown[];
const [counts] = db.prepare('SELECT state, count(*) AS count FROM deliveries GROUP BY state').all() as unknown[];
console.log(
  JSON.stringify({
    whenFull,
    whenFree: statuses,
    acknowledged: acknowledged.length,
    handled: handled.size,
    integrity,
    counts,
    lines,
  }),
);
