import { sampleEvent } from '../../src/testing/index.js';
import { type Run, type RunOptions, runCli } from './cli.js';
import { drained, open, type Place, routerOn, send } from './inbox.js';
import { next } from './waiting.js';

export const ONE_ATTEMPT = { retries: { attempts: 1 }, pollMs: 10 };

/** Stores events of these names. Their handlers fail for names that begin with `Email.`, so that those become dead letters. */
export async function fill(place: Place, names: readonly string[]): Promise<string[]> {
  const inbox = await open(place, ONE_ATTEMPT);
  const webhooks = routerOn(inbox);
  webhooks.on('Email.*', () => {
    throw new Error('not today');
  });
  const ids: string[] = [];
  for (const [index, name] of names.entries()) {
    const stored = next(webhooks, 'stored');
    await send(webhooks, { ...sampleEvent('User.LoggedIn'), event: name, created_on: 1_700_000_000 + index });
    ids.push((await stored).delivery.id);
  }
  await drained(inbox);
  await webhooks.close();
  return ids;
}

/** Runs `inbox` with the arguments on this inbox. */
export const cli = (place: Place, args: string, options: RunOptions = {}): Promise<Run> => {
  const env = { CAKEMAIL_INBOX_URL: place.address, CAKEMAIL_INBOX_NAME: place.options.name };
  return runCli(['inbox', ...args.split(' ')], { ...options, env });
};

/** Counts the deliveries by state. */
export async function counts(place: Place): Promise<{ dead: number; done: number; waiting: number }> {
  const { dead, done, waiting } = JSON.parse((await cli(place, 'stats --json')).out);
  return { dead, done, waiting };
}
