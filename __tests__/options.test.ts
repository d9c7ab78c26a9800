import * as z from 'zod';
import { ConfigurationError, createWebhookRouter, MemoryDedupeStore, type WebhookRouterOptions } from '../src/index.js';
import { OPTION_NAMES, resolveOptions } from '../src/options.js';
import { SECRET } from './helpers/harness.js';

/** The error that these options cause; they may hold anything. */
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
    signatureHeader: [
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
    timeoutMs: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5000', true, null],
    'timeoutMs.handler': [{ handler: 0 }, { handler: '1s' }, { handler: 2 ** 31 }, { handler: null }],
    'timeoutMs.body': [{ body: 0 }, { body: 2 ** 31 }],
    'timeoutMs.dependency': [{ dependency: 0 }, { dependency: 2 ** 31 }],
    dedupe: ['memory', 1, null, { reserve: () => {} }, noFunction, misspelt],
    'dedupe.ttlMs': [{ ttlMs: 0 }, { ttlMs: '24h' }],
    'dedupe.maxEntries': [{ maxEntries: 0 }, { maxEntries: 1.5 }],
    schemas: [null, 7, 'User.LoggedIn', z.object({})],
    "schemas['User.LoggedIn']": [{ 'User.LoggedIn': {} }, { 'User.LoggedIn': null }, { 'User.LoggedIn': 'email' }],
    onSchemaMismatch: ['ignore', true, null],
    errors: ['throw', true, null],
    logger: ['console', true, null, () => {}],
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

  test('secretsMaxAgeMs, even together with `secret`, where it has no effect', () => {
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
    ['signatureHeaders', 'signatureHeader'],
    ['schema', 'schemas'],
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

describe('an option that was renamed or removed is refused with what to use instead', () => {
  test.each([
    ['header', 'x-signature', '`header` is now `signatureHeader`.'],
    ['timeoutMs', { keys: 1000 }, '`timeoutMs.keys` is now `timeoutMs.dependency`.'],
    ['dedupe', { max: 1000 }, '`dedupe.max` is now `dedupe.maxEntries`.'],
    ['inflate', true, 'let the proxy in front of this app decompress requests'],
    ['exposeErrors', false, "lifecycle.on('rejected')"],
    ['dangerouslySkipVerification', true, '`handleVerified()`'],
  ])('%s: %j', (name, value, message) => {
    const error = refusal({ secret: SECRET, [name]: value });
    expect(error.code).toBe('ERR_OPTION_INVALID');
    expect(error.message).toContain(message);
  });

  test('also by a memory that is passed as the store', () => {
    expect(() => new MemoryDedupeStore({ max: 10 } as object)).toThrow('`dedupe.max` is now `dedupe.maxEntries`.');
  });

  test('and no name of Object.prototype counts as removed', () => {
    const options: unknown = JSON.parse('{ "constructor": 1 }');
    expect(refusal(options).message).toMatch(/^There is no option `constructor`\./);
  });
});

describe('what is left out', () => {
  test('has its default', () => {
    const settings = resolveOptions({ secret: SECRET });
    expect(settings).toMatchObject({
      headerNames: ['x-signature', 'x-cakemail-signature'],
      body: { limit: 262_144, timeoutMs: 10_000 },
      timeouts: { handler: 30_000, dependency: 5_000 },
      dedupe: expect.any(MemoryDedupeStore),
      schemas: new Map(),
      rejectMismatch: true,
      errors: 'respond',
      hasLogger: false,
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
      signatureHeader: ['X-One', 'x-two'],
      limit: 1,
      timeoutMs: { body: 7 },
      dedupe: store,
      schemas: { 'User.LoggedIn': schema, 'User.Created': undefined as never },
      onSchemaMismatch: 'deliver',
      errors: 'next',
      logger: {},
    });
    expect(settings).toMatchObject({
      headerNames: ['x-one', 'x-two'],
      body: { limit: 1, timeoutMs: 7 },
      timeouts: { handler: 30_000, dependency: 5_000 },
      rejectMismatch: false,
      errors: 'next',
      hasLogger: true,
    });
    expect(settings.dedupe).toBe(store);
    expect([...settings.schemas]).toEqual([['User.LoggedIn', schema]]);
  });

  test('one header may be text, one time limit may be for all, the longest is 24.8 days', () => {
    const { headerNames, timeouts, body } = resolveOptions({
      secret: SECRET,
      signatureHeader: 'X-Mine',
      timeoutMs: 2 ** 31 - 1,
    });
    expect(headerNames).toEqual(['x-mine']);
    expect(timeouts).toEqual({ handler: 2 ** 31 - 1, dependency: 2 ** 31 - 1 });
    expect(body.timeoutMs).toBe(2 ** 31 - 1);
  });

  test('a memory has its sizes, each on its own', () => {
    for (const dedupe of [true, {}, { maxEntries: 1 }, { ttlMs: 1 }]) {
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
