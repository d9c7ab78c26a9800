import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { type Run, runCli } from '../helpers/cli.js';
import { ended, killAll, start } from '../helpers/cli-process.js';
import { type FakeCakemail, TOKEN } from '../helpers/fake-cakemail.js';

const KEY = { CAKEMAIL_WEBHOOK_SECRET: 'the key of a test' };

let fake: FakeCakemail;
let folder: string;
beforeEach(async () => {
  fake = await startFake();
  folder = mkdtempSync(join(tmpdir(), 'failure-'));
});
afterEach(async () => {
  killAll();
  rmSync(folder, { recursive: true });
  await stopFake();
});

const environment = (env: object): object => ({ CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl, ...env });
const cli = (args: readonly string[], env: object = {}): Promise<Run> => runCli(args, { env: environment(env) });

/** One command line for each way to fail: its exit code, its error code and what it says. */
const FAILURES: readonly [args: string[], env: object, exitCode: number, code: string, message: string][] = [
  [['list'], { CAKEMAIL_TOKEN: `ck_pat_${'9'.repeat(40)}` }, 1, 'ERR_API_REFUSED', 'GET /webhooks: answered 401'],
  [
    ['plan', '--url', 'nowhere://x', '--events', 'Email.*'],
    {},
    2,
    'ERR_OPTION_INVALID',
    '`url` must be an http or https URL',
  ],
  [['list'], { CAKEMAIL_TOKEN: '' }, 2, 'ERR_USAGE', 'Set CAKEMAIL_TOKEN'],
  [['list', '--nothing'], {}, 2, 'ERR_USAGE', "unknown option '--nothing'"],
  [['lst'], {}, 2, 'ERR_USAGE', 'unknown command'],
  [['show'], {}, 2, 'ERR_USAGE', "missing required argument 'id'"],
  [['inbox', 'list', '--state', 'gone'], {}, 2, 'ERR_USAGE', "option '--state <state>'"],
  [['trigger', 'User.LogedIn'], KEY, 2, 'ERR_USAGE', "Did you mean 'User.LoggedIn'?"],
  [['inbox', 'stats'], { CAKEMAIL_INBOX_URL: 'nowhere:' }, 2, 'ERR_INBOX_OPEN', 'openInbox() needs an address'],
  [['inbox', 'list'], { CAKEMAIL_INBOX_URL: 'redis://127.0.0.1:1' }, 2, 'ERR_INBOX_OPEN', 'ECONNREFUSED'],
  [['keys', '--url', URL_HERE, '--out', '/nowhere/at/all'], {}, 1, 'ERR_FAILED', 'ENOENT'],
];

describe('a failure', () => {
  beforeEach(() => fake.add('User.LoggedIn', URL_HERE));

  test.each(FAILURES)('ends its line with a stable code: %j', async (args, env, exitCode, code, message) => {
    const { code: ended, out, err } = await cli(args, env);
    const [line = ''] = err.split('\n');
    expect([ended, out]).toEqual([exitCode, '']);
    expect(line).toContain(message);
    expect(line).toMatch(new RegExp(` \\[${code}\\]$`));
  });

  test.each(FAILURES)('is JSON with --json, in the last line of standard error: %j', async (args, env, ...expected) => {
    const [exitCode, code, message] = expected;
    const { code: ended, out, err } = await cli([...args, '--json'], env);
    expect([ended, out]).toEqual([exitCode, '']);
    const { error, ...rest } = JSON.parse(err.split('\n').at(-1) ?? '');
    expect(rest).toEqual({});
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(error.message).not.toContain(`[${code}]`);
  });

  test('names the fix once', async () => {
    const { err } = await cli(['show', 'zz', '--json']);
    const { error } = JSON.parse(err);
    expect(error.help).toContain('Correct what the message names.');
    expect(error.message).not.toContain(error.help);
    // The message of a wrong option says it already.
    const wrong = await cli(['plan', '--url', 'nowhere://x', '--events', 'Email.*', '--json']);
    expect(Object.keys(JSON.parse(wrong.err).error)).toEqual(['code', 'message']);
  });
});

test('progress before a failure does not hide the JSON', async () => {
  fake.fail(/POST/, { status: 400 });
  const apply = ['apply', '--url', URL_HERE, '--events', 'User.LoggedIn', '--json'];
  const { code, err } = await cli(apply);
  expect(code).toBe(1);
  expect(JSON.parse(err.split('\n').at(-1) ?? '')).toMatchObject({ error: { code: 'ERR_API_REFUSED' } });
});

test('--json as an argument after -- asks for no JSON', async () => {
  expect((await cli(['show', '--', '--json'])).err).toMatch(/^GET \/webhooks\/--json: .* \[ERR_API_REFUSED\]\n/);
});

test('in JSON no text from outside steers the terminal, and it is the same text', async () => {
  fake.fail(/GET/, () => ({ status: 400, answer: { detail: [{ msg: 'no \u001b[2J"\u202e' }] } }));
  const { err } = await cli(['list', '--json']);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  expect(err).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  expect(JSON.parse(err).error.message).toContain('no ?[2J"');
});

test('Ctrl-C has a code too, and is JSON with --json', async () => {
  for (const [more, expected] of [
    [[], /^Interrupted\. .* \[ERR_INTERRUPTED\]$/],
    [['--json'], /^\{"error":\{"code":"ERR_INTERRUPTED","message":"Interrupted\. [^"]*"\}\}$/],
  ] as const) {
    fake.fail(/GET/, 'hang');
    const before = fake.calls.length;
    const child = start(['list', ...more], environment({}));
    const over = ended(child);
    while (fake.calls.length === before) await new Promise(setImmediate);
    child.kill('SIGINT');
    expect(await over).toMatchObject({ code: 130, out: '', err: expect.stringMatching(expected) });
  }
});
