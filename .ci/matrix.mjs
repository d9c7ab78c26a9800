// Runs the tests on every supported Node version, with binaries from npm: `npm run test:matrix [major …]`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { addUp, formatTotals } from './totals.mjs';

const MAJORS = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24'];
const ROOT = dirname(import.meta.dirname);
const TIMEOUT_MS = 10 * 60_000;
const WINDOWS = process.platform === 'win32';
// The `node` package downloads these packages in an install script; installing one directly runs no script.
const PACKAGE = `node-${WINDOWS ? 'win' : process.platform}-${process.arch}`;

for (const major of MAJORS) {
  const result = testOn(install(major));
  console.log(`Node ${result.version}: ${result.line}`);
  if (result.ok) continue;
  console.error(result.output);
  process.exitCode = 1;
}

/** Returns the path of a Node binary of this major version, which is cached for the next run. */
function install(major) {
  const folder = join(tmpdir(), `cakemail-webhooks-node-${major}`);
  const binary = join(folder, 'node_modules', PACKAGE, 'bin', WINDOWS ? 'node.exe' : 'node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--prefix', folder];
  run('npm', ['install', ...options, `${PACKAGE}@${major}`], { shell: WINDOWS });
  if (!existsSync(binary)) throw new Error(`${PACKAGE}@${major} holds no ${binary}`);
  return binary;
}

/** Runs jest with this binary, which the tests also use for the programs that they start. */
function testOn(node) {
  const version = run(node, ['--version']).stdout.trim();
  const reports = mkdtempSync(join(tmpdir(), 'cakemail-webhooks-reports-'));
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) };
  const args = [join('node_modules', 'jest', 'bin', 'jest.js'), '--json', `--outputFile=${join(reports, 'jest.json')}`];
  const started = Date.now();
  const options = { cwd: ROOT, env, encoding: 'utf8', maxBuffer: Infinity, timeout: TIMEOUT_MS };
  const { status, stdout, stderr } = spawnSync(node, args, options);
  const totals = addUp(reports);
  rmSync(reports, { recursive: true });
  const seconds = Math.round((Date.now() - started) / 1000);
  return {
    version,
    ok: status === 0 && totals.passed > 0,
    line: `${formatTotals(totals)} (${seconds} s)`,
    output: stdout + stderr,
  };
}

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', ...options });
  if (result.status === 0) return result;
  throw new Error(`${program} ${args.join(' ')} failed: ${result.error ?? result.stderr}`);
}
