import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CakemailEvent, createWebhookRouter, type Delivery, PermanentError } from 'cakemail-webhooks';
import { openInbox } from 'cakemail-webhooks/inbox';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';

/** Responds with 202 once a delivery is on disk. Its handlers run afterwards, and again if they fail. */
export async function createDurableReceiver(secret: string | undefined, address: string) {
  const inbox = await openInbox(address, { retries: { attempts: 5, baseMs: 100 } });
  const webhooks = createWebhookRouter({ secret, inbox });
  // A handler with an id that succeeded does not run again when the other one fails.
  webhooks.on('Email.Bounced', ({ account_id }) => console.log(`account ${account_id}: recorded`), { id: 'record' });
  webhooks.on('Email.Bounced', suppress, { id: 'suppress' });
  webhooks.lifecycle.on('dead', ({ id, reason, error }) => {
    console.log(`delivery ${id.slice(0, 8)} is a dead letter: ${reason} (${error.message})`);
  });
  return { inbox, webhooks };
}

async function suppress({ account_id }: CakemailEvent<'Email.Bounced'>, { attempt }: Delivery): Promise<void> {
  if (account_id === 2 && attempt < 3) throw new Error('the database is unreachable');
  if (account_id === 3) throw new PermanentError('the account does not exist');
  console.log(`account ${account_id}: suppressed in attempt ${attempt}`);
}

if (process.argv[1] === import.meta.filename) {
  const secret = 'only for this example';
  // Pass the address of a Redis or Postgres as an argument to use it instead.
  const address = process.argv[2] ?? `file:${join(mkdtempSync(join(tmpdir(), 'cakemail-webhooks-')), 'webhooks.db')}`;
  const { inbox, webhooks } = await createDurableReceiver(secret, address);
  webhooks.onError((error) => console.log(`failed: ${error.message}`));
  for (const account_id of [1, 2, 3]) {
    const outcome = await webhooks.receive(signedRequest(sampleEvent('Email.Bounced', { account_id }), { secret }));
    console.log(`account ${account_id}: ${outcome.status} ${outcome.kind}`);
  }
  const busy = async () => (({ waiting, active }) => waiting + active > 0)(await inbox.stats());
  while (await busy()) await new Promise((resolve) => setTimeout(resolve, 50));
  console.log(await inbox.stats());
  await webhooks.close();
}
