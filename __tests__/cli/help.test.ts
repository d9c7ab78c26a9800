import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../helpers/cli.js';
import { ended, start } from '../helpers/cli-process.js';

const COMMANDS = [
  'plan',
  'apply',
  'list',
  'show',
  'create',
  'archive',
  'unarchive',
  'rotate',
  'keys',
  'listen',
  'trigger',
  'verify',
  'doctor',
];
const INBOX = ['inbox', 'inbox list', 'inbox show', 'inbox replay', 'inbox stats'];
const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8'));

test.each([...COMMANDS, ...INBOX])('the help of %s ends with an example of it', async (command) => {
  const { code, out } = await runCli([...command.split(' '), '--help']);
  expect(code).toBe(0);
  const [, examples = ''] = out.split(/^Examples?:\n/m);
  for (const line of examples.split('\n')) expect(line).toMatch(/^ {2}cakemail-webhooks /);
  expect(examples).toContain(`cakemail-webhooks ${command}`);
});

test('every command has one', async () => {
  const { out } = await runCli(['--help']);
  const [, listed = ''] = /\nCommands:\n([\s\S]*?)\n\n/.exec(out) ?? [];
  const names = [...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
  expect(names.filter((name) => name !== 'help').sort()).toEqual([...COMMANDS, 'inbox'].sort());
});

test('the version is that of the package', async () => {
  expect(await runCli(['--version'])).toEqual({ code: 0, out: version, err: '' });
  expect(await ended(start(['--version'], {}))).toEqual({ code: 0, out: version, err: '' });
});
