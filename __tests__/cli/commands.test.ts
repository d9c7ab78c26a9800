import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { type Run, runCli } from '../helpers/cli.js';
import { type FakeCakemail, TOKEN, USER } from '../helpers/fake-cakemail.js';

let fake: FakeCakemail;
let folder: string;
/** Everything that any command of the test printed. */
let printed: string[];
beforeEach(async () => {
  fake = await startFake();
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  printed = [];
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  for (const secret of fake.secrets) expect(printed.join('\n')).not.toContain(secret);
  await stopFake();
});

async function cli(
  args: string,
  { env = {}, isTerminal = false }: { env?: object; isTerminal?: boolean } = {},
): Promise<Run> {
  const credentials = { CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl };
  const result = await runCli(args.split(' '), { env: { ...credentials, ...env }, isTerminal });
  if (!args.includes('--reveal')) printed.push(result.out, result.err);
  return result;
}

const TARGET = `--url ${URL_HERE} --events User.LoggedIn,MFA.*`;

test('plans, applies, and then finds nothing to do', async () => {
  fake.add('User.LoggedIn', URL_HERE, { rate_limit: 5 });
  fake.add('Email.Sent', URL_HERE);
  const planned = await cli(`plan ${TARGET} --rate-limit 600/minute --prune`);
  expect(planned).toMatchObject({ code: 0, err: '' });
  expect(planned.out.split('\n')).toEqual([
    '~  update     User.LoggedIn  wh-1: 5/second → 600/minute',
    '+  create     MFA.RecoveryCodesViewed',
    '+  create     MFA.ChallengeIssued',
    '+  create     MFA.ChallengeCompleted',
    '+  create     MFA.MethodAdded',
    '+  create     MFA.MethodActivated',
    '+  create     MFA.MethodDeleted',
    '-  archive    Email.Sent  wh-2',
    '1 to update',
    '6 to create',
    '1 to archive',
    'Run `apply` with the same options.',
  ]);
  const applied = await cli(`apply ${TARGET} --rate-limit 600/minute --prune --yes`);
  expect(applied.out).toMatch(/^~ {2}update[\s\S]*Done: 7 active webhooks\.$/);
  expect((await cli(`plan ${TARGET} --rate-limit 600/minute --prune --check`)).code).toBe(0);
  expect((await cli(`apply ${TARGET}`)).out).toBe('Nothing to do.');
});

test('`plan --check` ends with 3 when there is something to do', async () => {
  expect((await cli(`plan ${TARGET} --check`)).code).toBe(3);
});

test('reports duplicates', async () => {
  fake.add('User.LoggedIn', URL_HERE);
  fake.add('User.LoggedIn', URL_HERE);
  expect((await cli(`plan --url ${URL_HERE} --events User.LoggedIn`)).out).toContain(
    '!  duplicate  User.LoggedIn  wh-1',
  );
});

test('lists in columns, and text from outside cannot steer the terminal', async () => {
  fake.add('User.LoggedIn', URL_HERE);
  fake.add('Email.Sent', 'https://elsewhere.example.com/\u001b[31m');
  const { out } = await cli('list');
  expect(out.split('\n')[0]).toMatch(/^ID +EVENT +STATUS +RATE +URL$/);
  expect(out).toContain('https://elsewhere.example.com/?[31m');
  expect((await cli(`list --url ${URL_HERE}`)).out.split('\n')).toHaveLength(2);
});

test('shows a key only when it is asked to', async () => {
  const { key } = fake.add('User.LoggedIn', URL_HERE);
  expect((await cli('show wh-1')).out).toContain('(hidden; --reveal shows it)');
  expect(JSON.parse((await cli('show wh-1 --json')).out)).not.toHaveProperty('key');
  expect((await cli('show wh-1 --reveal')).out).toContain(key);
  expect(JSON.parse((await cli('show wh-1 --reveal --json')).out)).toMatchObject({ id: 'wh-1', key });
});

test('creates, archives and unarchives', async () => {
  expect((await cli(`create Email.Sent --url ${URL_HERE} --rate-limit 5/second`)).out).toContain(
    'wh-1  Email.Sent  active  5/second',
  );
  expect((await cli('archive wh-1')).out).toContain('archived');
  expect(JSON.parse((await cli('list --json')).out)).toEqual([]);
  expect(JSON.parse((await cli('list --archived --json')).out)).toMatchObject([{ id: 'wh-1', status: 'archived' }]);
  expect(JSON.parse((await cli('unarchive wh-1 --json')).out)).toMatchObject({ status: 'active' });
});

test('writes keys to a file and not to the terminal', async () => {
  const { key } = fake.add('User.LoggedIn', URL_HERE);
  const file = join(folder, 'keys.json');
  expect((await cli(`keys --url ${URL_HERE} --out ${file}`)).out).toBe(`${file}: the keys of User.LoggedIn`);
  expect(readFileSync(file, 'utf8')).toContain(key);
});

test('rotates and reports each stage', async () => {
  fake.add('User.LoggedIn', URL_HERE);
  const { out, err } = await cli('rotate wh-1 --grace 1');
  expect(err.split('\n')).toEqual([
    expect.stringMatching(/^created wh-2; both deliver until /),
    expect.stringContaining('restart the app'),
    'grace over wh-2',
    'archived wh-1',
  ]);
  expect(out).toBe('wh-1 is archived; wh-2 replaces it.');
});

test('programs get JSON alone on standard output', async () => {
  const { out, err } = await cli(`apply ${TARGET} --json`);
  expect(JSON.parse(out)).toMatchObject({ url: URL_HERE, steps: Array(7).fill({ action: 'create' }), duplicates: [] });
  expect(err.split('\n')).toHaveLength(7);
  expect(JSON.parse((await cli(`plan ${TARGET} --json`)).out)).toMatchObject({ isEmpty: true });
});

test('signs in with a user name and password', async () => {
  const env = {
    CAKEMAIL_TOKEN: '',
    CAKEMAIL_USERNAME: USER.username,
    CAKEMAIL_PASSWORD: USER.password,
    CAKEMAIL_ACCOUNT_ID: '1',
  };
  expect(await cli('list', { env })).toMatchObject({ code: 0 });
  fake.tokens.asksForSecondFactor = 200;
  expect(await cli('list', { env })).toMatchObject({ code: 1, err: expect.stringContaining('second factor') });
});

test.each([
  ['plan', '--url'],
  [`plan --url ${URL_HERE}`, '--events'],
  [`plan ${TARGET} --rate-limit fast`, 'Write it as in 50/second'],
  [`plan --url nowhere --events User.LoggedIn`, 'as in http://localhost'],
  [`plan --url ftp://nowhere --events User.LoggedIn`, '`url`'],
  [`plan --url ${URL_HERE} --events User.LogedIn`, "Did you mean 'User.LoggedIn'?"],
  ['rotate wh-1 --grace soon', 'whole number of seconds'],
  ['show', "missing required argument 'id'"],
  ['sho wh-1', 'Did you mean show?'],
  ['list --nothing', "unknown option '--nothing'"],
])('%s is wrong usage: exit code 2, nothing sent', async (args, said) => {
  const { code, err } = await cli(args);
  expect([code, fake.calls]).toEqual([2, []]);
  expect(err).toContain(said);
});

test('names the variable that is missing in the environment', async () => {
  expect(await cli('list', { env: { CAKEMAIL_TOKEN: '' } })).toMatchObject({
    code: 2,
    err: expect.stringContaining('Set CAKEMAIL_TOKEN'),
  });
});

test('reports a refusal with its fix and without the token', async () => {
  fake.tokens.expire();
  const { code, err } = await cli('list');
  expect(code).toBe(1);
  expect(err).toContain('GET /webhooks: answered 401; token Bearer … is over');
  expect(err).toContain('401: the token is not valid or has expired.');
});

test('help has examples, and colours are for terminals', async () => {
  expect(await cli('--help')).toMatchObject({ code: 0, out: expect.stringContaining('Examples:') });
  expect(await cli('plan --help')).toMatchObject({ code: 0, out: expect.stringContaining('--prune') });
  expect((await cli(`plan ${TARGET}`, { isTerminal: true })).out).toContain('\u001b[32m');
  expect((await cli(`plan ${TARGET}`)).out).not.toContain('\u001b[');
  expect((await cli(`plan ${TARGET}`, { isTerminal: true, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b[');
});

describe('as a program', () => {
  function start(args: string): ChildProcess {
    const env = { ...process.env, CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl };
    return spawn(process.execPath, [join(__dirname, '../../dist/cjs/cli/main.js'), ...args.split(' ')], { env });
  }

  test('prints, and ends with its code', async () => {
    const child = start(`plan ${TARGET} --check`);
    const [out, [code]] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), once(child, 'exit')]);
    expect([code, out.split('\n').length]).toEqual([3, 10]);
  });

  test('Ctrl-C interrupts a rotation, which continues when it is run again', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    const child = start('rotate wh-1');
    await once(child.stderr as NodeJS.ReadableStream, 'data');
    child.kill('SIGINT');
    const [err, [code]] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'exit')]);
    expect([code, fake.active(URL_HERE).length]).toEqual([130, 2]);
    expect(err).toContain('run the same command again to continue');
    expect((await cli('rotate wh-1 --grace 1')).err).toContain('found wh-2');
    expect(fake.active(URL_HERE)).toHaveLength(1);
  });
});
