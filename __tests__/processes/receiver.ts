// A server with an inbox, in a process that a test may kill. Writes the id of each delivery that it handled to a file.
import { closeSync, openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const built = process.env.BUILT ? '../../dist/cjs' : '../../src';
const { createWebhookRouter } = (await import(`${built}/index.js`)) as typeof import('../../src/index.js');
const { openInbox } = (await import(`${built}/inbox/index.js`)) as typeof import('../../src/inbox/index.js');

const [address = '', options = '{}', log = '', secret = '', role] = process.argv.slice(2);
const file = openSync(log, 'a');
const inbox = await openInbox(address, { ...JSON.parse(options), leaseMs: 3_000, pollMs: 20 });
const webhooks = createWebhookRouter({ secret, inbox, worker: role !== 'web' && { concurrency: 20 }, logger: {} });
webhooks.onAny(async (_event, delivery) => {
  // In the middle of the work, a kill must find deliveries that are begun and not finished.
  await new Promise((resolve) => setImmediate(resolve));
  writeSync(file, `${delivery.id}\n`);
});
const server = createServer(webhooks).listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('message', async () => {
  server.close();
  await webhooks.close();
  closeSync(file);
  process.disconnect();
});
