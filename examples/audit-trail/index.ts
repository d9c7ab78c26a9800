import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';
import { createAuditApp } from './app.js';

// Without your key the example makes one, because it signs deliveries to itself.
const secret = process.env.CAKEMAIL_WEBHOOK_SECRET || randomBytes(24).toString('hex');
const { app, audit, webhooks, panel } = createAuditApp(secret, process.env.AUDIT_DB ?? 'audit-trail.db');

const server = app.listen(Number(process.env.PORT ?? 3000));
server.on('error', (error) => {
  console.error(`Cannot listen: ${error.message}. Choose another port: PORT=3001 npm start`);
  process.exit(1);
});
await once(server, 'listening');
const base = `http://localhost:${(server.address() as AddressInfo).port}`;
const url = `${base}/webhooks/cakemail`;
console.log(`Receiving Cakemail webhooks at ${url}\nSee them arrive at ${base}${panel.url}\n`);

const login = signedRequest(sampleEvent('User.LoggedIn'), { secret });
const forged = signedRequest(login.body, { secret: 'a key that Cakemail never had' });
const tampered = login.body.replace('johndoe1@', 'attacker@');

let reason = '';
webhooks.lifecycle.on('rejected', (notice) => {
  reason = ` (reason, not sent: ${notice.reason})`;
});

async function send(label: string, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
  reason = '';
  const response = await fetch(url, { method: 'POST', headers, body });
  console.log(`${label.padEnd(32)} ${response.status} ${await response.text()}${reason}`);
}

await send('a correctly signed login', login.headers, login.body);
await send('the same delivery again', login.headers, login.body);
await send('a login signed with another key', forged.headers, forged.body);
await send('the first login, changed', login.headers, tampered);

console.log('\nThe audit trail:');
console.table(audit.latest(5).map((row) => ({ ...row, delivery: `${row.delivery.slice(0, 12)}…` })));
const next = sampleEvent('User.LoggedIn', { created_on: Math.floor(Date.now() / 1000) });
webhooks.lifecycle.on('handled', ({ event }) => console.log('recorded', event.event));
webhooks.lifecycle.on('duplicate', ({ event }) => console.log('duplicate of', event.event));
webhooks.lifecycle.on('rejected', (notice) => console.log('rejected:', notice.reason));
console.log(`Still listening; press Ctrl-C to stop. Try:\n\n${signedRequest(next, { secret }).curl(url)}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    panel.close();
    await webhooks.close();
    await closed;
    audit.close();
    process.exit(0);
  });
}
