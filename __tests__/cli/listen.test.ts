import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeKeyFile } from '../../src/cli/key-file.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { ended, killAll, start } from '../helpers/cli-process.js';
import { FORWARDERS } from '../helpers/forwarders.js';
import { freePort } from '../helpers/free-port.js';

const SECRET = 'the key of a developer';
const folder = mkdtempSync(join(tmpdir(), 'listen-'));
afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true }));

interface Listening {
  readonly child: ChildProcess;
  readonly url: string;
  /** The page's address with the token, as it printed it. */
  readonly page: string;
  /** The header by which the page's own requests are admitted. */
  readonly session: { readonly cookie: string };
  /** All that it printed. */
  printed(): string;
  /** Resolves once it has printed this. */
  says(text: string): Promise<void>;
  /** Ends it as Ctrl-C does, and gives its exit code. */
  interrupt(): Promise<number>;
}

async function listen(
  args: readonly string[] = [],
  env: object = { CAKEMAIL_WEBHOOK_SECRET: SECRET },
): Promise<Listening> {
  const child = start(['listen', '--port', '0', ...args], env);
  let text = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      text += chunk;
      for (const look of waiting) look();
    });
  }
  const says = (wanted: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!text.includes(wanted)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  await says('Ctrl-C stops it.');
  const [, url = ''] = /Receiving at (\S+\/)/.exec(text) ?? [];
  const [, page = ''] = /Inspector at (\S+)/.exec(text) ?? [];
  const { headers } = await fetch(page, { redirect: 'manual' });
  const session = { cookie: `${headers.get('set-cookie')?.split(';')[0]}` };
  const interrupt = async (): Promise<number> => {
    const closed = once(child, 'close');
    child.kill('SIGINT');
    const [code] = await closed;
    return code;
  };
  return { child, url, page, session, printed: () => text, says, interrupt };
}

interface Taken {
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** An app that takes what is passed on to it. */
async function openApp(port = 0, status = 200) {
  const taken: Taken[] = [];
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    taken.push({ body: Buffer.concat(chunks), headers: req.headers });
    res.writeHead(status).end('as the app says');
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`, taken, close };
}

const deliver = (url: string, body: string, headers: Record<string, string>): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

/** The page's view of a delivery. */
async function shown({ url, session }: Listening, key = 1) {
  return (await fetch(`${url}_webhooks/api/deliveries/${key}`, { headers: session })).json();
}

const replay = ({ url, session }: Listening, key = 1): Promise<Response> =>
  fetch(`${url}_webhooks/api/deliveries/${key}/replay`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json', ...session },
  });

test('passes the exact bytes on under the original signature, and says so in a line', async () => {
  const app = await openApp();
  const { url, says, interrupt } = await listen(['--forward-to', app.url]);
  const body = '{ "event":"User.LoggedIn",\r\n "data":{"name":"Zo\\u00eb é","n":12345678901234567890} }\n';
  const signature = sign(body, SECRET);
  const answer = await deliver(url, body, { 'x-signature': signature, 'x-trace': 'abc', cookie: 'sid=1' });
  expect(answer.status).toBe(200);
  const [{ body: taken, headers } = {} as Taken] = app.taken;
  expect(taken?.toString()).toBe(body);
  expect(headers).toMatchObject({ 'x-signature': signature, 'x-trace': 'abc', 'content-type': 'application/json' });
  expect(headers).not.toHaveProperty('cookie');
  expect(headers?.['host']).toBe(new URL(app.url).host);
  await says('200 User.LoggedIn forwarded: as the app says');
  expect(await interrupt()).toBe(0);
  await app.close();
});

test('refuses a forged one, passes nothing on and says why on the page', async () => {
  const app = await openApp();
  const listening = await listen(['--forward-to', app.url]);
  const { url, says } = listening;
  const body = JSON.stringify(sampleEvent('User.LoggedIn'));
  expect((await deliver(url, body, { 'x-signature': sign(body, `"${SECRET}"`) })).status).toBe(403);
  await says('403 unverified rejected: mismatch');
  expect(app.taken).toEqual([]);
  expect(await shown(listening)).toMatchObject({ outcome: 'rejected', reason: 'mismatch' });
  await app.close();
});

describe('says below a refusal what explains it', () => {
  const body = JSON.stringify(sampleEvent('User.LoggedIn'));
  const signature = sign(body, SECRET);

  test.each<[what: string, body: string, header: Record<string, string>, said: string[]]>([
    ['a key in quotes', body, { 'x-signature': sign(body, `"${SECRET}"`) }, ['quotes around the key', 'Remove them']],
    ['a body that was changed', `${body}\n`, { 'x-signature': signature }, ['a line break at its end', 'printf']],
    ['a signature without its padding', body, { 'x-signature': signature.slice(0, -1) }, ['lost the `=`', 'unchanged']],
    [
      'the other header',
      body,
      { 'x-cakemail-signature': `sha256=${signature}` },
      ['a prefix such as', 'only the base64'],
    ],
    ['no signature', body, {}, ['has neither x-signature nor x-cakemail-signature']],
    [
      'nothing that is known',
      body,
      { 'x-signature': sign(body, 'another') },
      ['No known mistake explains it', 'show <id>'],
    ],
    ['another digest', body, { 'x-signature': `${'A'.repeat(86)}==` }, ['the base64 of 64 bytes, as SHA-512 gives']],
    [
      'nothing that is known, and a large body',
      'x'.repeat(65 * 1024),
      { 'x-signature': signature },
      ['not every known mistake was tried', '`cakemail-webhooks doctor` tries them all'],
    ],
  ])('%s', async (_what, sent, header, said) => {
    const { url, says, printed } = await listen();
    expect((await deliver(url, sent, header)).status).toBe(403);
    for (const text of said) await says(text);
    expect(printed()).toMatch(/403 +unverified rejected: (mismatch|malformed|missing); see the page\n {13}\S/);
    for (const secret of [SECRET, signature.slice(0, 43)]) expect(printed()).not.toContain(secret);
  });

  test.each<[what: string, lines: string[], said: string]>([
    ['twice', [`X-Signature: ${signature}`, 'x-signature: another'], 'x-signature was sent more than once'],
    [
      'twice under the other name',
      [`X-Cakemail-Signature: ${signature}`, `X-Cakemail-Signature: ${signature}`],
      'x-cakemail-signature was sent more than once',
    ],
    ['blank', ['X-Signature: '], 'The value of x-signature is blank'],
    [
      'blank, and right under the other name',
      ['X-Signature: ', `X-Cakemail-Signature: ${signature}`],
      'x-signature is',
    ],
  ])('a header that is sent %s', async (_what, lines, said) => {
    const { url, says, printed, interrupt } = await listen();
    const head = [
      'POST / HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      `Content-Length: ${body.length}`,
      ...lines,
    ];
    const socket = connect(Number(new URL(url).port), 'localhost');
    const closed = once(socket, 'close');
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`).resume();
    await says(said);
    await closed;
    expect(await interrupt()).toBe(0);
    // The line of the refusal is followed by one explanation, and no other.
    expect(printed()).toMatch(/403 +unverified rejected: (malformed|missing); see the page\n {13}\S[^\n]*\n$/);
    expect(printed()).not.toMatch(/The signature is|No known mistake/);
    expect(printed()).not.toContain(signature.slice(0, 43));
  });

  test('the key of another event, whose name is cut and steers nothing', async () => {
    const { url, says, printed } = await listen([], {
      CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify({ 'Email.Sent': SECRET }),
    });
    const foreign = JSON.stringify({ event: `Own\u001b[2J\n12:00:00  200 ${'x'.repeat(5_000)}` });
    expect((await deliver(url, foreign, { 'x-signature': sign(foreign, SECRET) })).status).toBe(403);
    await says('The event is Own?[2J?12:00:00');
    await says('Each event has its own webhook and its own key');
    expect(printed()).not.toContain('\u001b');
    expect(printed().length).toBeLessThan(3_000);
  });

  test('a request that is refused without its body is reported once, without a diagnosis', async () => {
    const { url, says, printed, interrupt } = await listen();
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(405);
    await says('405 unverified rejected: ');
    expect(await interrupt()).toBe(0);
    expect(printed().match(/rejected/g)).toHaveLength(1);
    expect(printed()).not.toContain('No known mistake');
  });
});

test.each<[object, string[], string]>([
  [{ CAKEMAIL_WEBHOOK_SECRET: `${SECRET}\n` }, [], 'The key begins or ends with white space'],
  [{}, ['--secret', ` ${SECRET}`], 'The key begins or ends with white space'],
  [
    { CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify({ 'Email.Sent': 'k1', 'Email.Opened': ['k2', 'k3 '] }) },
    [],
    'The key for "Email.Opened" begins or ends with white space',
  ],
])('warns about white space around a key, and uses it as it is: %j %j', async (env, args, said) => {
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

test('says loudly that the app is down, and keeps what it could not pass on, over a restart as well', async () => {
  const port = await freePort();
  const target = `http://127.0.0.1:${port}/hooks`;
  const args = ['--forward-to', target, '--history', join(folder, 'history')];
  const first = await listen(args);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(first.url, body, headers)).status).toBe(500);
  await first.says('NOT FORWARDED: no answer from');
  expect(first.printed()).toContain('ECONNREFUSED');
  expect(await first.interrupt()).toBe(0);

  const app = await openApp(port);
  const second = await listen(args);
  expect(await shown(second)).toMatchObject({ event: 'User.LoggedIn', outcome: 'failed', canReplay: true });
  expect(await (await replay(second)).json()).toEqual({ status: 200 });
  const [{ body: taken, headers: sent } = {} as Taken] = app.taken;
  expect(taken?.toString()).toBe(body);
  expect(sent?.['x-signature']).toBe(headers['x-signature']);
  expect(await shown(second)).toMatchObject({ outcome: 'handled' });
  expect(await second.interrupt()).toBe(0);
  const file = readFileSync(join(folder, 'history'), 'latin1');
  expect(file).toContain('johndoe1');
  for (const text of [first.printed(), second.printed(), file]) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(headers['x-signature']);
  }
  await app.close();
});

test('a delivery fails when the app answers with an error, and the output shows that answer', async () => {
  const app = await openApp(0, 503);
  const { url, says } = await listen(['--forward-to', app.url]);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(500);
  await says('answered 503: as the app says');
  await app.close();
});

test.each(['0.0.0.0', '[::ffff:127.0.0.1]'])('what leads back to itself goes round once: %s', async (host) => {
  const port = String(await freePort());
  const { url, says } = await listen(['--port', port, '--forward-to', `http://${host}:${port}/`]);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(500);
  await says('answered 508: This delivery was forwarded from here');
});

test('of an answer without end it takes the beginning', async () => {
  const left: Promise<unknown>[] = [];
  const endless = createServer((req, res) => {
    left.push(once(res, 'close'));
    const write = (): void => void (res.write('x'.repeat(64 * 1024)) && setImmediate(write));
    res.on('drain', write);
    req.resume();
    write();
  }).listen(0, '127.0.0.1');
  await once(endless, 'listening');
  const target = `http://127.0.0.1:${(endless.address() as AddressInfo).port}/`;
  const { url, says } = await listen(['--forward-to', target]);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(200);
  await says('200 User.LoggedIn forwarded: xxx');
  await Promise.all(left);
  endless.close();
});

test('the name of an event feigns no line', async () => {
  const { url, says, printed } = await listen();
  const feigned = { event: 'X\n12:00:00  200  User.LoggedIn forwarded: ok' };
  const { body, headers } = signedRequest(feigned, { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(200);
  await says('200 X?12:00:00  200  User.LoggedIn');
  expect(printed()).not.toContain('\n12:00:00  200');
});

test('keeps what was on its way when it was killed', async () => {
  const hanging = createServer().listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const target = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`;
  const args = ['--forward-to', target, '--history', join(folder, 'killed')];
  const first = await listen(args);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  const requested = once(hanging, 'request');
  const lost = deliver(first.url, body, headers).catch(() => 'lost');
  await requested;
  const exited = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await exited;
  expect(await lost).toBe('lost');
  hanging.closeAllConnections();
  hanging.close();
  const second = await listen(args);
  expect(await shown(second)).toMatchObject({ event: 'User.LoggedIn', outcome: 'failed', canReplay: true });
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

test('is there for this machine only, and Ctrl-C leaves no port open', async () => {
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
])('wrong use is said and ends with 2: %j', async (args, env, words) => {
  const { code, err } = await ended(start(args, env));
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(words) });
});

test('a port in use is said', async () => {
  const app = await openApp();
  const { port } = new URL(app.url);
  const { code, err } = await ended(start(['listen', '--port', port], { CAKEMAIL_WEBHOOK_SECRET: SECRET }));
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(`Port ${port} is in use`) });
  await app.close();
});

const hasScript = spawnSync('script', ['--version']).status === 0;
(hasScript ? test : test.skip)('on a terminal its lines have colours, and Ctrl-C is typed', async () => {
  const { startProgram, MAIN } = await import('../helpers/cli-process.js');
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
