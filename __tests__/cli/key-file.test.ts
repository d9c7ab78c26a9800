import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { extractKeyJson, writeKeyFile } from '../../src/cli/key-file.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { type Run, runCli } from '../helpers/cli.js';
import fc from '../helpers/properties.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'key-file-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pathOf = (name: string): string => join(folder, name);

test('every key survives both formats, and Node reads the env line as the JSON', async () => {
  const map = fc.dictionary(
    fc.constantFrom('User.LoggedIn', 'Email.Sent', 'Email.Opened'),
    fc.array(fc.string({ minLength: 1, unit: 'binary' }), { minLength: 1, maxLength: 3 }),
    { minKeys: 1 },
  );
  await fc.assert(
    fc.asyncProperty(map, async (given) => {
      for (const name of ['keys.json', '.env']) {
        await writeKeyFile(pathOf(name), given);
        const text = readFileSync(pathOf(name), 'utf8');
        expect(JSON.parse(extractKeyJson(text))).toEqual(given);
        if (name === '.env') expect(parseEnv(text)).toEqual({ CAKEMAIL_WEBHOOK_SECRETS: extractKeyJson(text) });
      }
    }),
    { numRuns: 100 },
  );
});

test.each([`it's "odd" \\ $HOME \`x\` # a`, '\u2028\u00e9\u001b[2J', 'a=b\nCAKEMAIL_WEBHOOK_SECRETS=c'])(
  'a shell reads the key %j from the env line as it is',
  async (key) => {
    await writeKeyFile(pathOf('.env'), { 'User.LoggedIn': [key] });
    const read = execFileSync('sh', ['-c', '. "$0"; printf %s "$CAKEMAIL_WEBHOOK_SECRETS"', pathOf('.env')]);
    expect(JSON.parse(read.toString())).toEqual({ 'User.LoggedIn': [key] });
  },
);

describe('--keys', () => {
  const body = JSON.stringify(sampleEvent('User.LoggedIn'));

  test.each(['keys.json', 'keys.env'])('verifies and diagnoses with the keys in %s', async (name) => {
    await writeKeyFile(pathOf(name), { 'User.LoggedIn': ['a key', 'its own key'], 'Email.Sent': ['the other key'] });
    const look = (command: string, secret: string): Promise<Run> => {
      const signature = signedRequest(body, { secret }).headers['x-signature'] ?? '';
      const args = ['--body', '-', '--signature', signature, '--keys', pathOf(name)];
      // The file is meant even where the environment has another key.
      return runCli([command, ...args], { env: { CAKEMAIL_WEBHOOK_SECRET: 'another key' }, input: body });
    };
    expect(await look('verify', 'its own key')).toMatchObject({ code: 0, out: 'The signature is valid.' });
    expect((await look('doctor', 'the other key')).out).toContain('signed with the key of Email.Sent');
  });

  test.each<[string, string, string]>([
    ['a file that is not there', '', 'the file cannot be read. ENOENT'],
    ['an env file of an app', "OTHER='a secret text'", 'does not hold a JSON object that maps events to keys'],
    ['a single key', 'a secret text', 'does not hold a JSON object that maps events to keys'],
    ['a map without keys', '{"a secret text":[]}', 'does not hold a JSON object that maps events to keys'],
  ])('refuses %s and does not show what is in it', async (_what, content, said) => {
    if (content !== '') writeFileSync(pathOf('keys'), content);
    const { code, out, err } = await runCli(['trigger', 'User.LoggedIn', '--keys', pathOf('keys')]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`--keys: the file ${said.replace('the file ', '')}`);
    expect(err).not.toContain('a secret text');
  });

  test('is refused together with --secret, whose value is not repeated', async () => {
    const { code, err } = await runCli([
      'trigger',
      'User.LoggedIn',
      '--keys',
      'keys.json',
      '--secret',
      'a secret text',
    ]);
    expect([code, err]).toEqual([2, expect.stringMatching(/--keys <file>.*--secret <key>.*\[ERR_USAGE\]$/)]);
    expect(err).not.toContain('a secret text');
  });

  test('names itself when its file has no key for the event', async () => {
    writeFileSync(pathOf('keys.json'), '{"Email.Sent":["a secret text"]}');
    const { code, err } = await runCli(['trigger', 'User.LoggedIn', '--keys', pathOf('keys.json')]);
    expect([code, err]).toEqual([2, expect.stringContaining('The file of --keys has no key for User.LoggedIn')]);
  });
});
