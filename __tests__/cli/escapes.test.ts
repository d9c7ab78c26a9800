import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInbox } from '../../src/inbox/index.js';
import { createWebhookRouter } from '../../src/index.js';
import { signedRequest } from '../../src/testing/index.js';
import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { runCli } from '../helpers/cli.js';
import { ended, killAll, start } from '../helpers/cli-process.js';
import { type FakeCakemail, TOKEN } from '../helpers/fake-cakemail.js';

/** Clears the screen, sets the title, turns the direction of writing, and returns to the start of the line. */
const NASTY = '\u001b[2J\u001b]0;owned\u0007\u202e\u009b1m\r';
const SECRET = 'the key of a test';

let fake: FakeCakemail;
let folder: string;
beforeEach(async () => {
  fake = await startFake();
  folder = mkdtempSync(join(tmpdir(), 'escapes-'));
});
afterEach(async () => {
  killAll();
  rmSync(folder, { recursive: true });
  fake.violations.length = 0; // the document knows no such names, which is the point
  await stopFake();
});

/** Runs the built command, and gives all that it writes to its two streams. */
async function written(args: readonly string[], env: object = {}): Promise<string> {
  const child = start(args, { CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl, ...env });
  const { out, err } = await ended(child);
  return `${out}\n${err}`;
}

function expectHarmless(text: string, shown: string): void {
  expect(text).toContain(shown);
  expect(text.match(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu)).toBeNull();
}

describe('what the API answers steers no terminal', () => {
  const target = ['--url', URL_HERE, '--events', 'User.LoggedIn'];

  test('in a warning of the process', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    fake.fail(/GET \/webhooks/, () => ({
      status: 200,
      answer: {
        pagination: { page: 1, per_page: 50 },
        data: [{ id: `wh${NASTY}`, event: 'User.LoggedIn', url: URL_HERE, status: 'odd' }],
      },
    }));
    expectHarmless(await written(['plan', ...target]), 'wh?[2J?]0;owned');
  });

  test('in an error, in JSON neither', async () => {
    for (const more of [[], ['--json']]) {
      fake.fail(/GET \/webhooks/, () => ({ status: 400, answer: { detail: [{ msg: `no${NASTY}` }] } }));
      expectHarmless(await written(['list', ...more]), 'no?[2J?]0;owned');
    }
  });

  test('in the steps and the progress', async () => {
    fake.add(`Own${NASTY}`, URL_HERE);
    for (const more of [[], ['--json']]) {
      expectHarmless(await written(['plan', ...target, '--prune', ...more]), 'Own');
    }
  });
});

test('49. the contents of an inbox do not steer the terminal', async () => {
  const address = `file:${join(folder, 'inbox.db')}`;
  const inbox = await openInbox(address, { retries: { attempts: 1 } });
  const webhooks = createWebhookRouter({ secret: SECRET, inbox, logger: {} });
  webhooks.onAny(() => {
    throw new Error(`not${NASTY}`);
  });
  const died = new Promise<{ id: string }>((resolve) => webhooks.lifecycle.once('dead', resolve));
  await webhooks.receive(signedRequest({ event: `Own${NASTY}`, data: { text: NASTY } }, { secret: SECRET }));
  const { id } = await died;
  await webhooks.close();
  for (const args of [
    ['list'],
    ['list', '--json'],
    ['show', id],
    ['show', id.slice(0, 8), '--json'],
    ['stats'],
    ['stats', '--json'],
    ['replay', '--all'],
    ['replay', '--all', '--json'],
    ['list', '--event', `Own${NASTY}x`],
  ]) {
    const { out, err } = await runCli(['inbox', ...args], { env: { CAKEMAIL_INBOX_URL: address } });
    expectHarmless(`${out}\n${err}`, 'Own');
  }
});

test('49. the errors of a server do not steer the terminal', async () => {
  const redis = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(`-ERR go away${NASTY.replace('\r', '')}\r\n`.repeat(3)));
  }).listen(0, '127.0.0.1');
  await once(redis, 'listening');
  const { port } = redis.address() as AddressInfo;
  for (const more of [[], ['--json']]) {
    const text = await written(['inbox', 'stats', ...more], { CAKEMAIL_INBOX_URL: `redis://127.0.0.1:${port}` });
    expectHarmless(text, 'ERR_INBOX_OPEN');
  }
  redis.close();
});

test('55. an error that a driver throws outside of any call ends in one line, without a stack, a password or escapes', async () => {
  const redis = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (const [, name = ''] of `${data}`.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        const refusal = `-ERR no such database${NASTY.replace('\r', '')}\r\n`;
        socket.write(/^select$/i.test(name) ? refusal : '+redis_version:7.2.0\r\n');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(redis, 'listening');
  const { port } = redis.address() as AddressInfo;
  // The path is the number of a database, so this one makes the driver ask for a database that cannot be.
  const env = { CAKEMAIL_INBOX_URL: `redis://:hunter2@127.0.0.1:${port}/name` };
  for (const [more, expected] of [
    [[], /^.+ \[ERR_\w+\]$/],
    [['--json'], /^\{"error":\{.+\}\}$/],
  ] as const) {
    const { code, out, err } = await ended(start(['inbox', 'stats', ...more], env));
    expect([code === 0, out, err]).toEqual([false, '', expect.stringMatching(expected)]);
    expectHarmless(err, 'ERR_');
    expect(err).not.toContain('hunter2');
  }
  redis.close();
});

test('neither a delivery nor the app that receives it steers the terminal of `listen`', async () => {
  const app = createHttpServer((_req, res) => res.writeHead(500).end(`down${NASTY}`)).listen(0, '127.0.0.1');
  await once(app, 'listening');
  const target = `http://127.0.0.1:${(app.address() as AddressInfo).port}/`;
  const child = start(['listen', '--port', '0', '--forward-to', target], { CAKEMAIL_WEBHOOK_SECRET: SECRET });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      text += chunk;
    });
  }
  while (!text.includes('Ctrl-C stops it.')) await once(child.stdout as NodeJS.ReadableStream, 'data');
  const [, url = ''] = /Receiving at (\S+\/)/.exec(text) ?? [];
  const { body, headers } = signedRequest({ event: `Own${NASTY}`, data: {} }, { secret: SECRET });
  expect((await fetch(url, { method: 'POST', body, headers })).status).toBe(500);
  const unsigned = { 'x-signature': 'AAAA', 'content-type': 'application/json' };
  expect((await fetch(url, { method: 'POST', body, headers: unsigned })).status).toBe(403);
  const over = once(child, 'close');
  child.kill('SIGINT');
  await over;
  expectHarmless(text, 'Own?[2J?]0;owned');
  expect(text).toContain('down?[2J');
  app.close();
  app.closeAllConnections();
});
