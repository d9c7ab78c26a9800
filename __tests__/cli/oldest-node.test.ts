import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../helpers/cli.js';
import { ended, killAll, MAIN, startProgram } from '../helpers/cli-process.js';

// The real binary of the first Node that the package supports, kept for the next time. It lacks names that later ones have.
const VERSION = '20.12.0';
const WINDOWS = process.platform === 'win32';
const PACKAGE = `node-${WINDOWS ? 'win' : process.platform}-${process.arch}`;
const FOLDER = join(tmpdir(), `cakemail-webhooks-node-${VERSION}`);
const NODE = join(FOLDER, 'node_modules', PACKAGE, 'bin', WINDOWS ? 'node.exe' : 'node');

beforeAll(() => {
  if (existsSync(NODE)) return;
  mkdirSync(FOLDER, { recursive: true });
  const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--prefix', FOLDER];
  execFileSync('npm', ['install', ...options, `${PACKAGE}@${VERSION}`], { shell: WINDOWS });
});
afterEach(killAll);

const cli = (args: readonly string[]): Promise<Run> => ended(startProgram(NODE, [MAIN, ...args], {}));

test('the command starts on the oldest Node', async () => {
  expect(await cli(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('Usage:'), err: '' });
});

test('it sends deliveries there', async () => {
  const { code, out } = await cli(['trigger', 'User.LoggedIn', '--secret', 'x', '--url', 'http://127.0.0.1:1234']);
  expect([code, out]).toEqual([1, expect.stringContaining('ECONNREFUSED')]);
});

test('it diagnoses them there', async () => {
  const { code, out } = await cli(['doctor', '--secret', 'x', '--signature', 'y', '--body', MAIN]);
  expect([code, out]).toEqual([1, expect.stringContaining('No known mistake explains it.')]);
});
