import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInbox } from '../../src/inbox/index.js';
import { type CakemailEvent, createWebhookRouter, type RejectionReason, type WebhookRouter } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { type Run, runCli } from '../helpers/cli.js';

const SECRET = 'the key of a webhook, which must stay secret';
const KEY = { CAKEMAIL_WEBHOOK_SECRET: SECRET };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'develop-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe('trigger', () => {
  let server: Server;
  let webhooks: WebhookRouter;
  let url: string;
  const events: CakemailEvent[] = [];
  const reasons: RejectionReason[] = [];
  beforeEach(async () => {
    for (const list of [events, reasons]) list.length = 0;
    webhooks = createWebhookRouter({ secret: SECRET, logger: {} });
    webhooks.onAny((event) => events.push(event as CakemailEvent));
    webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
    server = createServer(webhooks).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await webhooks.close();
  });

  const trigger = (args: readonly string[], env: object = KEY): Promise<Run> =>
    runCli(['trigger', '--url', url, ...args], { env });

  test('sends the documented sample, and shows how it was answered', async () => {
    const { code, out, err } = await trigger(['User.LoggedIn']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^200 \{"status":"unhandled"\} \d+ ms$/);
    expect(events).toEqual([{ ...sampleEvent('User.LoggedIn'), created_on: expect.any(Number) }]);
  });

  test('says what an unexpected answer means', async () => {
    await trigger(['User.LoggedIn', '--set', 'created_on=1']);
    expect((await trigger(['User.LoggedIn', '--set', 'created_on=1'])).err).toContain(
      'does not handle a duplicate again',
    );
    const other = { CAKEMAIL_WEBHOOK_SECRET: 'another key' };
    expect(await trigger(['User.LoggedIn'], other)).toMatchObject({
      code: 1,
      err: expect.stringContaining('another key than'),
    });
    expect(await trigger(['Email.*'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('Patterns are not supported here'),
    });
  });

  test('says that what Cakemail has not published is invented', async () => {
    expect((await trigger(['Email.Bounced'])).err).toBe(
      'The data of this Email.Bounced is invented: Cakemail has not published any.',
    );
    expect(events[0]?.data).toEqual({ _invented: expect.any(String) });
  });

  test('takes members and data of yours', async () => {
    const data = file('data.json', '{"email":"a@example.com","list":[1]}');
    const set = ['--set', 'data.deep.er=true', '--set', 'account_id=7', '--set', 'data.email=me@example.com'];
    expect(await trigger(['Email.Sent', '--data', data, ...set])).toMatchObject({ code: 0, err: '' });
    expect(events[0]).toMatchObject({
      event: 'Email.Sent',
      account_id: 7,
      data: { email: 'me@example.com', list: [1], deep: { er: true } },
    });
  });

  test('sends many, each a delivery of its own', async () => {
    const { code, out } = await trigger(['User.LoggedIn', '--count', '5', '--rate', '1000']);
    expect([code, out.split('\n').length, events.length]).toEqual([0, 5, 5]);
  });

  test.each([
    ['bad-signature', 'mismatch'],
    ['other-key', 'mismatch'],
    ['tampered', 'mismatch'],
    ['missing', 'missing'],
  ])('forges: %s', async (forgery, reason) => {
    const { code, out } = await trigger(['User.LoggedIn', '--forge', forgery, '--json']);
    expect([code, reasons, events]).toEqual([0, [reason], []]);
    expect(JSON.parse(out)).toMatchObject([{ status: 403 }]);
  });

  test('exits with 1 when a genuine delivery is rejected or the server does not answer', async () => {
    expect(await trigger(['User.LoggedIn', '--secret', 'another one'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('403'),
    });
    server.closeAllConnections();
    server.close();
    const { code, out } = await trigger(['User.LoggedIn']);
    expect([code, out]).toEqual([1, expect.stringContaining(`no answer from ${url}: ECONNREFUSED`)]);
  });

  test('signs with the key of the event', async () => {
    const map = { CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify({ 'Email.Sent': 'other', 'User.LoggedIn': [SECRET] }) };
    expect(await trigger(['User.LoggedIn'], map)).toMatchObject({ code: 0 });
    expect(await trigger(['Email.Sent'], map)).toMatchObject({ code: 1 });
  });

  describe('without a key for the event in the key map', () => {
    const names = ['Email.Sent', 'Email.Opened'];
    const map = (keys: object): object => ({ CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify(keys) });
    const withoutIt = map(Object.fromEntries(names.map((name) => [name, SECRET])));

    test.each<[string[]]>([[[]], [['--forge', 'tampered']], [['--count', '3']], [['--json']]])(
      'says so and sends nothing: %j',
      async (args) => {
        const { code, out, err } = await trigger(['User.LoggedIn', ...args], withoutIt);
        expect([code, out, events, reasons]).toEqual([2, '', [], []]);
        expect(err).toContain('CAKEMAIL_WEBHOOK_SECRETS has no key for User.LoggedIn');
        expect(err).toContain('Email.Sent, Email.Opened');
        expect(err).toContain('--secret');
        expect(err).not.toContain(SECRET);
      },
    );

    test.each(['missing', 'bad-signature', 'other-key'])('forges what needs no key: %s', async (forgery) => {
      expect(await trigger(['User.LoggedIn', '--forge', forgery], withoutIt)).toMatchObject({ code: 0 });
    });

    test('names the event that is really sent', async () => {
      const { code, err } = await trigger(
        ['User.LoggedIn', '--set', 'event=Own.Thing'],
        map({ 'User.LoggedIn': SECRET }),
      );
      expect([code, err]).toEqual([2, expect.stringContaining('has no key for Own.Thing')]);
    });

    test('shows no key of a map that is inside out, and no more than ten names', async () => {
      const { err } = await trigger(['User.LoggedIn'], map({ [SECRET]: 'Email.Sent' }));
      expect(err).toContain('CAKEMAIL_WEBHOOK_SECRETS has no key for User.LoggedIn');
      expect(err).not.toContain(SECRET);
      const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`Own.N${index}`, SECRET]));
      expect((await trigger(['User.LoggedIn'], map(many))).err).toMatch(/Own\.N9 and 20 more/);
    });
  });

  test.each(['localhost:3107/x', '127.0.0.1:3107', '[::1]:3107/x', 'app.example.com/x', '//localhost:3107/x'])(
    'a --url without http:// is explained: %s',
    async (address) => {
      const { code, err } = await runCli(['trigger', 'User.LoggedIn', '--url', address], { env: KEY });
      expect([code, err]).toEqual([2, expect.stringContaining('It must begin with http:// or https://')]);
    },
  );

  test.each<[string[], string, object?]>([
    [['User.LogedIn'], "Did you mean 'User.LoggedIn'?"],
    [['User.LoggedIn', '--set', 'nothing'], 'Write it as in data.email'],
    [['User.LoggedIn', '--set', '__proto__.x=1'], 'Write it as in data.email'],
    [['User.LoggedIn', '--count', '0'], 'It must be a whole number'],
    [['User.LoggedIn', '--count', '-1'], 'It must be a whole number'],
    [['User.LoggedIn', '--rate', 'fast'], 'It must be a whole number'],
    [['User.LoggedIn', '--data', '/nowhere/data.json'], '--data: the file cannot be read. ENOENT'],
    [['User.LoggedIn', '--secret', ''], '--secret is empty'],
    [['User.LoggedIn', '--url', 'nowhere'], 'as in http://localhost'],
    [['User.LoggedIn', '--url', 'ftp://nowhere'], 'Write it as in http://localhost'],
    [['User.LoggedIn', '--url', `http://me:${encodeURIComponent(SECRET)}@localhost`], 'without a user name'],
    [[SECRET], 'no such event'],
    [['User.LoggedIn', '--forge', 'well'], 'Allowed choices'],
    [['User.LoggedIn'], 'Pass --secret or --keys', {}],
    [
      ['User.LoggedIn'],
      'CAKEMAIL_WEBHOOK_SECRETS does not hold a JSON object',
      { CAKEMAIL_WEBHOOK_SECRETS: `{"a": "${SECRET}` },
    ],
  ])('exits with 2 on a usage error: %j %s', async (args, said, env = KEY) => {
    const { code, err, out } = await trigger(args, env);
    expect(code).toBe(2);
    expect(err).toContain(said);
    expect(out + err).not.toContain(SECRET);
  });
});

describe('verify and doctor', () => {
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  const signature = headers['x-signature'] ?? '';
  const look = (command: string, capture: string, more: string[] = [], env: object = KEY): Promise<Run> =>
    runCli([command, '--body', capture, '--signature', signature, ...more], { env, input: body });

  test('a signature that holds', async () => {
    expect(await look('verify', file('body', body))).toMatchObject({ code: 0, out: 'The signature is valid.' });
    expect(await look('verify', '-')).toMatchObject({ code: 0 });
    expect(await look('doctor', '-')).toMatchObject({ code: 0, out: expect.stringContaining('would accept') });
  });

  test('one that does not, and why', async () => {
    const capture = file('body', `${body}\n`);
    expect(await look('verify', capture)).toMatchObject({ code: 1, out: expect.stringContaining('is not valid') });
    const { code, out } = await look('doctor', capture);
    expect(code).toBe(1);
    expect(out).toContain(
      'The body has a line break at its end that was not sent.\n  Save captures without a final line break',
    );
    const found = JSON.parse((await look('doctor', capture, ['--json', '--secret', ` ${SECRET}`])).out);
    expect(found.mistakes.map(({ id }: { id: string }) => id)).toEqual(['key-space', 'body-newline-added']);
  });

  test('the key of another event', async () => {
    const env = { CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify({ 'Email.Sent': SECRET }) };
    expect((await look('doctor', '-', [], env)).out).toContain(
      'The event is User.LoggedIn, but it was signed with the key of Email.Sent',
    );
  });

  test('what nothing explains', async () => {
    const { code, out } = await look('doctor', '-', ['--secret', 'another one']);
    expect([code, out]).toEqual([1, expect.stringContaining('No known mistake explains it.')]);
  });

  test.each([
    ['', 'not base64'],
    ['zz', 'not base64'],
    ['A'.repeat(43), 'without the `=` at its end'],
    [createHmac('sha1', SECRET).update(body).digest('base64'), 'the base64 of 20 bytes, as SHA-1 gives'],
    [createHmac('sha512', SECRET).update(body).digest('base64'), 'the base64 of 64 bytes, as SHA-512 gives'],
  ])('what cannot be a signature: %j', async (given, what) => {
    const { code, out } = await runCli(['doctor', '--body', '-', `--signature=${given}`], { env: KEY, input: body });
    expect([code, out]).toEqual([1, expect.stringContaining(`The signature is ${what}; Cakemail's is`)]);
  });

  test('a file that is not there', async () => {
    expect(await look('verify', join(folder, 'nowhere'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('ENOENT'),
    });
  });
});

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
  ])('reports a usage error: %s %j', async (args, env, code, said) => {
    const result = await look(args, env);
    expect([result.code, result.err]).toEqual([code, expect.stringContaining(said)]);
    expect(result.err).not.toContain('hunter2');
  });
});
