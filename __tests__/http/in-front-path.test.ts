import express from 'express';
import {
  ConfigurationError,
  createWebhookRouter,
  type InFrontOptions,
  type NodeListener,
  type WebhookRouter,
} from '../../src/index.js';
import { FRAMEWORKS } from '../helpers/adapters.js';
import { PATH, SECRET, SIGNED } from '../helpers/harness.js';
import { dial, hangUp, head, listen, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

function router(options: Partial<Parameters<typeof createWebhookRouter>[0]> = {}): WebhookRouter {
  return createWebhookRouter({ secret: SECRET, logger: {}, ...options });
}

/** Sends a signed POST to exactly this request target. Resolves to who responded. */
async function responderOf(port: number, target: string): Promise<string> {
  const sent = head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }, 'POST', target) + SIGNED.body;
  const answer = await dial(port, sent).answer;
  if (answer.includes('{"status":')) return 'the router';
  return statusOf(answer) === 404 ? 'the app' : answer;
}

const ON_THE_PATH = [
  '/webhooks/cakemail',
  '/webhooks/cakemail/',
  '/WEBHOOKS/CakeMail',
  '/Webhooks/Cakemail/',
  '/webhooks/cakemail?',
  '/webhooks/cakemail?a=b&c=/d',
  '/webhooks/cakemail/?a=b',
  '/webhooks/cakemail?http://localhost/other',
  '/webhooks/cakemail#fragment',
  '/webhooks/cakemail/#',
  '/webhooks/cakemail#/below',
  '/webhooks/cakemail#a?b',
  '/Webhooks/cakemail?a=b#c',
  'http://localhost/webhooks/cakemail#fragment',
  'http://localhost/webhooks/cakemail',
  'http://localhost:3000/webhooks/cakemail/',
  'https://example.com/Webhooks/CAKEMAIL?a=b',
];

const ELSEWHERE = [
  '/',
  '/?/webhooks/cakemail',
  '/webhooks',
  '/webhooks/',
  '/webhooks/cakemai',
  '/webhooks/cakemails',
  '/webhooks/cakemail/below',
  '/webhooks/cakemail/below?/webhooks/cakemail',
  '/webhooks/cakemail//',
  '/webhooks//cakemail',
  '//webhooks/cakemail',
  '/before/webhooks/cakemail',
  '/webhooks/./cakemail',
  '/webhooks/below/../cakemail',
  '/webhooks%2Fcakemail',
  '/webhooks/cakemai%6C',
  '/webhooks/cakemail%20',
  '/webhooks/cakemail;v=1',
  '/webhooks/cakemail.json',
  '/#/webhooks/cakemail',
  '/other#/webhooks/cakemail',
  '/webhooks/cakemail/below#fragment',
  '/webhooks#/cakemail',
  'http://localhost/',
  'http://localhost',
  'http://localhost/webhooks/cakemail/below',
  'http://localhost/?/webhooks/cakemail',
  'http://webhooks/cakemail',
  'http://localhost/webhooks/below/../cakemail',
  'http://localhost/webhooks/./cakemail',
];

describe('the path', () => {
  test.each(ON_THE_PATH)('the router serves %s', async (target) => {
    const { port } = await listen(router().inFrontOf(express(), { path: PATH }));
    expect(await responderOf(port, target)).toBe('the router');
  });

  test.each(ELSEWHERE)('the app serves %s', async (target) => {
    const { port } = await listen(router().inFrontOf(express(), { path: PATH }));
    expect(await responderOf(port, target)).toBe('the app');
  });

  test.each(FRAMEWORKS)(
    '52. the same request targets are served as by app.all(path) of %s',
    async (_name, framework) => {
      const { port } = await listen(framework().all(PATH, router()));
      const responders = await Promise.all([...ON_THE_PATH, ...ELSEWHERE].map((target) => responderOf(port, target)));
      expect(responders).toEqual([...ON_THE_PATH.map(() => 'the router'), ...ELSEWHERE.map(() => 'the app')]);
    },
  );

  test.each(['/webhooks/cakemail', '/webhooks/cakemail/', '/Webhooks/CakeMail'])(
    'the path may be given as %s',
    async (path) => {
      const { port } = await listen(router().inFrontOf(express(), { path }));
      for (const target of [path, '/webhooks/cakemail', '/WEBHOOKS/cakemail/?a=b']) {
        expect(await responderOf(port, target)).toBe('the router');
      }
      expect(await responderOf(port, '/webhooks/cakemail/below')).toBe('the app');
    },
  );

  test.each(['/a-b_c.d~e', '/a:b', '/a,b;c=d', '/@a/!b', "/$a&b'c", '/caf%C3%A9', '/0'])(
    'the path may hold any characters of an address: %s',
    async (path) => {
      const { port } = await listen(router().inFrontOf(express(), { path }));
      expect(await responderOf(port, path)).toBe('the router');
      expect(await responderOf(port, `${path}x`)).toBe('the app');
    },
  );

  test("the path '/' is the root alone", async () => {
    const { port } = await listen(router().inFrontOf(express(), { path: '/' }));
    const targets = ['/', '/?a=b', 'http://localhost/', 'http://localhost', '//', '/a', '/a/', '/?/a', 'http://a/b'];
    const responders = await Promise.all(targets.map((target) => responderOf(port, target)));
    expect(responders).toEqual([
      ...['the router', 'the router', 'the router', 'the router'],
      ...['the app', 'the app', 'the app', 'the router', 'the app'],
    ]);
  });

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    '%s is refused at the path, and does not reach the app',
    async (method) => {
      const app = jest.fn();
      const { url } = await listen(router().inFrontOf(app, { path: PATH }));
      const response = await fetch(url + PATH, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
      expect(app).not.toHaveBeenCalled();
    },
  );
});

describe('arguments that are not valid', () => {
  const app = express();

  test.each<[string, unknown, unknown, RegExp]>([
    ['no app', undefined, { path: PATH }, /^inFrontOf\(\) needs your app: a function/],
    ['null for an app', null, { path: PATH }, /^inFrontOf\(\) needs your app/],
    ['an object for an app', {}, { path: PATH }, /^inFrontOf\(\) needs your app/],
    ['the path first', PATH, app, /^inFrontOf\(\) needs your app/],
    ['no options', app, undefined, /^`inFrontOf\(\) options` cannot be undefined\./],
    ['null for options', app, null, /^`inFrontOf\(\) options` cannot be null\./],
    ['the path for options', app, PATH, /^`inFrontOf\(\) options` cannot be \/webhooks\/cakemail\./],
    ['a misspelt option', app, { paths: PATH }, /^There is no option `.*paths`\. Did you mean `path`\?/],
    ['an unknown option', app, { path: PATH, methods: ['POST'] }, /^There is no option `.*methods`\./],
  ])('inFrontOf() throws for %s', (_what, given, options, message) => {
    const wrong = (): unknown => router().inFrontOf(given as NodeListener, options as InFrontOptions);
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow(message);
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }));
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['empty', ''],
    ['a number', 3000],
    ['a list', [PATH]],
    ['a RegExp', /webhooks/],
    ['without its slash', 'webhooks/cakemail'],
    ['an address', 'http://localhost/webhooks/cakemail'],
    ['with a query', '/webhooks/cakemail?a=b'],
    ['with an empty query', '/webhooks/cakemail?'],
    ['with a fragment', '/webhooks/cakemail#a'],
    ['with a space', '/webhooks/cake mail'],
    ['with a line break', '/webhooks/cakemail\n'],
    ['a pattern of one parameter', '/:id'],
    ['a pattern with a parameter in the middle', '/webhooks/:account/cakemail'],
    ['a pattern with a parameter at the end', '/webhooks/:id'],
    ['a pattern with a wildcard', '/webhooks*'],
    ['a pattern that is a wildcard', '*'],
    ['a pattern with a named wildcard', '/webhooks/*rest'],
    ['a pattern with an optional part of Express 5', '/webhooks{/cakemail}'],
    ['a pattern with an optional part of Express 4', '/webhooks/cakemail/?'],
    ['a pattern with a group', '/webhooks/(cakemail|others)'],
  ])('inFrontOf() throws for a path that is %s', (_what, path) => {
    const wrong = (): unknown => router().inFrontOf(app, { path } as InFrontOptions);
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow("`path` must be a plain path such as '/webhooks/cakemail', without patterns or a query.");
  });
});
