import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractKeyJson } from '../../src/cli/key-file.js';
import { createWebhookRouter, type SecretInput } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { type Run, runCli } from '../helpers/cli.js';
import { ended, killAll, MAIN, startProgram } from '../helpers/cli-process.js';
import { type FakeCakemail, TOKEN } from '../helpers/fake-cakemail.js';

let fake: FakeCakemail;
let folder: string;
beforeEach(async () => {
  fake = await startFake();
  folder = mkdtempSync(join(tmpdir(), 'keys-'));
});
afterEach(async () => {
  killAll();
  rmSync(folder, { recursive: true });
  await stopFake();
});

const environment = (): object => ({ CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl });
const keys = (...args: string[]): Promise<Run> => runCli(['keys', '--url', URL_HERE, ...args], { env: environment() });
const pathOf = (name: string): string => join(folder, name);
const modeOf = (file: string): number => statSync(file).mode & 0o777;

/** Writes the keys to a file of this name, and reads it as text. */
async function written(name: string): Promise<string> {
  const { code, out, err } = await keys('--out', pathOf(name));
  expect([code, err]).toEqual([0, '']);
  for (const secret of fake.secrets) expect(out).not.toContain(secret);
  return readFileSync(pathOf(name), 'utf8');
}

describe('keys --out', () => {
  test('writes JSON that `secret` takes, for its owner only, and no other file', async () => {
    const [login, sent] = [fake.add('User.LoggedIn', URL_HERE), fake.add('Email.Sent', URL_HERE)];
    const text = await written('keys.json');
    expect(text).toBe(
      `{\n  "User.LoggedIn": [\n    "${login.key}"\n  ],\n  "Email.Sent": [\n    "${sent.key}"\n  ]\n}\n`,
    );
    expect([modeOf(pathOf('keys.json')), readdirSync(folder)]).toEqual([0o600, ['keys.json']]);
    await expectBoundKeys(JSON.parse(text));
  });

  test('writes one env line, which Node and a shell read', async () => {
    const [login] = [fake.add('User.LoggedIn', URL_HERE), fake.add('Email.Sent', URL_HERE)];
    const text = await written('webhooks.env');
    expect(text).toBe(
      `CAKEMAIL_WEBHOOK_SECRETS='{"User.LoggedIn":["${login.key}"],"Email.Sent":["${[...fake.secrets].at(-1)}"]}'\n`,
    );
    expect([modeOf(pathOf('webhooks.env')), readdirSync(folder)]).toEqual([0o600, ['webhooks.env']]);
    const print = 'process.stdout.write(process.env.CAKEMAIL_WEBHOOK_SECRETS)';
    const byNode = execFileSync(process.execPath, [`--env-file=${pathOf('webhooks.env')}`, '-e', print]).toString();
    await expectBoundKeys(JSON.parse(byNode));
    const byShell = execFileSync('sh', ['-c', '. "$0"; printf %s "$CAKEMAIL_WEBHOOK_SECRETS"', pathOf('webhooks.env')]);
    expect(byShell.toString()).toBe(byNode);
  });

  test.each([
    ['.env', true],
    ['.env.local', true],
    ['webhooks.env', true],
    ['keys.json', false],
    ['keys', false],
    ['env', false],
    ['.environment', false],
    ['keys.env.json', false],
  ])('chooses the format by the name %s', async (name, isEnvLine) => {
    fake.add('User.LoggedIn', URL_HERE);
    expect((await written(name)).startsWith('CAKEMAIL_WEBHOOK_SECRETS=')).toBe(isEnvLine);
  });

  test.each(['keys.json', 'keys.env'])('replaces the %s that it wrote before, in one step', async (name) => {
    const { id } = fake.add('User.LoggedIn', URL_HERE);
    const before = await written(name);
    chmodSync(pathOf(name), 0o644);
    const reader = openSync(pathOf(name), 'r');
    fake.webhooks.delete(id);
    fake.add('Email.Sent', URL_HERE);
    const after = await written(name);
    expect(Object.keys(JSON.parse(extractKeyJson(after)))).toEqual(['Email.Sent']);
    // A program that had opened the old file still reads all of it.
    expect(readFileSync(reader, 'utf8')).toBe(before);
    closeSync(reader);
    expect([modeOf(pathOf(name)), readdirSync(folder)]).toEqual([0o600, [name]]);
  });

  test('replaces a key file of the other format', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    writeFileSync(pathOf('keys.json'), await written('keys.env'));
    expect(Object.keys(JSON.parse(await written('keys.json')))).toEqual(['User.LoggedIn']);
  });

  const LINE = `CAKEMAIL_WEBHOOK_SECRETS='{"User.LoggedIn":["a key"]}'\n`;
  test.each([
    ['an env file of the app', 'DATABASE_URL=postgres://localhost\n'],
    ['an env file with another line after it', `${LINE}DATABASE_URL=postgres://localhost\n`],
    ['an env file with another line before it', `DATABASE_URL=postgres://localhost\n${LINE}`],
    ['an env line with something else in it', "CAKEMAIL_WEBHOOK_SECRETS='hidden'\n"],
    ['an empty file', ''],
    ['a file that is not text', '\0\u0001\ufffd'],
    ['JSON of something else', '{"name":"app","files":["dist"]}'],
    ['JSON of lists', '{"recommendations":["biomejs.biome"]}'],
    ['JSON of lists under file names', '{"index.js":["./index.ts"]}'],
    ['an empty object', '{}'],
    ['an empty list', '[]'],
    ['null', 'null'],
    ['a text', '"User.LoggedIn"'],
    ['keys among other members', '{"User.LoggedIn":["a key"],"version":1}'],
    ['an event without a key', '{"User.LoggedIn":[]}'],
    ['an event with an empty key', '{"User.LoggedIn":[""]}'],
    ['an event with something other than keys', '{"User.LoggedIn":[{"id":1}]}'],
  ])('leaves %s as it is', async (_what, content) => {
    fake.add('User.LoggedIn', URL_HERE);
    writeFileSync(pathOf('.env'), content, { mode: 0o640 });
    const { code, out, err } = await keys('--out', pathOf('.env'));
    expect([code, out]).toEqual([2, '']);
    expect(err).toBe(
      `--out: ${pathOf('.env')} was not written by \`keys\`, so it is not replaced. Name another file, or move this one away. [ERR_USAGE]`,
    );
    expect([readFileSync(pathOf('.env'), 'utf8'), modeOf(pathOf('.env'))]).toEqual([content, 0o640]);
    expect(readdirSync(folder)).toEqual(['.env']);
  });

  test.each(['its own file', 'a file that is not there'])('leaves a symbolic link to %s as it is', async (target) => {
    fake.add('User.LoggedIn', URL_HERE);
    if (target === 'its own file') await written('target.json');
    const before = readdirSync(folder);
    symlinkSync('target.json', pathOf('link.json'));
    const { code, err } = await keys('--out', pathOf('link.json'));
    expect([code, err]).toEqual([2, expect.stringContaining('link.json is a symbolic link. Name a regular file')]);
    expect(lstatSync(pathOf('link.json')).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder).sort()).toEqual([...before, 'link.json'].sort());
  });

  test('leaves a directory as it is', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    mkdirSync(pathOf('keys.json'));
    const { code, err } = await keys('--out', pathOf('keys.json'));
    expect([code, err]).toEqual([2, expect.stringContaining('keys.json is a directory. Name a regular file')]);
  });

  test('does not wait for the reader of a named pipe', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    execFileSync('mkfifo', [pathOf('keys.json')]);
    const { code, err } = await keys('--out', pathOf('keys.json'));
    expect([code, err]).toEqual([2, expect.stringContaining('keys.json is not a regular file')]);
  });

  // No permission keeps root from reading, but this file cannot be read from its beginning by anyone.
  const UNREADABLE = '/proc/self/mem';
  (existsSync(UNREADABLE) ? test : test.skip)('says why a file cannot be read', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    const { code, err } = await keys('--out', UNREADABLE);
    expect([code, err]).toEqual([2, expect.stringContaining('--out: the file cannot be read. EIO')]);
  });

  test('leaves the old file, and no temporary file, when the new one cannot be written', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    const before = await written('keys.json');
    fake.add('Email.Sent', URL_HERE);
    const args = ['keys', '--url', URL_HERE, '--out', pathOf('keys.json')];
    // No process below this shell can write a byte to a file.
    const limited = ['-c', 'ulimit -f 0 && exec "$0" "$@"', process.execPath, MAIN, ...args];
    const { code, out, err } = await ended(startProgram('sh', limited, environment()));
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^\S+keys\.json could not be written: EFBIG.* \[ERR_FAILED\]$/);
    for (const secret of fake.secrets) expect(err).not.toContain(secret);
    expect([readFileSync(pathOf('keys.json'), 'utf8'), readdirSync(folder)]).toEqual([before, ['keys.json']]);
  });

  test('leaves the old file when the API does not show a key', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    const before = await written('keys.json');
    fake.add('Email.Sent', URL_HERE);
    fake.fail(/GET \/webhooks\/wh-2/, { status: 404 });
    const { code, err } = await keys('--out', pathOf('keys.json'));
    expect([code, err]).toEqual([1, expect.stringContaining('Email.Sent: GET /webhooks/wh-2: answered 404')]);
    expect([readFileSync(pathOf('keys.json'), 'utf8'), readdirSync(folder)]).toEqual([before, ['keys.json']]);
  });

  test('reports the file and the events as JSON', async () => {
    fake.add('User.LoggedIn', URL_HERE);
    const { out } = await keys('--out', pathOf('keys.json'), '--json');
    expect(JSON.parse(out)).toEqual({ file: pathOf('keys.json'), events: ['User.LoggedIn'] });
  });
});

test('keys --print prints what a JSON file would hold, and writes no file', async () => {
  for (const event of ['User.LoggedIn', 'Email.Sent']) fake.add(event, URL_HERE);
  const { code, out, err } = await keys('--print');
  expect([code, err, readdirSync(folder)]).toEqual([0, '', []]);
  await expectBoundKeys(JSON.parse(out));
  expect(await written('keys.json')).toBe(`${out}\n`);
});

test.each([[[]], [['--out', 'keys.json', '--print']]])(
  'keys takes either --out or --print, and asks the API for nothing with %j',
  async (args) => {
    const { code, out, err } = await keys(...args);
    expect([code, out, fake.calls]).toEqual([2, '', []]);
    expect(err).toBe('Pass either --out <file> to write the keys to a file, or --print to print them. [ERR_USAGE]');
  },
);

/** Expects each event's own key to be accepted, and the other one to be refused. */
async function expectBoundKeys(secret: SecretInput): Promise<void> {
  const webhooks = createWebhookRouter({ secret });
  const stored = [...fake.webhooks.values()];
  for (const event of ['User.LoggedIn', 'Email.Sent'] as const) {
    for (const { event: bound, key } of stored) {
      const { body, headers } = signedRequest(sampleEvent(event), { secret: key });
      const { status } = await webhooks.receive({ rawBody: body, headers });
      expect({ event, bound, status }).toEqual({ event, bound, status: bound === event ? 200 : 403 });
    }
  }
}
