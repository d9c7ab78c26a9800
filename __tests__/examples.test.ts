import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FakeCakemail, TOKEN } from './helpers/fake-cakemail.js';
import { freePort } from './helpers/free-port.js';

const run = promisify(execFile);
const ROOT = join(__dirname, '..');

/** What an example prints, run as the README says. */
async function output(example: string): Promise<string> {
  const { stdout } = await run('npx', ['tsx', `examples/${example}/index.ts`], { cwd: ROOT });
  return stdout;
}

test('audit-trail, which `npm start` runs: logins are recorded, and the inspector shows what came', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'audit-trail-'));
  const port = await freePort();
  const env = { ...process.env, PORT: String(port), AUDIT_DB: join(folder, 'audit.db') };
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/audit-trail/index.ts'], { cwd: ROOT, env });
  let shown = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      shown += chunk;
      if (shown.includes('Still listening')) resolve();
    });
  });
  const base = `http://localhost:${port}`;
  const [, page = '', token = ''] = /See them arrive at (\S+\?token=(\S+))/.exec(shown) ?? [];
  expect(page).toBe(`${base}/_webhooks/?token=${token}`);
  expect(shown.split(token)).toHaveLength(2);
  expect(shown).toMatch(
    /a login, rightly signed +200[\s\S]*delivery again +200[\s\S]*another key +403[\s\S]*tampered with +403/,
  );
  const exchanged = await fetch(page, { redirect: 'manual' });
  const headers = { cookie: `${exchanged.headers.get('set-cookie')?.split(';')[0]}` };
  expect((await fetch(`${base}/_webhooks`)).status).toBe(403);
  expect(await (await fetch(`${base}/_webhooks`, { headers })).text()).toContain('<title>Cakemail webhooks</title>');
  const outcomes = [1, 2, 3, 4].map(async (key) => {
    const answer = await fetch(`${base}/_webhooks/api/deliveries/${key}`, { headers });
    return ((await answer.json()) as { outcome: string }).outcome;
  });
  expect(await Promise.all(outcomes)).toEqual(['handled', 'duplicate', 'rejected', 'rejected']);
  const stream = await fetch(`${base}/_webhooks/api/stream`, { headers }); // an open page does not hold it
  child.kill('SIGTERM');
  expect((await once(child, 'exit'))[0]).toBe(0);
  await stream.body?.cancel();
  rmSync(folder, { recursive: true });
});

test('existing-app: the app keeps its routes and its error middleware', async () => {
  const shown = await output('existing-app');
  expect(shown).toMatch(/own route +201/);
  expect(shown).toMatch(/signed delivery +200 \{"status":"handled"\}/);
  expect(shown).toMatch(/forged one +403 \{"problem":"ERR_SIGNATURE"\}/);
});

test('in-front: deliveries are served ahead of the app, which serves the rest', async () => {
  const shown = await output('in-front');
  expect(shown.match(/signed delivery +200 \{"status":"handled"\}/g)).toHaveLength(3);
  expect(shown).toMatch(/own page \{"opened":3\}/);
});

test('durable: a delivery is answered at once, tried again, and kept when nothing helps', async () => {
  const shown = await output('durable');
  expect(shown.match(/account \d: 202 stored/g)).toHaveLength(3);
  expect(shown).toContain('account 1: handled in attempt 1');
  expect(shown).toContain('account 2: handled in attempt 3');
  expect(shown).toMatch(
    /delivery \w{8} is a dead letter: permanent_error \(One handler failed: there is no such account\)/,
  );
  expect(shown).toMatch(/waiting: 0,\s+active: 0,\s+done: 2,\s+dead: 1/);
});

test('provisioned: webhooks are created for the handlers, and their deliveries are taken', async () => {
  const fake = new FakeCakemail();
  await fake.start();
  const port = await freePort();
  const env = { ...process.env, CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl, PORT: String(port) };
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/provisioned/index.ts'], { cwd: ROOT, env });
  let shown = '';
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      shown += chunk;
      if (shown.includes('Receiving at')) resolve();
    });
  });
  await ready;
  expect(shown).toContain(`Receiving at http://localhost:${port}/webhooks/cakemail; 14 webhooks changed.`);
  expect(await fake.deliver('User.LoggedIn')).toEqual([200]);
  expect(await fake.deliver('Email.Bounced')).toEqual([200]);
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(shown).toContain('johndoe1@example.com logged in from 203.0.113.7');
  expect(shown).toContain('Email.Bounced of account 1234567');
  for (const secret of fake.secrets) expect(shown).not.toContain(secret);
  await fake.stop();
});

test('hono: deliveries are served by fetch', async () => {
  const shown = await output('hono');
  expect(shown).toMatch(/signed delivery +200 \{"status":"handled"\}/);
  expect(shown).toMatch(/forged one +403 \{"error":\{"code":"ERR_SIGNATURE"/);
  expect(shown).toMatch(/own page \["johndoe1@example.com"\]/);
});
