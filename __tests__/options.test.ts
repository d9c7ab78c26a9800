import * as z from 'zod';
import { ConfigurationError, createWebhookRouter, MemoryDedupeStore, type WebhookRouterOptions } from '../src/index.js';
import { OPTION_NAMES, resolveOptions } from '../src/options.js';
import { SECRET } from './helpers/harness.js';

/** What is thrown for these options, whatever they hold. */
function refusal(options: unknown): ConfigurationError {
  try {
    createWebhookRouter(options as WebhookRouterOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('an option that cannot be right is refused by its name', () => {
  const noFunction = { reserve: () => {}, finish: () => {}, release: 'no function' };
  const misspelt = { reserved: () => {}, finish: () => {}, release: () => {} };
  const wrong: Record<string, readonly unknown[]> = {
    maxAgeMs: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5m', true, null],
    header: [
      'authorization',
      'User-Agent',
      ['x-signature', 'From'],
      'set-cookie',
      '',
      ' ',
      'x signature',
      'x-signature:',
      [],
      [''],
      ['x-signature', 7],
      7,
      null,
      {},
      true,
    ],
    limit: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1mb', null],
    inflate: ['true', 1, null],
    timeoutMs: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5000', true, null],
    'timeoutMs.handler': [{ handler: 0 }, { handler: '1s' }, { handler: 2 ** 31 }, { handler: null }],
    'timeoutMs.body': [{ body: 0 }, { body: 2 ** 31 }],
    'timeoutMs.keys': [{ keys: 0 }, { keys: 2 ** 31 }],
    dedupe: ['memory', 1, null, { reserve: () => {} }, noFunction, misspelt],
    'dedupe.ttlMs': [{ ttlMs: 0 }, { ttlMs: '24h' }],
    'dedupe.max': [{ max: 0 }, { max: 1.5 }],
    schemas: [null, 7, 'User.LoggedIn', z.object({})],
    "schemas['User.LoggedIn']": [{ 'User.LoggedIn': {} }, { 'User.LoggedIn': null }, { 'User.LoggedIn': 'email' }],
    onSchemaMismatch: ['ignore', true, null],
    errors: ['throw', true, null],
    logger: ['console', true, null, () => {}],
    exposeErrors: ['development', 1, null],
    dangerouslySkipVerification: ['yes', 1, null],
  };
  const cases = Object.entries(wrong).flatMap(([name, values]) => values.map((value) => ({ name, value })));

  test.each(cases)('$name: $value', ({ name, value }) => {
    const option = name.replace(/[.[].*/, '');
    const error = refusal({ secret: SECRET, [option]: value });
    expect(error.code).toBe('ERR_OPTION_INVALID');
    expect(error.message).toContain(`\`${name}`);
    expect(error.message).not.toContain(SECRET);
  });

  test.each(['text', {}, null, 7, ['key']])('secrets: %p', (secrets) => {
    const error = refusal({ secrets });
    expect(error.code).toBe('ERR_SECRET_MISSING');
    expect(error.message).toContain('`secrets`');
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '60', null])(
    'secretsMaxAgeMs: %p',
    (secretsMaxAgeMs) => {
      expect(refusal({ secrets: () => SECRET, secretsMaxAgeMs }).message).toContain('`secretsMaxAgeMs`');
    },
  );

  test('secretsMaxAgeMs beside a secret, where it has no effect, all the same', () => {
    expect(refusal({ secret: SECRET, secretsMaxAgeMs: '60' }).message).toContain('`secretsMaxAgeMs`');
  });

  test('secret and secrets exclude each other', () => {
    const error = refusal({ secret: SECRET, secrets: () => SECRET });
    expect(error.message).toContain('`secret` or `secrets`, not both');
    expect(error.message).not.toContain(SECRET);
  });
});

describe('no usable secret', () => {
  test.each([
    ['`secret` is undefined.', {}],
    ['`secret` is undefined.', []],
    ['`secret` is undefined.', { secret: undefined }],
    ['`secret` is empty.', { secret: '' }],
    ['`secret[1]` is empty.', { secret: [SECRET, ''] }],
    ['`secret["User.LoggedIn"][1]` is blank.', { secret: { 'User.LoggedIn': [SECRET, ' '] } }],
    ['`secret` is undefined.', { dangerouslySkipVerification: false }],
    ['createWebhookRouter needs options: { secret }.', undefined],
    ['createWebhookRouter needs options: { secret }.', null],
    ['createWebhookRouter needs options: { secret }.', SECRET],
  ])('%s', (message, options) => {
    const error = refusal(options);
    expect(error.code).toBe('ERR_SECRET_MISSING');
    expect(error.message).toContain(message);
    expect(error.message).toContain('signature.key');
    expect(error.message).not.toContain(SECRET);
  });
});

describe('an option that does not exist', () => {
  test.each([
    ['secert', 'secret'],
    ['timeoutMS', 'timeoutMs'],
    ['headers', 'header'],
    ['schema', 'schemas'],
    ['exposeError', 'exposeErrors'],
  ])('%s is refused, naming %s', (name, meant) => {
    const error = refusal({ secret: SECRET, [name]: SECRET });
    expect(error.code).toBe('ERR_OPTION_INVALID');
    expect(error.message).toContain(`There is no option \`${name}\`. Did you mean \`${meant}\`?`);
    expect(error.message).not.toContain(SECRET);
  });

  test('and is near none is refused without a guess', () => {
    expect(refusal({ secret: SECRET, middleware: 1 }).message).toMatch(/^There is no option `middleware`\. Correct/);
  });

  test.each([
    ['timeoutMs', { handlers: 1000 }, 'handler'],
    ['dedupe', { ttlMS: 1000 }, 'ttlMs'],
  ])('within %s is refused as well', (option, value, meant) => {
    const { code, message } = refusal({ secret: SECRET, [option]: value });
    expect(code).toBe('ERR_OPTION_INVALID');
    expect(message).toContain(meant);
  });
});

describe('what is left out', () => {
  test('has its default', () => {
    const settings = resolveOptions({ secret: SECRET });
    expect(settings).toMatchObject({
      headerNames: ['x-signature', 'x-cakemail-signature'],
      body: { limit: 262_144, inflate: false, timeoutMs: 10_000 },
      timeouts: { handler: 30_000, keys: 5_000 },
      dedupe: expect.any(MemoryDedupeStore),
      schemas: new Map(),
      rejectMismatch: true,
      errors: 'respond',
      hasLogger: false,
      exposeErrors: false,
    });
  });

  test('may be undefined as well', () => {
    const all = Object.fromEntries(OPTION_NAMES.map((name) => [name, undefined]));
    const { keys, dedupe, log, ...plain } = resolveOptions({ ...all, secret: SECRET });
    expect(plain).toMatchObject({ body: { limit: 262_144 }, timeouts: { handler: 30_000 }, errors: 'respond' });
    expect([keys, dedupe, log]).not.toContain(undefined);
  });
});

describe('what is given', () => {
  test('is used', () => {
    const store = { reserve: () => ({ state: 'reserved' as const }), finish: () => {}, release: () => {} };
    const schema = z.object({});
    const settings = resolveOptions({
      secret: SECRET,
      header: ['X-One', 'x-two'],
      limit: 1,
      inflate: true,
      timeoutMs: { body: 7 },
      dedupe: store,
      schemas: { 'User.LoggedIn': schema, 'User.Created': undefined as never },
      onSchemaMismatch: 'deliver',
      errors: 'next',
      logger: {},
      exposeErrors: true,
    });
    expect(settings).toMatchObject({
      headerNames: ['x-one', 'x-two'],
      body: { limit: 1, inflate: true, timeoutMs: 7 },
      timeouts: { handler: 30_000, keys: 5_000 },
      rejectMismatch: false,
      errors: 'next',
      hasLogger: true,
      exposeErrors: true,
    });
    expect(settings.dedupe).toBe(store);
    expect([...settings.schemas]).toEqual([['User.LoggedIn', schema]]);
  });

  test('one header may be text, one time limit may be for all, the longest is 24.8 days', () => {
    const { headerNames, timeouts, body } = resolveOptions({
      secret: SECRET,
      header: 'X-Mine',
      timeoutMs: 2 ** 31 - 1,
    });
    expect(headerNames).toEqual(['x-mine']);
    expect(timeouts).toEqual({ handler: 2 ** 31 - 1, keys: 2 ** 31 - 1 });
    expect(body.timeoutMs).toBe(2 ** 31 - 1);
  });

  test('a memory has its sizes, each on its own', () => {
    for (const dedupe of [true, {}, { max: 1 }, { ttlMs: 1 }]) {
      expect(resolveOptions({ secret: SECRET, dedupe }).dedupe).toBeInstanceOf(MemoryDedupeStore);
    }
    expect(resolveOptions({ secret: SECRET, dedupe: false }).dedupe).toBeUndefined();
  });

  test('a schema for a name that is not published is warned of, and kept', () => {
    const warn = jest.fn();
    const { schemas } = resolveOptions({
      secret: SECRET,
      schemas: { 'User.LogedIn': z.object({}) } as object,
      logger: { warn },
    });
    expect(schemas.has('User.LogedIn')).toBe(true);
    expect(warn.mock.calls).toEqual([
      [
        { code: 'WARN_EVENT_NAME' },
        "`schemas`: Cakemail publishes no event 'User.LogedIn'. Did you mean 'User.LoggedIn'?",
      ],
    ]);
  });
});

describe('verification', () => {
  const { NODE_ENV } = process.env;
  afterEach(() => {
    process.env.NODE_ENV = NODE_ENV;
  });

  test('cannot be switched off in production, with a secret or without', () => {
    process.env.NODE_ENV = 'production';
    for (const secret of [undefined, SECRET]) {
      const error = refusal({ secret, dangerouslySkipVerification: true });
      expect(error.code).toBe('ERR_VERIFICATION_DISABLED');
      expect(error.message).toContain('`dangerouslySkipVerification`');
      expect(error.message).not.toContain(SECRET);
    }
  });

  test('that is on is the same in production', () => {
    process.env.NODE_ENV = 'production';
    expect(resolveOptions({ secret: SECRET, dangerouslySkipVerification: false }).keys).toBeDefined();
  });

  test.each(['development', 'test', ''])('can be switched off elsewhere (%j), with a warning', (environment) => {
    process.env.NODE_ENV = environment;
    const warn = jest.fn();
    expect(resolveOptions({ dangerouslySkipVerification: true, logger: { warn } }).keys).toBeUndefined();
    expect(warn.mock.calls).toEqual([[{ code: 'WARN_UNVERIFIED' }, expect.stringContaining('not verified')]]);
  });
});
