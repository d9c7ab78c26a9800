import {
  ConfigurationError,
  createWebhookRouter,
  type SecretInput,
  type SecretsSource,
  type WebhookRouterOptions,
} from '../../src/index.js';
import { sampleEvent } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET } from '../helpers/harness.js';
import { hangUp } from '../helpers/raw-http.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

describe('a secret that cannot be used', () => {
  test.each<[string, unknown]>([
    ['an empty string', ''],
    ['blanks', '  '],
    ['a line break', '\n'],
    ['undefined', undefined],
    ['null', null],
    ['an empty Buffer', Buffer.alloc(0)],
    ['empty bytes', new Uint8Array()],
    ['an empty list', []],
    ['an empty map', {}],
    ['a list with an empty string', ['good', '']],
    ['a list with blanks', ['  ', 'good']],
    ['a list with undefined', ['good', undefined]],
    ['a list with an empty Buffer', ['good', Buffer.alloc(0)]],
    ['a map with an empty string', { 'User.LoggedIn': 'good', 'Email.Sent': '' }],
    ['a map with undefined', { 'User.LoggedIn': undefined }],
    ['a map with an empty list', { 'User.LoggedIn': [] }],
    ['a map with a blank in a list', { 'User.LoggedIn': ['good', ' '] }],
    ['the text undefined, as an environment file may hold it', 'undefined'],
    ['a number', 12345],
    ['true', true],
    ['a Map', new Map([['User.LoggedIn', 'good']])],
    ['a promise', Promise.resolve('good')],
  ])('14. %s throws at construction, naming the option and the fix', (_, secret) => {
    const construct = (): unknown => createWebhookRouter({ secret: secret as SecretInput });
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow(/`secret(\[.*\])?` is /);
    expect(construct).toThrow("Pass the webhook's key as `secret`. Cakemail shows it in GET /webhooks/{id}");
    expect(construct).toThrow(expect.objectContaining({ code: 'ERR_SECRET_MISSING' }));
  });

  test.each([undefined, null, {}])('14. the options %j throw at construction', (options) => {
    const construct = (): unknown => createWebhookRouter(options as WebhookRouterOptions);
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow("Pass the webhook's key as `secret`");
  });

  test.each([null, 'the-key-itself', ['the-key-itself']])(
    '14. the option `secrets` throws when it is %j and not a function',
    (secrets) => {
      const construct = (): unknown => createWebhookRouter({ secrets: secrets as unknown as SecretsSource });
      expect(construct).toThrow(ConfigurationError);
      expect(construct).toThrow('`secrets` must be a function');
    },
  );
});

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  describe('a key with white space around it', () => {
    const spaced = `${SECRET}\n`;

    test('15. a key with white space around it is used as given', async () => {
      const { deliver } = createApp({ secret: spaced, logger: {} });
      expect((await deliver('User.LoggedIn', spaced)).status).toBe(200);
      expect((await deliver('User.Created', SECRET)).status).toBe(403);
    });

    test.each([spaced, ` ${SECRET}`, `\t${SECRET} `])('15. the key %j causes a warning in the log', (secret) => {
      const warnings: string[] = [];
      createApp({ secret, logger: { warn: (_fields, message) => warnings.push(message) } });
      expect(warnings).toEqual([expect.stringContaining('`secret` has white space around it. It is used as given')]);
    });

    test('15. a key with white space around it causes a process warning when there is not a logger', () => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      createApp({ secret: spaced });
      expect(warn).toHaveBeenCalledTimes(1);
      expect(warn).toHaveBeenCalledWith(
        expect.stringContaining('`secret` has white space around it.'),
        expect.objectContaining({ code: 'WARN_SECRET' }),
      );
    });

    test('15. a key with white space inside causes no warning', () => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      createApp({ secret: 'a key of three words' });
      expect(warn).not.toHaveBeenCalled();
    });
  });

  describe('the environment', () => {
    const environments = ['development', 'test', 'production', 'staging', ''];

    test.each(environments)('17. NODE_ENV=%s changes nothing about verification', async (NODE_ENV) => {
      jest.replaceProperty(process, 'env', { ...process.env, NODE_ENV });
      const { deliver, post, webhooks } = createApp({ secrets: () => SECRET });
      const handler = jest.fn();
      webhooks.onAny(handler);
      expect((await post(JSON.stringify(sampleEvent('User.LoggedIn')))).status).toBe(403);
      expect((await deliver('User.LoggedIn', 'forged')).status).toBe(403);
      expect(handler).not.toHaveBeenCalled();
      expect((await deliver('User.LoggedIn')).status).toBe(200);
    });

    test.each(environments)('17. a secret is required with NODE_ENV=%s', (NODE_ENV) => {
      jest.replaceProperty(process, 'env', { ...process.env, NODE_ENV });
      expect(() => createWebhookRouter({ secret: undefined })).toThrow(ConfigurationError);
      expect(() => createWebhookRouter({ secret: '' })).toThrow(ConfigurationError);
    });
  });
});
