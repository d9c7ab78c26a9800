import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, resolve } from 'node:path';
import { promisify } from 'node:util';

// What a user gets: the packed tarball, installed from a file into projects of their own.

const ROOT = resolve(__dirname, '..');
const OLD_TYPESCRIPT = 'npm:typescript@~5.5.4';
const MINUTE = 60_000;
jest.setTimeout(5 * MINUTE);

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

let folder: string;
let packed: Packed;

beforeAll(async () => {
  // `npm test` builds before. Packing must not build again: other tests may be reading dist at this moment.
  await expect(readdir(join(ROOT, 'dist', 'cjs'))).resolves.toContain('index.js');

  folder = await mkdtemp(join(tmpdir(), 'cakemail-webhooks-consumers-'));
  const output = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], ROOT);
  [packed] = JSON.parse(output) as [Packed];

  await cp(join(ROOT, '__tests__', 'consumers'), folder, { recursive: true });
  const { devDependencies } = await manifestOf(ROOT);
  const versionsOf = (...names: string[]) => Object.fromEntries(names.map((name) => [name, devDependencies[name]]));
  const manifest = {
    private: true,
    dependencies: { 'cakemail-webhooks': `file:${packed.filename}`, ...versionsOf('express') },
    devDependencies: { 'old-typescript': OLD_TYPESCRIPT, ...versionsOf('@types/express', '@types/node') },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  test('holds the built package and its papers, and nothing else', () => {
    const papers = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => !path.startsWith('dist/')).sort()).toEqual(papers);
    expect(paths.filter((path) => /test\.|__tests__|\.map$|tsbuildinfo/.test(path))).toEqual([]);
    const built = /^dist\/(cjs|esm)\/(.+\/)?[\w-]+(\.js|\.d\.ts)$|^dist\/cjs\/package\.json$/;
    const unknown = paths.filter((path) => path.startsWith('dist/') && !built.test(path));
    expect(unknown.sort()).toEqual(['dist/cjs/inspector/page/index.html', 'dist/cjs/inspector/page/style.css']);
  });

  test('has the code once: what is imported is what is required', async () => {
    const program = `
      import * as imported from 'cakemail-webhooks';
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('cakemail-webhooks');
      for (const name of Object.keys(required)) console.log(name, imported[name] === required[name]);`;
    const lines = (await run('node', ['--input-type=module', '-e', program], folder)).trim().split('\n');
    expect(lines).toContain('createWebhookRouter true');
    expect(lines.filter((line) => line.endsWith('false'))).toEqual([]);
  });

  test('is small: all of it, and what the core alone takes', async () => {
    expect(packed.size).toBeLessThan(300_000);
    const root = join(folder, 'node_modules', 'cakemail-webhooks');
    const core = [...(await reachable(root, ['esm/index', 'cjs/index'])), 'package.json', 'dist/cjs/package.json'];
    await run('tar', ['czf', join(folder, 'core.tgz'), '-C', root, ...core], folder);
    expect((await stat(join(folder, 'core.tgz'))).size).toBeLessThan(60_000);
  });
});

describe('what is installed with it', () => {
  test('is five packages and what they need, none with an install script', async () => {
    const installed = await installedPackages();
    const own = installed.get('cakemail-webhooks');
    const direct = ['@standard-schema/spec', 'commander', 'eventemitter3', 'raw-body', 'zod'];
    expect(Object.keys(own?.dependencies ?? {}).sort()).toEqual(direct);

    const needed = closure(installed, ['cakemail-webhooks']);
    const express = closure(installed, ['express']);
    const production = [...installed].filter(([, { dev }]) => !dev).map(([name]) => name);
    expect(production.filter((name) => !needed.has(name) && !express.has(name))).toEqual([]);
    expect([...needed].filter((name) => installed.get(name)?.hasInstallScript)).toEqual([]);
    // raw-body is Express's own body reader. A growing number means that a change added a dependency.
    expect(needed.size).toBeLessThanOrEqual(16);
  });
});

describe('a project', () => {
  test.each(['js-cjs', 'js-esm'])('in JavaScript runs: %s', async (project) => {
    await run('node', ['index.js'], join(folder, project));
  });

  test('has the command', async () => {
    expect(await run('npx', ['cakemail-webhooks', '--help'], folder)).toContain('Usage: cakemail-webhooks');
  });

  test('loads neither the API client, the command, the inbox nor the inspector with the core', async () => {
    const asCommonJs = `require('cakemail-webhooks'); console.log(Object.keys(require.cache).join(' '))`;
    const loaded = await run('node', ['-e', asCommonJs], folder);
    expect(loaded).toContain('router.js');
    expect(loaded).not.toMatch(/commander|[/\\\\](api|cli|inbox|inspector|diagnosis)[/\\\\]/);
  });

  test.each([
    ['file:./x.db', 'libsql'],
    ['redis://localhost', 'bullmq ioredis'],
    ['postgres://localhost/x', 'bullmq pg'],
  ])('gets an error that names the missing packages of an inbox: %s', async (address, packages) => {
    const program = `import('cakemail-webhooks/inbox')
      .then(({ openInbox }) => openInbox(${JSON.stringify(address)}))
      .catch(({ code, message }) => console.log(code, message))`;
    const said = await run('node', ['-e', program], folder);
    expect(said).toContain('ERR_INBOX_OPEN');
    expect(said).toContain(`npm install ${packages}.`);
  });

  test('without libsql learns that a history file needs it, and needs it for nothing else of the inspector', async () => {
    const program = `
      const { createWebhookRouter } = require('cakemail-webhooks');
      const { inspector } = require('cakemail-webhooks/inspector');
      const webhooks = createWebhookRouter({ secret: 'the key of a test' });
      inspector(webhooks);
      try { inspector(webhooks, { historyFile: 'history' }); } catch ({ code, message }) { console.log(code, message); }`;
    const output = await run('node', ['-e', program], folder);
    expect(output).toContain('ERR_OPTION_INVALID The history file needs a package that is not installed');
    expect(output).toContain('npm install libsql.');
    const listen = ['cakemail-webhooks', 'listen', '--port', '0', '--secret', 'x', '--history', 'history'];
    await expect(run('npx', listen, folder)).rejects.toThrow('npm install libsql.');
  });

  test.each([
    ['ts-cjs', 'new', 'node16', 'node16'],
    ['ts-cjs', 'old', 'node16', 'node16', '--esModuleInterop', 'false'],
    ['ts-cjs', 'old', 'commonjs', 'node10', '--esModuleInterop', 'false'],
    ['ts-esm', 'new', 'node16', 'node16'],
    ['ts-esm', 'new', 'nodenext', 'nodenext'],
    ['ts-esm', 'new', 'esnext', 'bundler'],
    ['ts-esm', 'old', 'node16', 'node16'],
    ['ts-esm', 'old', 'esnext', 'bundler'],
    // A library on top of this one: it emits declarations.
    ['ts-library', 'new', 'node16', 'node16'],
    ['ts-library', 'old', 'node16', 'node16'],
  ] as const)('in TypeScript compiles and runs: %s, %s compiler, --module %s, %s', async (...variant) => {
    const [project, compiler, module, moduleResolution, ...more] = variant;
    const out = `${compiler}-${moduleResolution}`;
    const options = ['--module', module, '--moduleResolution', moduleResolution, '--outDir', out, ...more];
    await run('node', [tscOf(compiler), '-p', '.', ...options], join(folder, project));
    await run('node', [join(out, 'index.js')], join(folder, project));
  });

  describe.each([
    ['new', 'node16', 'node16'],
    ['new', 'nodenext', 'nodenext'],
    ['new', 'esnext', 'bundler'],
    ['old', 'node16', 'node16'],
    ['old', 'commonjs', 'node10'],
    ['old', 'esnext', 'bundler'],
  ] as const)('in TypeScript, %s compiler, --module %s --moduleResolution %s', (compiler, module, moduleResolution) => {
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022', '--types', 'node'];
    const compile = (project: string, files: readonly string[]) =>
      run(
        'node',
        [tscOf(compiler), ...options, '--module', module, '--moduleResolution', moduleResolution, ...files],
        join(folder, project),
      );

    test.each(['merge.ts', 'merge.d.ts'])('adds to the types with the snippet of the README in a %s', async (file) => {
      const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
      const [, snippet = ''] = /```ts\n((?:(?!```)[\s\S])*interface CakemailEventData[\s\S]*?)```/.exec(readme) ?? [];
      await rm(join(folder, 'ts-merge', 'merge.ts'), { force: true });
      await rm(join(folder, 'ts-merge', 'merge.d.ts'), { force: true });
      await writeFile(join(folder, 'ts-merge', file), snippet);
      expect(await compile('ts-merge', ['index.ts', file])).toBe('');
    });

    test('learns from the compiler which name a misspelt one was meant to be', async () => {
      const said = await compile('ts-misspelt', ['index.ts']).catch(({ message }: Error) => message);
      const errors = [...said.matchAll(/^index\.ts\((\d+),\d+\): (.*)/gm)].map(([, line, text]) => `${line} ${text}`);
      const mistaken = (line: number, argument: string, parameter: string) =>
        `${line} error TS2345: Argument of type ${argument} is not assignable to parameter of type ${parameter}.`;
      expect(errors).toEqual([
        mistaken(6, `'"User.LogedIn"'`, `'"Did you mean 'User.LoggedIn'?"'`),
        mistaken(7, `'"email.opened"'`, `'"Did you mean 'Email.Opened'?"'`),
        mistaken(8, `'"Email.Bonced"'`, `'"Did you mean 'Email.Bounced'?"'`),
        mistaken(9, `'"Contcat.*"'`, `'"Did you mean 'Contact.*'?"'`),
        // Compilers differ in the order of a union.
        expect.stringMatching(/^10 error TS2345: .* not assignable .*"Did you mean 'Email.Clicked'\?"/),
        expect.stringMatching(/^11 error TS2345: .*'"Something.QuiteDifferent"' is not assignable .*EventSelector/),
        expect.stringContaining(`12 error TS2345: Argument of type 'string' is not assignable`),
      ]);
    });
  });
});

/** The built files that these entries come to, with their declarations. */
async function reachable(root: string, entries: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set(entries.flatMap((entry) => [`dist/${entry}.js`, `dist/${entry}.d.ts`]));
  for (const file of found) {
    const code = await readFile(join(root, file), 'utf8');
    for (const [, path = ''] of code.matchAll(/(?:from|import|require)\s*\(?\s*['"](\.[^'"]+)['"]/g)) {
      const target = normalize(join(dirname(file), path));
      found.add(file.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target);
    }
  }
  return found;
}

/** The compiler that this package is built with, or one that users may still have. */
function tscOf(compiler: 'new' | 'old'): string {
  const [root, name] = compiler === 'new' ? [ROOT, 'typescript'] : [folder, 'old-typescript'];
  return join(root, 'node_modules', name, 'bin', 'tsc');
}

/** Runs a program and resolves to its standard output. If the program fails, the test fails with all of its output. */
async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  // A consumer must not inherit the environment of the test runner.
  const { NODE_ENV: _env, NODE_OPTIONS: _options, JEST_WORKER_ID: _worker, ...env } = process.env;
  try {
    return (await promisify(execFile)(program, args, { cwd, env, timeout: 4 * MINUTE })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed in ${cwd}:\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
  }
}

interface Installed {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

/** The installed packages by name. If npm installed several versions of one, the top-level version counts. */
async function installedPackages(): Promise<ReadonlyMap<string, Installed>> {
  const lock = await readFile(join(folder, 'node_modules', '.package-lock.json'), 'utf8');
  const { packages } = JSON.parse(lock) as { packages: Record<string, Installed> };
  const byName = new Map<string, Installed>();
  for (const [path, entry] of Object.entries(packages)) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (!byName.has(name) || path === `node_modules/${name}`) byName.set(name, entry);
  }
  return byName;
}

/** The packages and all of their dependencies. */
function closure(installed: ReadonlyMap<string, Installed>, names: readonly string[]): ReadonlySet<string> {
  const found = new Set(names);
  for (const name of found) for (const each of Object.keys(installed.get(name)?.dependencies ?? {})) found.add(each);
  return found;
}

async function manifestOf(directory: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Manifest;
}
