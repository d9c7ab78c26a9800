import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeKeyFile } from '../../src/cli/key-file.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { deliver, listen, openApp, SECRET } from '../helpers/cli-listen.js';
import { ended, killAll, MAIN, start, startProgram } from '../helpers/cli-process.js';
import { FORWARDERS } from '../helpers/forwarders.js';

const folder = mkdtempSync(join(tmpdir(), 'listen-'));
afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true }));

test.each<[object, string[], string]>([
  [{ CAKEMAIL_WEBHOOK_SECRET: `${SECRET}\n` }, [], 'The key begins or ends with white space'],
  [{}, ['--secret', ` ${SECRET}`], 'The key begins or ends with white space'],
  [
    { CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify({ 'Email.Sent': 'k1', 'Email.Opened': ['k2', 'k3 '] }) },
    [],
    'The key for "Email.Opened" begins or ends with white space',
  ],
])('warns about white space around a key, and uses it unchanged: %j %j', async (env, args, said) => {
  const { url, printed } = await listen(args, env);
  expect(printed().match(/begins or ends with white space/g)).toHaveLength(1);
  expect(printed()).toContain(said);
  expect(printed()).not.toContain(SECRET);
  const { CAKEMAIL_WEBHOOK_SECRET: key = args[1] } = env as Record<string, string>;
  if (key === undefined) return;
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: key });
  expect((await deliver(url, body, headers)).status).toBe(200);
});

test('says nothing about a key without white space around it', async () => {
  const { printed } = await listen([], { CAKEMAIL_WEBHOOK_SECRET: 'a b' });
  expect(printed()).not.toContain('white space');
});

test('the name of an event cannot forge a line', async () => {
  const { url, says, printed } = await listen();
  const feigned = { event: 'X\n12:00:00  200  User.LoggedIn forwarded: ok' };
  const { body, headers } = signedRequest(feigned, { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(200);
  await says('200 X?12:00:00  200  User.LoggedIn');
  expect(printed()).not.toContain('\n12:00:00  200');
});

test.each(['environment', 'keys.json', 'keys.env'])(
  'receives alone, with the keys of each event from %s',
  async (from) => {
    const keys = { 'User.LoggedIn': ['one key'], 'Email.Sent': ['another key'] };
    const secrets = JSON.stringify(keys);
    const file = join(folder, from);
    if (from !== 'environment') await writeKeyFile(file, keys);
    const { url, says } =
      from === 'environment'
        ? await listen([], { CAKEMAIL_WEBHOOK_SECRETS: secrets })
        : await listen(['--keys', file], {});
    const sent = start(['trigger', 'Email.Sent', '--url', url], { CAKEMAIL_WEBHOOK_SECRETS: secrets });
    expect(await ended(sent)).toMatchObject({ code: 0, out: expect.stringMatching(/^200 /) });
    await says('200 Email.Sent received');
  },
);

test('is reachable from this machine only, and Ctrl-C closes the port', async () => {
  const { url, page, session, interrupt } = await listen();
  const port = Number(new URL(url).port);
  expect((await fetch(url, { redirect: 'manual' })).headers.get('location')).toBe('/_webhooks/');
  expect(page).toMatch(new RegExp(`^http://localhost:${port}/_webhooks/\\?token=[\\w-]{43}$`));
  const opened = await fetch(`${url}_webhooks`, { headers: session });
  expect(opened.status).toBe(200);
  expect(await opened.text()).toContain('<title>Cakemail webhooks</title>');
  // An open page does not keep the process alive.
  const stream = await fetch(`${url}_webhooks/api/stream`, { headers: session });
  expect(stream.status).toBe(200);
  expect(await interrupt()).toBe(0);
  const socket = connect(port, '127.0.0.1');
  const [error] = await once(socket, 'error');
  expect(error.code).toBe('ECONNREFUSED');
});

const SOCAT = FORWARDERS.find(({ name }) => name.includes('socat'));
(SOCAT?.isThere ? test : test.skip)(`43. through ${SOCAT?.name}, the page needs the token`, async () => {
  const history = join(folder, 'tunnelled');
  const { url, page, session, printed, interrupt } = await listen(['--history', history]);
  const tunnel = await SOCAT?.start(Number(new URL(url).port));
  const through = `http://localhost:${tunnel?.port}/`;
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(through, body, headers)).status).toBe(200);
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${through}_webhooks/${path}`, init);
    return { status: answer.status, text: await answer.text() };
  };
  const json = { method: 'POST', body: JSON.stringify({ body }), headers: { 'content-type': 'application/json' } };
  for (const path of ['', 'page.js', 'api/stream', 'api/settings', 'api/deliveries/1', 'api/deliveries/1/body']) {
    const { status, text } = await ask(path);
    expect({ path, status }).toEqual({ path, status: 403 });
    expect(text).not.toContain('johndoe1');
  }
  for (const path of ['api/send', 'api/deliveries/1/replay']) {
    expect(await ask(path, json)).toMatchObject({ status: 403 });
  }
  // It is the inspector that the tunnel leads to: the cookie of the token opens it.
  const cookie = session.cookie.replace(/-\d+=/, `-${tunnel?.port}=`);
  const known = await ask('api/deliveries/1', { headers: { cookie } });
  expect(JSON.parse(known.text)).toMatchObject({ event: 'User.LoggedIn', attempts: 1 });
  expect(await ask('api/deliveries/2', { headers: { cookie } })).toMatchObject({ status: 404 });
  expect(await interrupt()).toBe(0);
  await tunnel?.stop();
  const [, token = ''] = page.split('token=');
  expect(printed().split(token)).toHaveLength(2);
  const file = readFileSync(history, 'latin1');
  expect(file).toContain('johndoe1');
  expect(file).not.toContain(token);
});

test.each([
  [['listen'], {}, 'CAKEMAIL_WEBHOOK_SECRET'],
  [['listen', '--port', '70000'], { CAKEMAIL_WEBHOOK_SECRET: SECRET }, '0 to 65535'],
  [['listen', '--forward-to', 'localhost:3000'], { CAKEMAIL_WEBHOOK_SECRET: SECRET }, 'It must begin with http://'],
  [
    ['listen', '--port', '4044', '--forward-to', 'http://localhost:4044/'],
    { CAKEMAIL_WEBHOOK_SECRET: SECRET },
    'itself',
  ],
  [['listen', '--port', '80', '--forward-to', 'http://localhost/'], { CAKEMAIL_WEBHOOK_SECRET: SECRET }, 'itself'],
  [['listen', '--history', '/'], { CAKEMAIL_WEBHOOK_SECRET: SECRET }, 'The history file / cannot be used'],
])('refuses wrong usage with exit code 2: %j', async (args, env, words) => {
  const { code, err } = await ended(start(args, env));
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(words) });
});

test('reports a port that is in use', async () => {
  const app = await openApp();
  const { port } = new URL(app.url);
  const { code, err } = await ended(start(['listen', '--port', port], { CAKEMAIL_WEBHOOK_SECRET: SECRET }));
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(`Port ${port} is in use`) });
  await app.close();
});

const hasScript = spawnSync('script', ['--version']).status === 0;
(hasScript ? test : test.skip)('prints colours on a terminal, where Ctrl-C stops it', async () => {
  // The shell in between would die of it before.
  const command = `exec ${process.execPath} ${MAIN} listen --port 0`;
  const child = startProgram('script', ['-qefc', command, '/dev/null'], { CAKEMAIL_WEBHOOK_SECRET: SECRET });
  let text = '';
  const ready = new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      if (text.includes('Ctrl-C stops it.')) resolve();
    });
  });
  await ready;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal
  const [, url = ''] = /\u001b\[1m(http\S+?\/)\u001b/.exec(text) ?? [];
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  const line = once(child.stdout as NodeJS.ReadableStream, 'data');
  expect((await deliver(url, body, headers)).status).toBe(200);
  expect(String((await line)[0])).toContain('\u001b[32m 200 \u001b[39m');
  const closed = once(child, 'close');
  child.stdin?.write('\u0003');
  expect((await closed)[0]).toBe(0);
});
