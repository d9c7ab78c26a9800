import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { createWebhookRouter, type WebhookRouter } from '../src/index.js';
import { LOG_NOTICES } from '../src/instrumentation/log-lines.js';
import { OPTION_NAMES } from '../src/options.js';
import { WEBHOOK_ERROR_CODES } from '../src/shared/errors.js';
import { sampleEvent, signedRequest } from '../src/testing/index.js';
import { runCli } from './helpers/cli.js';

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

test('lists the code of every process warning', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const codes = sources.flatMap(
    (path) => readFileSync(join(ROOT, 'src', path), 'utf8').match(/(?<=')WARN_\w+(?=')/g) ?? [],
  );
  expect(codes).toContain('WARN_DEAD_LETTER');
  for (const code of codes) expect(README).toMatch(new RegExp(`^\\| \`${code}\` \\|`, 'm'));
});

describe('the command line', () => {
  /** The output of `--help`, by the command, such as `keys` or `inbox list`. */
  const help = new Map<string, string>();

  /** Resolves to the commands in a command; '' stands for the program. */
  async function readHelp(command: string): Promise<string[]> {
    const { out } = await runCli([...command.split(' ').filter(Boolean), '--help']);
    help.set(command, out);
    const [, commands = ''] = /^Commands:\n((?: .*\n)*)/m.exec(out) ?? [];
    const names = [...commands.matchAll(/^ {2}(\w+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
    return names.map((name) => `${command} ${name}`.trim());
  }

  beforeAll(async () => {
    const commands = await readHelp('');
    for (const command of commands) commands.push(...(await readHelp(command)));
  });

  test('has every command in the README', () => {
    expect(help.size).toBeGreaterThan(14);
    const commands = [...help.keys()].filter((command) => command !== '');
    expect(commands.filter((command) => !new RegExp(`(npx cakemail-webhooks |\`)${command}\\b`).test(README))).toEqual(
      [],
    );
  });

  test('has every option that the README passes to a command', () => {
    const calls = [...README.matchAll(/npx cakemail-webhooks (inbox \w+|\w+)(.*)$/gm)];
    const unknown = calls.flatMap(([, command = '', rest = '']) =>
      [...rest.replace(/ #.*/, '').matchAll(/--[\w-]+/g)]
        .map(([option]) => option)
        .filter((option) => help.get(command)?.includes(`${option} `) !== true)
        .map((option) => `${command} ${option}`),
    );
    expect(calls.length).toBeGreaterThan(10);
    expect(unknown).toEqual([]);
  });

  test('has every option that the README names', () => {
    const all = [...help.values()].join('\n');
    // `--env-file` is an option of Node, and `--prefix` one of npm.
    const named = new Set([...README.matchAll(/(?<=`[^`\n]*)--[a-z][\w-]+/g)].map(([option]) => option));
    expect(
      [...named].filter((option) => !['--env-file', '--prefix'].includes(option) && !all.includes(option)),
    ).toEqual([]);
  });
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

describe('the Lambda recipe', () => {
  type Handler = (request: object) => Promise<{ statusCode: number; headers: Record<string, string>; body: string }>;

  /** The snippet of the README, compiled and run. */
  function handlerWith(webhooks: WebhookRouter): Handler {
    const [, code = ''] = README.match(/```ts\n(\/\/ AWS Lambda[\s\S]*?)```/) ?? [];
    const exported: { handler?: Handler } = {};
    const compiled = transformSync(code, { loader: 'ts', format: 'cjs', target: 'node20' }).code;
    const module = { exports: exported };
    new Function('webhooks', 'module', 'exports', compiled)(webhooks, module, exported);
    const { handler } = module.exports;
    if (handler === undefined) throw new Error('The README exports no handler.');
    return handler;
  }

  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: 'key' });

  test.each([
    ['text', { body, headers, isBase64Encoded: false }],
    ['base64', { body: Buffer.from(body).toString('base64'), headers, isBase64Encoded: true }],
  ])('answers a signed body that comes as %s', async (_how, request) => {
    const handler = handlerWith(createWebhookRouter({ secret: 'key', logger: {} }));
    expect(await handler(request)).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': '22' },
      body: '{"status":"unhandled"}',
    });
  });

  test.each([{ body: null, headers: {} }, { headers: {} }])(
    'answers %j, which has no body, with 403',
    async (request) => {
      const handler = handlerWith(createWebhookRouter({ secret: 'key', logger: {} }));
      expect(await handler(request)).toMatchObject({ statusCode: 403, body: expect.stringContaining('ERR_SIGNATURE') });
    },
  );

  test('passes Retry-After on', async () => {
    const webhooks = createWebhookRouter({ secret: 'key', logger: {} });
    await webhooks.close();
    const response = await handlerWith(webhooks)({ body, headers });
    expect(response).toMatchObject({ statusCode: 503, headers: { 'retry-after': '5' } });
  });
});
