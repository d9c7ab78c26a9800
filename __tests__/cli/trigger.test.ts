import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CakemailEvent, createWebhookRouter, type RejectionReason, type WebhookRouter } from '../../src/index.js';
import { sampleEvent } from '../../src/testing/index.js';
import { type Run, runCli } from '../helpers/cli.js';

const SECRET = 'the key of a webhook, which must stay secret';
const KEY = { CAKEMAIL_WEBHOOK_SECRET: SECRET };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trigger-'));
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

  test('sends the documented sample, and prints the response', async () => {
    const { code, out, err } = await trigger(['User.LoggedIn']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^200 \{"status":"unhandled"\} \d+ ms$/);
    expect(events).toEqual([{ ...sampleEvent('User.LoggedIn'), created_on: expect.any(Number) }]);
  });

  test('explains an unexpected response', async () => {
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

  test('says that data which Cakemail has not published is invented', async () => {
    expect((await trigger(['Email.Bounced'])).err).toBe(
      'The data of this Email.Bounced is invented: Cakemail has not published any.',
    );
    expect(events[0]?.data).toEqual({ _invented: expect.any(String) });
  });

  test('accepts members and data from its options', async () => {
    const data = file('data.json', '{"email":"a@example.com","list":[1]}');
    const set = ['--set', 'data.deep.er=true', '--set', 'account_id=7', '--set', 'data.email=me@example.com'];
    expect(await trigger(['Email.Sent', '--data', data, ...set])).toMatchObject({ code: 0, err: '' });
    expect(events[0]).toMatchObject({
      event: 'Email.Sent',
      account_id: 7,
      data: { email: 'me@example.com', list: [1], deep: { er: true } },
    });
  });

  test('sends many distinct deliveries', async () => {
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

  test('exits with 1 when the app rejects a genuine delivery or does not answer', async () => {
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

    test.each(['missing', 'bad-signature', 'other-key'])('forges without a key: %s', async (forgery) => {
      expect(await trigger(['User.LoggedIn', '--forge', forgery], withoutIt)).toMatchObject({ code: 0 });
    });

    test('names the event of the payload', async () => {
      const { code, err } = await trigger(
        ['User.LoggedIn', '--set', 'event=Own.Thing'],
        map({ 'User.LoggedIn': SECRET }),
      );
      expect([code, err]).toEqual([2, expect.stringContaining('has no key for Own.Thing')]);
    });

    test('hides the keys of a map turned inside out, and shows at most ten names', async () => {
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
  ])('refuses wrong usage: %j %s', async (args, said, env = KEY) => {
    const { code, err, out } = await trigger(args, env);
    expect(code).toBe(2);
    expect(err).toContain(said);
    expect(out + err).not.toContain(SECRET);
  });
});
