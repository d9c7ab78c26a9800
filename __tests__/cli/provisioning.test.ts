import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { type Run, runCli } from '../helpers/cli.js';
import { ended, killAll, start } from '../helpers/cli-process.js';
import { type FakeCakemail, type Fault, TOKEN } from '../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
  fake.prefix = '';
});
afterEach(async () => {
  killAll();
  await stopFake();
});

const environment = (env: object = {}) => ({ CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl, ...env });
const cli = (args: string, env: object = {}): Promise<Run> => runCli(args.split(' '), { env: environment(env) });
const TARGET = `--url ${URL_HERE} --events User.LoggedIn,Email.Sent`;

describe('a plan', () => {
  test('ends with a line for each kind of change, and says from what to what', async () => {
    fake.add('User.LoggedIn', URL_HERE, { rate_limit: 5 });
    fake.add('Email.Opened', URL_HERE);
    fake.add('Email.Clicked', URL_HERE);
    const { out, code } = await cli(`plan ${TARGET} --rate-limit 600/minute --prune`);
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      '~  update     User.LoggedIn  1: 5/second → 600/minute',
      '+  create     Email.Sent',
      '-  archive    Email.Opened  2',
      '-  archive    Email.Clicked  3',
      '1 to update',
      '1 to create',
      '2 to archive',
      'Run `apply` with the same options.',
    ]);
  });

  test('--check ends with 3 for duplicates, and takes them for an interrupted rotation of the older one', async () => {
    for (const _ of [1, 2]) for (const event of ['User.LoggedIn', 'Email.Sent']) fake.add(event, URL_HERE);
    const { out, code } = await cli(`plan ${TARGET} --check`);
    expect(code).toBe(3);
    expect(out.split('\n').filter((line) => line.startsWith('!'))).toEqual([
      '!  duplicate  User.LoggedIn  1: 3 is newer and delivers the same events. `rotate 1` completes an interrupted rotation; if there was none, `apply --prune-duplicates` archives 1.',
      '!  duplicate  Email.Sent  2: 4 is newer and delivers the same events. `rotate 2` completes an interrupted rotation; if there was none, `apply --prune-duplicates` archives 2.',
    ]);
    expect(out).toContain('2 duplicates');
    expect((await cli(`plan ${TARGET} --check --json`)).code).toBe(3);
  });

  test('does not advise archiving either of two when the ids do not show which one is newer', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    fake.prefix = 'x';
    for (const _ of [1, 2]) fake.add('User.LoggedIn', URL_HERE);
    expect((await cli(`plan --url ${URL_HERE} --events User.LoggedIn`)).out).toContain(
      '!  duplicate  User.LoggedIn  x1: x2 delivers the same events, and the ids do not show which one is newer. If a rotation was interrupted, run `rotate` with the id of the older one again.',
    );
    const pruning = await cli(`apply --url ${URL_HERE} --events User.LoggedIn --prune-duplicates --yes`);
    expect(pruning.out).toContain('the ids do not show which one is newer');
    expect(fake.active(URL_HERE)).toHaveLength(2);
    warn.mockRestore();
  });

  test('shows an unknown status, and --check exits with 3', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    fake.add('User.LoggedIn', URL_HERE);
    fake.present = (webhook) => ({ ...webhook, status: 'paused' });
    const { out, code } = await cli(`plan --url ${URL_HERE} --events User.LoggedIn --check`);
    expect([code, out]).toEqual([
      3,
      '?  paused     User.LoggedIn  1: not changed\n1 with an unknown status\nNothing to do.',
    ]);
    expect((await cli('list')).out).toContain('paused');
    expect(JSON.parse((await cli('show 1 --json')).out)).toMatchObject({ status: 'paused' });
    const plan = JSON.parse((await cli(`plan --url ${URL_HERE} --events User.LoggedIn --json`)).out);
    expect(plan).toMatchObject({ unknownStatus: [{ id: '1', event: 'User.LoggedIn', status: 'paused' }] });
    warn.mockRestore();
  });

  test('mentions a URL that differs by a trailing slash alone', async () => {
    fake.add('User.LoggedIn', `${URL_HERE}/`);
    const { out, code } = await cli(`plan --url ${URL_HERE} --events User.LoggedIn --check`);
    expect(out).toContain(
      `?  similar    User.LoggedIn  1: delivers to ${URL_HERE}/, which differs by a trailing slash and is another URL`,
    );
    expect(code).toBe(3);
    fake.add('User.LoggedIn', URL_HERE);
    expect((await cli(`plan --url ${URL_HERE} --events User.LoggedIn --check`)).code).toBe(0);
  });
});

describe('what archives is asked about first', () => {
  test.each([
    ['--prune', 'Email.Opened'],
    ['--prune-duplicates', 'User.LoggedIn'],
  ])('58. apply with %s is refused without a terminal, and nothing is done', async (option, event) => {
    fake.add('User.LoggedIn', URL_HERE);
    fake.add(event, URL_HERE);
    const run = await ended(start(`apply ${TARGET} ${option}`.split(' '), environment()));
    expect(run).toMatchObject({ code: 2, out: '', err: expect.stringContaining('pass --yes') });
    expect(run.err).toContain(`Archive 1 webhook`);
    expect(new Set(fake.calls)).toEqual(new Set(['GET /webhooks']));
    const yes = await cli(`apply ${TARGET} ${option} --yes`);
    expect(yes).toMatchObject({ code: 0, out: expect.stringContaining('-  archive') });
    expect(fake.active(URL_HERE).sort()).toEqual(['Email.Sent', 'User.LoggedIn']);
  });

  test('asks nothing when nothing would be archived', async () => {
    const run = await ended(start(`apply ${TARGET} --prune --prune-duplicates`.split(' '), environment()));
    expect(run.code).toBe(0);
  });
});

test('rotate says what an app with keys from a file has to do, and until when', async () => {
  fake.add('User.LoggedIn', URL_HERE);
  const before = Date.now();
  const { err, out, code } = await cli('rotate 1 --grace 2');
  const after = Date.now();
  expect(code).toBe(0);
  const [created, hint, ...stages] = err.split('\n');
  const [, until = ''] = /^created 2; both deliver until (\S+)$/.exec(created ?? '') ?? [];
  expect(Date.parse(until)).toBeGreaterThanOrEqual(before + 1_000);
  expect(Date.parse(until)).toBeLessThanOrEqual(after);
  expect(hint).toBe(
    `An app that reads its keys from a file needs the new one before ${until}: write it with \`keys --url ${URL_HERE} --out <file>\` and restart the app. Apps that use cakemailKeys() need nothing.`,
  );
  expect(stages).toEqual(['grace over 2', 'archived 1']);
  expect(out).toBe('1 is archived; 2 replaces it.');
});

test('rotate does not show a URL that a shell would run', async () => {
  fake.add('User.LoggedIn', 'https://app.example.com/;reboot');
  expect((await cli('rotate 1 --grace 1')).err).toContain('`keys --url <url> --out <file>`');
});

describe('an error names the variable that was set', () => {
  test.each<[object, string]>([
    [{ CAKEMAIL_TOKEN: 'a b' }, 'CAKEMAIL_TOKEN must be'],
    [{ CAKEMAIL_TOKEN: '', CAKEMAIL_USERNAME: 'me' }, 'CAKEMAIL_USERNAME is set, but CAKEMAIL_PASSWORD is not'],
    [{ CAKEMAIL_TOKEN: '', CAKEMAIL_PASSWORD: 'x' }, 'CAKEMAIL_PASSWORD is set, but CAKEMAIL_USERNAME is not'],
    [{ CAKEMAIL_ACCOUNT_ID: 'mine' }, 'CAKEMAIL_ACCOUNT_ID must be a whole number'],
    [{ CAKEMAIL_API_URL: 'http://example.com' }, 'CAKEMAIL_API_URL must be an https URL'],
  ])('wrong use: %j', async (env, said) => {
    const { code, err } = await cli('list', env);
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    expect(err).not.toMatch(/`(token|username|password|accountId|baseUrl)`/);
  });

  test.each<[object, string]>([
    [{}, 'the token is that of CAKEMAIL_TOKEN'],
    [
      { CAKEMAIL_TOKEN: '', CAKEMAIL_USERNAME: 'me@example.com', CAKEMAIL_PASSWORD: 'x' },
      'the user is that of CAKEMAIL_USERNAME and CAKEMAIL_PASSWORD',
    ],
  ])('a refusal: %j', async (env, said) => {
    fake.tokens.expire();
    const { code, err } = await cli('list', env);
    expect([code, err]).toEqual([1, expect.stringMatching(new RegExp(`answered 401; .*${said}`))]);
  });

  test('an address that is not that of the API', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const { err } = await cli('list', { CAKEMAIL_API_URL: `http://127.0.0.1:${port}` });
    expect(err).toContain('ECONNREFUSED');
    expect(err).toContain('the address is that of CAKEMAIL_API_URL');
  });
});

test('the help documents CAKEMAIL_API_URL', async () => {
  expect((await cli('--help')).out).toMatch(/^ {2}CAKEMAIL_API_URL +the URL of the API/m);
});

test('a wait is reported on standard error', async () => {
  const busy: Fault = { status: 429, retryAfter: '1' };
  fake.fail(/GET/, busy);
  const { out, err } = await cli('list --json');
  expect(JSON.parse(out)).toEqual([]);
  expect(err).toBe('GET /webhooks: answered 429; not now. Trying again in 1 s (attempt 2 of 5).');
});

test('keys --out fails and writes nothing when the key of one webhook cannot be read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  for (const event of ['User.LoggedIn', 'Email.Sent']) fake.add(event, URL_HERE);
  fake.fail(/webhooks\/2/, { status: 404 });
  const { code, out, err } = await cli(`keys --url ${URL_HERE} --out ${join(folder, '.env')}`);
  expect([code, out]).toEqual([1, '']);
  expect(err).toContain('Email.Sent: GET /webhooks/2: answered 404');
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

describe('an archiving that is declined', () => {
  const declined = (args: string): Promise<Run> => {
    fake.add('User.LoggedIn', URL_HERE);
    fake.add('Email.Opened', URL_HERE);
    const command = `apply --url ${URL_HERE} --events User.LoggedIn --prune ${args}`.trim();
    return runCli(command.split(' '), { env: environment(), answer: 'n' });
  };

  test('ends with 1 and says that nothing was done', async () => {
    const { code, err, out } = await declined('');
    expect([code, out, err.split('\n').at(-1)]).toEqual([1, '', 'Nothing was changed.']);
    expect(fake.active(URL_HERE)).toHaveLength(2);
  });

  test('prints with --json what is there, without a step', async () => {
    const { code, out } = await declined('--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      url: URL_HERE,
      steps: [],
      webhooks: [{ event: 'User.LoggedIn', id: '1' }],
      duplicates: [],
    });
    expect(fake.active(URL_HERE)).toHaveLength(2);
  });
});

test('the help names everything that `plan --check` ends with 3 for', async () => {
  expect((await cli('--help')).out.replace(/\s+/g, ' ')).toContain(
    '`plan --check`: pending changes, a duplicate or an unknown status',
  );
});
