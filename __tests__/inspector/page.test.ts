import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// The page exists only in the built package, so these tests use that one.
import { createWebhookRouter, type WebhookRouter, type WebhookRouterOptions } from 'cakemail-webhooks';
import { openInbox } from 'cakemail-webhooks/inbox';
import { type InspectorOptions, inspector } from 'cakemail-webhooks/inspector';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';
import express from 'express';
import type { Browser, Page } from 'playwright-core';
import { describeInChromium, openBrowser } from '../helpers/browser.js';
import { ended, start } from '../helpers/cli-process.js';

const SECRET = 'a-key-used-only-in-tests';
const SCREENSHOTS = join(__dirname, '../../reports/screenshots');
const MARKUP = '<img src=x onerror="document.title=\'hacked\'"><script>document.title="hacked"</script>';

interface Sent {
  readonly bodyBase64: string;
}

/** A running app with its inspector. */
interface Served {
  readonly base: string;
  /** The page's address with the token. */
  readonly url: string;
  readonly webhooks: WebhookRouter;
  deliver(payload: object, secret?: string): Promise<number>;
  trigger(...args: string[]): Promise<number | null>;
  close(): Promise<void>;
}

async function serve(
  options: Partial<WebhookRouterOptions> = {},
  panelOptions: InspectorOptions = {},
  port = 0,
): Promise<Served> {
  const webhooks = createWebhookRouter({ secret: SECRET, logger: {}, ...options });
  const panel = inspector(webhooks, panelOptions);
  const server = createServer(express().use('/_webhooks', panel).use('/webhooks/cakemail', webhooks));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    base,
    url: `${base}${panel.url}`,
    webhooks,
    deliver: async (payload, secret = SECRET) => {
      const { body, headers } = signedRequest(payload, { secret });
      return (await fetch(`${base}/webhooks/cakemail`, { method: 'POST', body, headers })).status;
    },
    trigger: async (...args) => {
      const env = { CAKEMAIL_WEBHOOK_SECRET: SECRET };
      return (await ended(start(['trigger', ...args, '--url', `${base}/webhooks/cakemail`], env))).code;
    },
    close: async () => {
      panel.close();
      await stop(server);
      await webhooks.close();
    },
  };
}

describeInChromium('the page in Chromium', () => {
  let browser: Browser;
  let page: Page;
  let app: Served;
  const complaints: string[] = [];

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    await page.context().close();
    await app.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  async function show(options: Partial<WebhookRouterOptions> = {}, panelOptions: InspectorOptions = {}): Promise<void> {
    app = await serve(options, panelOptions);
    const context = await browser.newContext({ viewport: { width: 1200, height: 720 } });
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: app.base });
    page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(app.url);
    await page.getByText('live', { exact: true }).waitFor();
  }

  const rows = () => page.getByLabel('Deliveries').getByRole('option');
  const row = (name: string) => rows().filter({ hasText: name });

  test('a delivery of `trigger` appears without a reload, with its handler and its duration', async () => {
    await show();
    app.webhooks.on('User.LoggedIn', async function audit() {});
    expect(await app.trigger('User.LoggedIn', '--set', 'data.email=me@example.com')).toBe(0);
    await row('User.LoggedIn').click();
    await page.getByText('Verified; every handler succeeded.').waitFor();
    await page.getByText('"me@example.com"').waitFor();
    expect(await page.getByLabel('Handlers').textContent()).toMatch(/audit [\d.]+ ms/);
    await page.getByRole('button', { name: 'show the raw bytes' }).click();
    expect(await page.locator('pre.raw').textContent()).toContain('"email":"me@example.com"');
  });

  test('a forged delivery appears with its reason and the mistake that explains it', async () => {
    await show();
    expect(await app.trigger('User.LoggedIn', '--forge', 'missing')).toBe(0);
    await row('rejected: missing').click();
    await page.getByText('It has no signature.').waitFor();
    expect(await app.deliver(sampleEvent('User.LoggedIn'), `${SECRET}\n`)).toBe(403);
    await row('rejected: mismatch').click();
    await page.getByText('The sender signs with a line break at the end of the key.').waitFor();
    expect(await page.getByRole('button', { name: 'Replay' }).isDisabled()).toBe(true);
  });

  test('44. the page says when a diagnosis ended at its limit', async () => {
    await show();
    const long = { ...sampleEvent('User.LoggedIn'), data: { email: 'x'.repeat(100_000) } };
    expect(await app.deliver(long, 'another key')).toBe(403);
    await row('rejected: mismatch').click();
    await page.getByText('Not every known mistake was tried').waitFor();
    expect(await page.getByText('No known mistake explains it').count()).toBe(0);
  });

  test('the list filters by event, outcome and text of the body', async () => {
    await show();
    app.webhooks.on('Email.Sent', () => {});
    await app.deliver(sampleEvent('User.LoggedIn', { data: { email: 'zoe@example.com' } as never }));
    await app.deliver(sampleEvent('Email.Sent'));
    await app.deliver(sampleEvent('Email.Bounced'));
    await rows().nth(2).waitFor();

    await page.getByLabel('Event').selectOption('Email.Sent');
    expect(await rows().allTextContents()).toEqual([expect.stringContaining('Email.Sent')]);
    await page.getByRole('button', { name: 'show all' }).click();
    await page.getByLabel('Outcome').selectOption('unhandled');
    expect(await rows().count()).toBe(2);
    await page.getByRole('button', { name: 'show all' }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('ZOE@example');
    await page.getByText('1 of 3').waitFor();
    expect(await rows().allTextContents()).toEqual([expect.stringContaining('User.LoggedIn')]);
  });

  test('replay runs the handler again', async () => {
    await show();
    const handler = jest.fn();
    app.webhooks.on('User.LoggedIn', handler);
    await app.deliver(sampleEvent('User.LoggedIn'));
    await row('User.LoggedIn').click();
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByText('Replayed: 200').waitFor();
    expect(handler).toHaveBeenCalledTimes(2);
    await page.keyboard.press('r');
    await row('3 runs').waitFor();
    expect(handler).toHaveBeenCalledTimes(3);
    await page.getByLabel('Handlers').getByText('replayed').nth(1).waitFor();
  });

  test('edit and sign sends a changed body with a valid signature', async () => {
    await show();
    const emails: unknown[] = [];
    app.webhooks.on('User.LoggedIn', ({ data }) => emails.push(data.email));
    await app.deliver(sampleEvent('User.LoggedIn'));
    await row('User.LoggedIn').click();
    await page.getByRole('button', { name: 'Edit and sign' }).click();
    const editor = page.getByLabel('Body to sign');
    await editor.fill((await editor.inputValue()).replace('johndoe1@', 'janedoe@'));
    await page.getByRole('button', { name: 'Sign and send' }).click();
    await page.getByText('Signed and sent: 200').waitFor();
    expect(emails).toEqual(['johndoe1@example.com', 'janedoe@example.com']);
    await row('edited').waitFor();
  });

  test('the page copies a command that a shell runs, and saves the exact bytes', async () => {
    await show();
    const payload = sampleEvent('User.LoggedIn', { data: { email: `it's "é" $HOME \`id\`` } as never });
    await app.deliver(payload);
    await row('User.LoggedIn').click();
    await page.getByRole('button', { name: 'Copy as curl' }).click();
    await page.getByText('Copied as curl').waitFor();
    const command = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(command).toContain(`${app.base}/webhooks/cakemail`);
    expect(command).not.toContain(SECRET);
    const env = { ...process.env, CAKEMAIL_WEBHOOK_SECRET: SECRET };
    expect((await ended(spawn('sh', ['-c', command], { env }))).out).toMatch(/200 OK[\s\S]*"duplicate"/);

    const download = page.waitForEvent('download');
    await page.getByText('Save as fixture').click();
    expect(readFileSync(await (await download).path(), 'utf8')).toBe(JSON.stringify(payload));
  });

  test('the command holds nothing that a terminal interprets as a key, and uses the configured header', async () => {
    await show({ signatureHeader: 'x-own' });
    const rawBody = Buffer.from(
      '{"event":"User.LoggedIn","x":"\u001b[201~\u0003\ntouch here\u0009\u009b","\r":"é"}\n\n',
    );
    await app.webhooks.receive({ rawBody, headers: { 'x-own': 'a forgery' } });
    await row('rejected').click();
    await page.getByRole('button', { name: 'Copy as curl' }).click();
    await page.getByText('Copied as curl').waitFor();
    const command = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(command).not.toMatch(/[^\P{Cc}\n]/u);
    const refused = new Promise((resolve) => app.webhooks.lifecycle.once('rejected', resolve));
    const env = { ...process.env, CAKEMAIL_WEBHOOK_SECRET: SECRET };
    expect((await ended(spawn('sh', ['-c', command], { env }))).out).toContain('400 Bad Request');
    expect(await refused).toMatchObject({ reason: 'not_json' }); // so the signature is valid
    const { bodyBase64 } = await page.evaluate<Sent>('fetch("api/deliveries/2").then((answer) => answer.json())');
    expect(Buffer.from(bodyBase64, 'base64').equals(rawBody)).toBe(true);
  });

  test('42. markup in a payload appears as text', async () => {
    await show();
    const event = MARKUP.slice(0, 60);
    await app.deliver({ event, [MARKUP]: MARKUP, data: { [MARKUP]: [MARKUP] } });
    await row(event).click();
    await page.locator('.detail .string').first().waitFor();
    expect(await page.locator('.detail h2').textContent()).toBe(event);
    await page.getByRole('button', { name: 'show the raw bytes' }).click();
    expect(await page.locator('pre.raw').textContent()).toContain('<script>');
    expect(await page.locator('.detail img, .detail script, .row img').count()).toBe(0);
    expect(await page.title()).toBe('Cakemail webhooks');
  });

  test('42. the token leaves the address and the history, no script can read the cookie, and a reload needs no token', async () => {
    await show();
    expect(page.url()).toBe(`${app.base}/_webhooks/`);
    expect(await page.evaluate('document.cookie')).toBe('');
    const cookies = await page.context().cookies();
    expect(cookies).toMatchObject([{ domain: '127.0.0.1', path: '/_webhooks', httpOnly: true, sameSite: 'Strict' }]);
    await page.reload();
    await page.getByText('live', { exact: true }).waitFor();
    await page.goto('about:blank');
    await page.goBack();
    expect(page.url()).toBe(`${app.base}/_webhooks/`);
    await page.goBack();
    expect(page.url()).toBe('about:blank');
  });

  test('42. a link on a page of another site opens the page too, and the token leaves the address', async () => {
    await show();
    await page.context().clearCookies();
    const other = createServer((_req, res) =>
      res.setHeader('content-type', 'text/html').end(`<a href="${app.url}">the inspector</a>`),
    );
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    await page.goto(`http://localhost:${(other.address() as AddressInfo).port}/`);
    await page.getByText('the inspector').click();
    await page.getByText('live', { exact: true }).waitFor();
    expect(page.url()).toBe(`${app.base}/_webhooks/`);
    await page.goBack();
    expect(page.url()).toContain('localhost');
    await page.goto('about:blank'); // so that Chromium requests nothing from the other site after it has stopped
    await stop(other);
    complaints.splice(0); // about the icon that Chromium requests during the redirect
  });

  test('42. after a restart with another token the page says where to find the new address', async () => {
    await show();
    const { port } = new URL(app.base);
    await app.close();
    app = await serve({}, {}, Number(port));
    await page.getByText('opens with the URL that its program printed').waitFor();
    await page.goto(app.url);
    await page.getByText('live', { exact: true }).waitFor();
    complaints.splice(0); // about the connection and the 403
  });

  test('42. the page does not offer to sign where sending is off', async () => {
    await show({}, { allowSending: false });
    await app.deliver(sampleEvent('User.LoggedIn'));
    await row('User.LoggedIn').click();
    await page.getByRole('button', { name: 'Copy as curl' }).waitFor();
    expect(await page.getByRole('button', { name: 'Edit and sign' }).count()).toBe(0);
    const status = `fetch('api/send', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"body":"{}"}' })
      .then(({ status }) => status)`;
    expect(await page.evaluate(status)).toBe(403);
    complaints.splice(0); // about the 403
  });

  test('42. a page on another port of this machine, whose requests carry the cookie, can neither read nor send', async () => {
    await show();
    const handler = jest.fn();
    app.webhooks.onAny(handler);
    const cookies: unknown[] = [];
    const other = createServer(({ headers }, res) => {
      cookies.push(headers.cookie);
      res.setHeader('content-type', 'text/html').end('<title>other</title>');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/_webhooks/`);
    expect(cookies[0]).toMatch(/^cakemail-webhooks-\d+=/);
    const tried = await page.evaluate(async (target) => {
      const json = { 'content-type': 'application/json' };
      const body = '{"body":"{\\"event\\":\\"User.LoggedIn\\"}"}';
      const own = { credentials: 'include' } as const;
      const post = { ...own, method: 'POST', body };
      const attempts = [
        fetch(`${target}/_webhooks/api/stream`, own),
        fetch(`${target}/_webhooks/api/send`, { ...post, headers: json }),
        fetch(`${target}/_webhooks/api/send`, { ...post, mode: 'no-cors' }),
      ];
      return (await Promise.allSettled(attempts)).map((each) => (each.status === 'fulfilled' ? each.value.type : 'no'));
    }, app.base);
    expect(tried).toEqual(['no', 'no', expect.stringMatching(/^(no|opaque)$/)]);
    expect(handler).not.toHaveBeenCalled();
    await page.goto('about:blank');
    await stop(other);
    complaints.splice(0); // about CORS
  });

  test('42. a page of another site can neither read nor send', async () => {
    await show();
    const other = createServer((_req, res) => res.setHeader('content-type', 'text/html').end('<title>other</title>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    await page.goto(`http://localhost:${(other.address() as AddressInfo).port}/`);
    const tried = await page.evaluate(async (target) => {
      const attempts = [
        fetch(`${target}/_webhooks/api/settings`),
        fetch(`${target}/_webhooks/api/send`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        }),
      ];
      return (await Promise.allSettled(attempts)).map(({ status }) => status);
    }, app.base);
    expect(tried).toEqual(['rejected', 'rejected']);
    await page.goto('about:blank');
    await stop(other);
    expect(complaints.splice(0).join()).toContain('CORS');
  });

  test('the page shows when it is not connected, and reconnects automatically', async () => {
    const token = 'x'.repeat(32); // the same after the restart, so that the cookie still opens it
    await show({}, { token });
    await app.deliver(sampleEvent('User.LoggedIn'));
    await row('User.LoggedIn').waitFor();
    const { port } = new URL(app.base);
    await app.close();
    await page.getByText('not connected; trying again').waitFor();
    // Like a new process, this inspector has no deliveries yet.
    app = await serve({}, { token }, Number(port));
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByText('No delivery has arrived yet.').waitFor();
    await app.deliver(sampleEvent('Email.Sent'));
    await row('Email.Sent').waitFor();
    complaints.splice(0); // Chromium may have reported the lost connection
  });

  test('the page renders only the visible rows of 10,000 deliveries', async () => {
    await show({ dedupe: false });
    const { rawBody, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
    for (let index = 0; index < 10_000; index++) await app.webhooks.receive({ rawBody, headers });
    await page
      .locator('.count')
      .filter({ hasText: /^10000$/ })
      .waitFor();
    expect(
      await page
        .getByRole('option')
        .filter({ has: page.locator('time') })
        .count(),
    ).toBeLessThan(60);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.locator('[aria-selected=true][aria-posinset="2"]').waitFor();
    await page.locator('.list').evaluate((list) => list.scrollTo(0, list.scrollHeight));
    await page.locator('[aria-posinset="10000"]').waitFor();
    await page.locator('[aria-posinset="10000"]').click();
    await page.getByText('Verified; no handler listens to this event.').waitFor();
  });

  test('with an inbox, the page shows waiting and dead deliveries, and replays them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'page-'));
    const inbox = await openInbox(`file:${join(folder, 'inbox.db')}`, { retries: { attempts: 1 } });
    await show({ inbox });
    let isBroken = true;
    app.webhooks.on('User.LoggedIn', () => {
      if (isBroken) throw new Error('the list is full');
    });
    expect(await app.deliver(sampleEvent('User.LoggedIn'))).toBe(202);
    await row('dead: attempts_exhausted').waitFor();
    await page.getByRole('button', { name: 'Inbox' }).click();
    await page.getByRole('button', { name: '1 dead' }).click();
    await page.getByText('the list is full').waitFor();
    isBroken = false;
    await page.getByRole('button', { name: 'Replay these' }).click();
    await page.getByText('1 will be handled again').waitFor();
    await page.getByRole('button', { name: '1 done' }).waitFor();
    await page.getByRole('button', { name: 'Deliveries' }).click();
    await row('handled').waitFor();
    await app.webhooks.close();
    rmSync(folder, { recursive: true });
  });

  test('the page works at 400 px, with light and with dark colours', async () => {
    await show();
    app.webhooks.on('User.LoggedIn', async function audit() {});
    app.webhooks.on('Email.Bounced', function suppress() {
      throw new Error('the list is full');
    });
    for (let index = 0; index < 24; index++) {
      const name = index % 6 === 5 ? 'Email.Bounced' : 'User.LoggedIn';
      const secret = index % 7 === 3 ? `${SECRET}\n` : SECRET;
      await app.deliver(sampleEvent(name, { account_id: index } as never), secret);
    }
    await page.getByText('24 deliveries').waitFor();
    await row('rejected: mismatch').first().click();
    await page.locator('.mistake').waitFor();
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.screenshot({ path: join(SCREENSHOTS, 'light.png') });
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: join(SCREENSHOTS, 'dark.png') });
    expect(await ground()).not.toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'light colours' }).click();
    await page.locator('html[data-theme=light]').waitFor();
    expect(await ground()).toBe(light);

    await page.setViewportSize({ width: 400, height: 720 });
    const isWithin = (): Promise<boolean> =>
      page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth');
    expect(await isWithin()).toBe(true);
    await page.screenshot({ path: join(SCREENSHOTS, 'narrow.png') });
    await row('Email.Bounced').first().click();
    await page.getByText('the list is full').first().waitFor();
    expect(await isWithin()).toBe(true);
    await page.screenshot({ path: join(SCREENSHOTS, 'narrow-detail.png') });
    await page.getByRole('button', { name: 'Close' }).click();
    await row('Email.Bounced').first().waitFor();
  });
});

async function stop(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
