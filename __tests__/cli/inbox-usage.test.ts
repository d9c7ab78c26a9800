import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInbox } from '../../src/inbox/index.js';
import { createWebhookRouter } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { type Run, runCli } from '../helpers/cli.js';

const SECRET = 'the key of a webhook';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inbox-usage-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('inbox', () => {
  const look = (args: string, env?: object): Promise<Run> =>
    runCli(['inbox', ...args.split(' ')], { env: { CAKEMAIL_INBOX_URL: `file:${join(folder, 'inbox.db')}`, ...env } });

  test('is listed, shown, counted and replayed', async () => {
    const inbox = await openInbox(`file:${join(folder, 'inbox.db')}`, { retries: { attempts: 1 } });
    const webhooks = createWebhookRouter({ secret: SECRET, inbox, logger: {} });
    webhooks.on('User.LoggedIn', () => {
      throw new Error('not today');
    });
    const died = new Promise<{ id: string }>((resolve) => webhooks.lifecycle.once('dead', resolve));
    await webhooks.receive(signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET }));
    const { id } = await died;
    await webhooks.close();

    expect((await look('list')).out).toContain(`${id}  User.LoggedIn  dead   1`);
    expect((await look('list --state waiting --json')).out).toBe('[]');
    expect((await look(`show ${id}`)).out).toContain('"email":"johndoe1@example.com"');
    expect(JSON.parse((await look(`show ${id} --json`)).out)).toMatchObject({ id, state: 'dead', error: 'not today' });
    expect(await look('show abc')).toMatchObject({ code: 2, err: expect.stringContaining('No delivery has') });
    expect((await look('stats')).out).toMatch(/User\.LoggedIn +0 +0 +0 +1\nall +0 +0 +0 +1$/);
    expect(await look('replay')).toMatchObject({ code: 2, err: expect.stringContaining('Pass an id') });
    expect((await look('replay --state dead --event User.LoggedIn --yes')).out).toBe('1 to be handled once more.');
    expect((await look('stats')).out).toMatch(
      /The oldest delivery that is not handled arrived \d+ s ago|all +1 +0 +0 +0/,
    );
    expect(JSON.parse((await look(`replay ${id} --yes --json`)).out)).toEqual({ replayed: 0 });
  });

  test.each([
    ['list', { CAKEMAIL_INBOX_URL: '' }, 2, 'Set CAKEMAIL_INBOX_URL'],
    ['list', { CAKEMAIL_INBOX_URL: 'redis://:hunter2@127.0.0.1:1' }, 2, 'Redis refuses connections'],
    ['list --since never', {}, 2, 'Write it as in 2026'],
    ['list --limit x', {}, 2, 'It must be a whole number'],
    ['list --limit 0', {}, 2, 'It must be a whole number'],
    ['list --limit -5', {}, 2, 'It must be a whole number'],
    ['list', { CAKEMAIL_INBOX_URL: 'file:/nowhere/at/all.db' }, 2, 'names a file that does not exist'],
    ['list', { CAKEMAIL_INBOX_URL: 'postgres://me:hunter2@127.0.0.1:1/app' }, 2, 'ECONNREFUSED'],
    ['list', { CAKEMAIL_INBOX_URL: 'postgras://me:hunter2@127.0.0.1:1/app' }, 2, 'needs an address'],
    ['stats', {}, 2, 'names a file that does not exist'],
  ])('refuses wrong usage: %s %j', async (args, env, code, said) => {
    const result = await look(args, env);
    expect([result.code, result.err]).toEqual([code, expect.stringContaining(said)]);
    expect(result.err).not.toContain('hunter2');
  });
});
