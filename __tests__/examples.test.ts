import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FakeCakemail, TOKEN } from './helpers/fake-cakemail.js';
import { freePort } from './helpers/free-port.js';

const run = promisify(execFile);
const ROOT = join(__dirname, '..');

/** Runs an example as the README says, and resolves to its output. */
async function output(example: string): Promise<string> {
  const { stdout } = await run('npx', ['tsx', `examples/${example}/index.ts`], { cwd: ROOT });
  return stdout;
}

test('every file of an example has fewer than 60 lines', () => {
  const folder = join(ROOT, 'examples');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const lengths = files.map((path) => readFileSync(join(folder, path), 'utf8').trimEnd().split('\n').length);
  expect(Math.max(...lengths)).toBeLessThan(60);
});

test('audit-trail, which `npm start` runs, records logins, and its inspector shows the deliveries', async () => {
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
    /a correctly signed login +200[\s\S]*delivery again +200[\s\S]*another key +403[\s\S]*login, changed +403/,
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
  const stream = await fetch(`${base}/_webhooks/api/stream`, { headers }); // an open page must not delay the exit
  child.kill('SIGTERM');
  expect((await once(child, 'exit'))[0]).toBe(0);
  await stream.body?.cancel();
  rmSync(folder, { recursive: true });
});

test('existing-app keeps the routes and the error middleware of the app', async () => {
  const shown = await output('existing-app');
  expect(shown).toMatch(/own route +201/);
  expect(shown).toMatch(/signed delivery +200 \{"status":"handled"\}/);
  expect(shown).toMatch(/forged one +403 \{"problem":"ERR_SIGNATURE"\}/);
});

test('in-front serves deliveries before the app, and the app serves the rest', async () => {
  const shown = await output('in-front');
  expect(shown.match(/signed delivery +200 \{"status":"handled"\}/g)).toHaveLength(3);
  expect(shown).toMatch(/own page \{"opened":3\}/);
});

test('durable responds at once, retries only the handler that failed, and keeps a dead letter', async () => {
  const shown = await output('durable');
  expect(shown.match(/account \d: 202 stored/g)).toHaveLength(3);
  expect(shown).toContain('account 1: suppressed in attempt 1');
  expect(shown).toContain('account 2: suppressed in attempt 3');
  expect(shown.match(/account \d: recorded/g)).toHaveLength(3);
  expect(shown).toMatch(
    /delivery \w{8} is a dead letter: permanent_error \(One handler failed: the account does not exist\)/,
  );
  expect(shown).toMatch(/waiting: 0,\s+active: 0,\s+done: 2,\s+dead: 1/);
});

test('provisioned creates webhooks for the handlers, and accepts their deliveries', async () => {
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

test('hono serves deliveries through fetch', async () => {
  const shown = await output('hono');
  expect(shown).toMatch(/signed delivery +200 \{"status":"handled"\}/);
  expect(shown).toMatch(/forged one +403 \{"error":\{"code":"ERR_SIGNATURE"/);
  expect(shown).toMatch(/own page \["johndoe1@example.com"\]/);
});
