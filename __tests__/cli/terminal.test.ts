import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInbox } from '../../src/inbox/index.js';
import { createWebhookRouter, PermanentError } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { type Run, runCli } from '../helpers/cli.js';
import { ended, killAll, MAIN, start, startProgram } from '../helpers/cli-process.js';
import { type FakeCakemail, TOKEN } from '../helpers/fake-cakemail.js';

// The built command under a pseudo-terminal, by util-linux's `script`: that of other systems takes other options.
const HAS_SCRIPT = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;
const why = HAS_SCRIPT ? '' : ' (skipped: `script` of util-linux is not there)';
const onTerminal = HAS_SCRIPT ? test : test.skip;

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(async () => {
  killAll();
  await stopFake();
});

const environment = (env: object) => ({ CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl, TERM: 'xterm', ...env });

/** As a person sees it, in a window of 80 columns. The two streams are one. */
function seen(args: string, env: object = {}): Promise<Run> {
  const command = `stty cols 80 rows 24 && '${process.execPath}' '${MAIN}' ${args}`;
  return ended(startProgram('script', ['-qefc', command, '/dev/null'], environment({ SHELL: '/bin/sh', ...env })));
}

onTerminal(`a plan is coloured on a terminal, and neither in a pipe nor with NO_COLOR${why}`, async () => {
  const plan = `plan --url ${URL_HERE} --events User.LoggedIn`;
  expect((await seen(plan)).out).toContain('\u001b[32m+  create');
  expect((await seen(plan, { NO_COLOR: '1' })).out).toContain('+  create');
  expect((await seen(plan, { NO_COLOR: '1' })).out).not.toContain('\u001b[');
  expect((await ended(start(plan.split(' '), environment({})))).out).not.toContain('\u001b[');
});

onTerminal(`an error in a file has no colours, though the terminal has${why}`, async () => {
  expect((await seen('show zz')).out).toContain('\u001b[31m');
  expect((await seen('show zz 2>&1 >/dev/null | cat')).out).toMatch(/^GET \/webhooks\/zz/);
  expect((await seen('show zz 2>&1 >/dev/null')).out).toContain('\u001b[31m');
});

onTerminal(`the exit code passes through${why}`, async () => {
  expect((await seen(`plan --url ${URL_HERE} --events User.LoggedIn --check`)).code).toBe(3);
  expect((await seen('list --nothing')).code).toBe(2);
  expect((await seen('show zz')).code).toBe(1);
  expect((await seen('list')).code).toBe(0);
});

onTerminal(`a table fits into 80 columns${why}`, async () => {
  fake.add('User.LoggedIn', URL_HERE);
  fake.add('MFA.RecoveryCodesViewed', URL_HERE);
  const { out } = await seen('list');
  const lines = out.split('\r\n');
  expect(lines.map((line) => line.trimEnd())).toEqual([
    'ID    EVENT                    STATUS  RATE',
    '    URL',
    'wh-1  User.LoggedIn            active  50/second',
    `    ${URL_HERE}`,
    'wh-2  MFA.RecoveryCodesViewed  active  50/second',
    `    ${URL_HERE}`,
  ]);
  // A pipe has no width: one line each, for grep.
  expect((await ended(start(['list'], environment({})))).out.split('\n')).toHaveLength(3);
  for (const line of (await seen('plan --help')).out.split('\r\n').slice(0, 12))
    expect(line.length).toBeLessThanOrEqual(80);
});

describe('inbox replay', () => {
  let folder: string;
  let address: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'terminal-'));
    address = `file:${join(folder, 'inbox.db')}`;
    const inbox = await openInbox(address);
    const webhooks = createWebhookRouter({ secret: 'a key', inbox, logger: {} });
    webhooks.on('User.LoggedIn', () => {
      throw new PermanentError('not today');
    });
    const died = new Promise((resolve) => webhooks.lifecycle.once('dead', resolve));
    await webhooks.receive(signedRequest(sampleEvent('User.LoggedIn'), { secret: 'a key' }));
    await died;
    await webhooks.close();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Answers the question with these keys. */
  async function typed(keys: string, redirected = ''): Promise<Run> {
    const command = `exec '${process.execPath}' '${MAIN}' inbox replay --all ${redirected}`;
    const env = environment({ SHELL: '/bin/sh', CAKEMAIL_INBOX_URL: address });
    const child = startProgram('script', ['-qefc', command, '/dev/null'], env);
    child.stdout?.on('data', (chunk) => {
      if (`${chunk}`.includes('[y/N]')) child.stdin?.write(keys);
    });
    return ended(child);
  }

  const dead = async (): Promise<number> => {
    const { out } = await runCli(['inbox', 'stats', '--json'], { env: { CAKEMAIL_INBOX_URL: address } });
    return JSON.parse(out).dead;
  };

  onTerminal(`replays once y is typed${why}`, async () => {
    const { code, out } = await typed('y\n');
    expect(out).toContain('User.LoggedIn');
    expect(out).toContain('1 to be handled once more.');
    expect([code, await dead()]).toEqual([0, 0]);
  });

  onTerminal(`replays nothing when n, the end of input or Ctrl-C is typed${why}`, async () => {
    for (const [keys, expected, said] of [
      ['n\n', 1, 'Nothing was replayed.'],
      ['\n', 1, 'Nothing was replayed.'],
      ['\u0004', 1, 'Nothing was replayed.'],
      ['\u0003', 130, '[ERR_INTERRUPTED]'],
    ] as const) {
      const { code, out } = await typed(keys);
      expect([code, out, await dead()]).toEqual([expected, expect.stringContaining(said), 1]);
    }
  });

  onTerminal(`asks on the terminal though its output is a pipe${why}`, async () => {
    const { code, out } = await typed('y\n', "| sed 's/^/piped: /'");
    expect([code, out]).toEqual([0, expect.stringContaining('piped: 1 to be handled once more.')]);
    expect(await dead()).toBe(0);
  });

  onTerminal(
    `does not ask when its input is not a terminal, nor when the question could not be seen${why}`,
    async () => {
      const { code, out } = await typed('', '</dev/null');
      expect([code, out, await dead()]).toEqual([2, expect.stringContaining('pass --yes'), 1]);
      expect([(await typed('', '2>/dev/null')).code, await dead()]).toEqual([2, 1]);
    },
  );
});

(HAS_SCRIPT ? describe : describe.skip)(`a question is asked at the terminal${why}`, () => {
  const command = `apply --url ${URL_HERE} --events User.LoggedIn --prune`;

  test.each([
    ['y\n', 0, []],
    ['n\n', 1, ['Email.Sent']],
    ['\n', 1, ['Email.Sent']],
    ['\u0004', 1, ['Email.Sent']],
    ['\u0003', 130, ['Email.Sent']],
  ])('and %j means what it says', async (answer, code, left) => {
    fake.add('User.LoggedIn', URL_HERE);
    fake.add('Email.Sent', URL_HERE);
    const shell = `'${process.execPath}' '${MAIN}' ${command}`;
    const child = startProgram('script', ['-qefc', shell, '/dev/null'], environment({ SHELL: '/bin/sh' }));
    let asked = '';
    child.stdout?.on('data', (chunk) => {
      const before = asked;
      asked += chunk;
      if (asked.includes('[y/N]') && !before.includes('[y/N]')) child.stdin?.write(answer);
    });
    const run = await ended(child);
    expect([run.code, fake.active(URL_HERE)]).toEqual([code, ['User.LoggedIn', ...left]]);
    expect(run.out).toContain('Archive 1 webhook: Email.Sent (wh-2)? [y/N]');
  });
});
