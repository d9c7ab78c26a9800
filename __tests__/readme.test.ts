import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WEBHOOK_ERROR_CODES } from '../src/errors.js';
import { LOG_NOTICES } from '../src/log/lines.js';
import { OPTION_NAMES } from '../src/options.js';

const ROOT = join(__dirname, '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('starts with the two commands', () => {
  const [firstBlock] = README.match(/```sh\n[\s\S]*?```/) ?? [''];
  expect(firstBlock).toContain('npm ci && npm start');
  expect(firstBlock).toContain('npm ci && npm test');
});

test('explains every error code, and no code that is gone', () => {
  const explained = [...README.matchAll(/^### (ERR_\w+)$/gm)].map(([, code]) => code);
  expect(explained.sort()).toEqual([...WEBHOOK_ERROR_CODES].sort());
});

test('lists every option and every notice', () => {
  for (const name of [...OPTION_NAMES, ...LOG_NOTICES]) expect(README).toMatch(new RegExp(`^\\|.*\`${name}\``, 'm'));
});

test('links only to headings that exist', () => {
  const headings = [...README.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text.toLowerCase().replaceAll(' ', '-'));
  const links = [...README.matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target);
  expect(links.filter((target) => !headings.includes(target as string))).toEqual([]);
});

test('shows only snippets that compile against the built package', () => {
  const folder = join(ROOT, 'reports', 'readme');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, '__tests__/readme/prelude.d.ts'), join(folder, 'prelude.d.ts'));
  const snippets = [...README.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
  expect(snippets.length).toBeGreaterThan(10);
  for (const [index, code] of snippets.entries()) {
    writeFileSync(join(folder, `snippet-${index}.ts`), `${code}\nexport {};\n`);
  }
  const compilerOptions = { module: 'nodenext', target: 'es2022', strict: true, noEmit: true, types: ['node'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
});
