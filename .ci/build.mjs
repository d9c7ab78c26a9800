// Builds the package as CommonJS, an ES module per entry that re-exports its names, and the inspector's page.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { build, transform } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
writeFileSync('dist/cjs/package.json', '{"type":"commonjs"}\n');

// Removes comments from the code, because the declarations have the docstrings. They were a third of the package.
for (const file of readdirSync('dist/cjs', { recursive: true }).filter((name) => name.endsWith('.js'))) {
  const { code } = await transform(readFileSync(`dist/cjs/${file}`, 'utf8'), {
    legalComments: 'none',
    target: 'es2022',
  });
  writeFileSync(`dist/cjs/${file}`, code);
}

// The ES modules re-export the CommonJS code, so that a program that loads both has each class only once.
const require = createRequire(import.meta.url);
const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const entry of Object.values(exports)) {
  if (typeof entry === 'string') continue;
  const esm = entry.import.default;
  const names = Object.keys(require(`../${entry.require.default}`)).join(', ');
  const cjs = entry.require.default.replace('./dist', '../'.repeat(esm.split('/').length - 3).slice(0, -1));
  mkdirSync(dirname(esm), { recursive: true });
  writeFileSync(esm, `export { ${names} } from '${cjs}';\n`);
  writeFileSync(entry.import.types, `export * from '${cjs}';\n`);
}

const page = 'src/inspector/page';
await build({
  entryPoints: { page: `${page}/main.tsx`, style: `${page}/style.css` },
  outdir: 'dist/cjs/inspector/page',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
});
cpSync(`${page}/index.html`, 'dist/cjs/inspector/page/index.html');
