import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWebhookRouter, PermanentError } from 'cakemail-webhooks';
import { openInbox } from 'cakemail-webhooks/inbox';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';

/** A receiver that answers 202 once a delivery is on disk, and handles it afterwards, again and again if it must. */
export async function createDurableReceiver(secret: string | undefined, address: string) {
  const inbox = await openInbox(address, { retries: { attempts: 5, baseMs: 100 } });
  const webhooks = createWebhookRouter({ secret, inbox });
  webhooks.on('Email.Bounced', async ({ account_id }, { attempt }) => {
    if (account_id === 2 && attempt < 3) throw new Error('the database is away');
    if (account_id === 3) throw new PermanentError('there is no such account');
    console.log(`account ${account_id}: handled in attempt ${attempt}`);
  });
  webhooks.lifecycle.on('dead', ({ id, reason, error }) => {
    console.log(`delivery ${id.slice(0, 8)} is a dead letter: ${reason} (${error.message})`);
  });
  return { inbox, webhooks };
}

if (process.argv[1] === import.meta.filename) {
  const secret = 'only for this example';
  // Or the address of a Redis or Postgres, as an argument.
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
