import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeKeys } from '../../../src/api/index.js';
import { client, reasonOf, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
let folder: string;
let file: string;
beforeEach(async () => {
  fake = await startFake();
  folder = mkdtempSync(join(tmpdir(), 'env-'));
  file = join(folder, '.env');
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await stopFake();
});

/** What a program gets of the file. */
function read(): Record<string, string[]> {
  const program = 'process.stdout.write(process.env.CAKEMAIL_WEBHOOK_SECRETS)';
  return JSON.parse(execFileSync(process.execPath, [`--env-file=${file}`, '-e', program]).toString());
}

const write = () => writeKeys({ api: client(), url: URL_HERE, file });

test('writes the map that `secret` takes, for its owner only', async () => {
  const login = fake.add('User.LoggedIn', URL_HERE);
  const odd = fake.add('Email.Sent', URL_HERE, { key: `it's "odd" \\ $HOME \`x\`` });
  expect(await write()).toEqual(['User.LoggedIn', 'Email.Sent']);
  expect(read()).toEqual({ 'User.LoggedIn': [login.key], 'Email.Sent': [odd.key] });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['.env']);
});

test('leaves the other lines as they are, and its own where it was', async () => {
  writeFileSync(file, "A=1\nCAKEMAIL_WEBHOOK_SECRETS='{}'\n# $& $1\nB=2");
  chmodSync(file, 0o644);
  fake.add('User.LoggedIn', URL_HERE);
  await write();
  const lines = readFileSync(file, 'utf8').split('\n');
  expect([lines[0], lines[2], lines[3], lines.length]).toEqual(['A=1', '# $& $1', 'B=2', 4]);
  expect(Object.keys(read())).toEqual(['User.LoggedIn']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a file without it gets one more line', async () => {
  writeFileSync(file, 'A=1');
  fake.add('User.LoggedIn', URL_HERE);
  await write();
  expect(readFileSync(file, 'utf8')).toMatch(/^A=1\nCAKEMAIL_WEBHOOK_SECRETS='\{.*\}'\n$/);
});

test('a failure leaves the file as it was, and nothing beside it', async () => {
  writeFileSync(file, 'A=1');
  await expect(write()).rejects.toThrow('no active webhook');
  fake.add('User.LoggedIn', URL_HERE);
  await expect(writeKeys({ api: client(), url: URL_HERE, file: join(folder, 'nowhere', '.env') })).rejects.toThrow(
    'ENOENT',
  );
  expect(readFileSync(file, 'utf8')).toBe('A=1');
  expect(readdirSync(folder)).toEqual(['.env']);
});

test.each([{ status: 404 }, { status: 503 }, { status: 429, retryAfter: '3600' }])(
  'a webhook whose key cannot be read because of %j leaves the file as it was, and the error names its event and id',
  async (fault) => {
    fake.add('User.LoggedIn', URL_HERE);
    fake.add('Email.Sent', URL_HERE);
    await write();
    const before = readFileSync(file, 'utf8');
    fake.fail(/GET \/webhooks\/wh-2/, fault);
    const options = { api: client({ attempts: 1 }), url: URL_HERE, file };
    await expect(writeKeys(options)).rejects.toThrow(/^Email\.Sent: GET \/webhooks\/wh-2: .*nothing was written$/);
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(readdirSync(folder)).toEqual(['.env']);
  },
);

test('several keys that cannot be read make one error, which names each', async () => {
  for (const event of ['User.LoggedIn', 'Email.Sent', 'Email.Opened']) fake.add(event, URL_HERE);
  fake.fail(/wh-2/, { status: 404 });
  fake.fail(/wh-3/, { status: 404 });
  const error = await reasonOf(write());
  expect(error.message).toContain('Email.Sent: GET /webhooks/wh-2');
  expect(error.message).toContain('Email.Opened: GET /webhooks/wh-3');
  expect(error.message).toContain('nothing was written');
});

test.each(['there', 'not there yet'])(
  'behind a symbolic link the file it points to, when it is %s, is written',
  async (there) => {
    const target = join(folder, 'target');
    if (there === 'there') writeFileSync(target, 'A=1\n');
    symlinkSync('target', file);
    fake.add('User.LoggedIn', URL_HERE);
    await write();
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, 'utf8')).toContain('CAKEMAIL_WEBHOOK_SECRETS=');
    expect(Object.keys(read())).toEqual(['User.LoggedIn']);
  },
);

test('bytes of another encoding stay, and keys of any kind are written in ASCII', async () => {
  writeFileSync(file, Buffer.from('A=caf\xe9\n', 'latin1'));
  const { key } = fake.add('User.LoggedIn', URL_HERE, { key: 'a\u2028\u00e9' });
  await write();
  const before = readFileSync(file, 'latin1');
  expect(before).toMatch(/^A=caf\xe9\nCAKEMAIL_WEBHOOK_SECRETS='[\x20-\x7e]+'\n$/);
  expect(read()).toEqual({ 'User.LoggedIn': [key] });
  await write();
  expect(readFileSync(file, 'latin1')).toBe(before);
});

test('a file that is not clear stays as it is, and the error says why', async () => {
  writeFileSync(file, "A='1\nB=2\n");
  fake.add('User.LoggedIn', URL_HERE);
  await expect(write()).rejects.toThrow('never closes the quote after A. Nothing was written');
  expect(readFileSync(file, 'utf8')).toBe("A='1\nB=2\n");
});
