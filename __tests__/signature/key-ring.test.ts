import { inspect } from 'node:util';
import { ConfigurationError } from '../../src/shared/errors.js';
import { boundEvents, createKeyRing, type KeyRing, mayAuthenticate, shownName } from '../../src/signature/key-ring.js';

const unwarned = (message: string): void => {
  throw new Error(`Unexpected warning: ${message}`);
};

function ringOf(input: unknown): KeyRing {
  return createKeyRing(input, 'secret', unwarned);
}

/** The bytes of the keys, as text. */
function keysOf(ring: KeyRing): string[] {
  return ring.map(({ key }) => key.export().toString('utf8'));
}

function warningsOf(input: unknown): string[] {
  const warnings: string[] = [];
  createKeyRing(input, 'secret', (message) => warnings.push(message));
  return warnings;
}

describe('a key', () => {
  test('may be text, which is taken as UTF-8', () => {
    expect(keysOf(ringOf('clé-☃'))).toEqual(['clé-☃']);
  });

  test('may be bytes, which are taken as they are', () => {
    const [key] = ringOf(new Uint8Array([0, 255, 10]));
    expect(key?.key.export()).toEqual(Buffer.from([0, 255, 10]));
  });

  test('is copied, so that wiping the bytes afterwards changes nothing', () => {
    const bytes = Buffer.from('wiped');
    const ring = ringOf(bytes);
    bytes.fill(0);
    expect(keysOf(ring)).toEqual(['wiped']);
  });

  test('may authenticate every event', () => {
    expect(mayAuthenticate(ringOf('a'), 'Any.Name')).toBe(true);
  });

  test('does not show when its ring is printed', () => {
    const shown = inspect(ringOf('to-be-kept-quiet'), { depth: Infinity, showHidden: true });
    expect(shown).not.toContain('to-be-kept-quiet');
  });
});

describe('a list', () => {
  test('keeps the order of its keys, each for every event', () => {
    const ring = ringOf(['old', Buffer.from('new')]);
    expect(keysOf(ring)).toEqual(['old', 'new']);
    expect(ring.map(({ events }) => events)).toEqual([null, null]);
  });
});

describe('a map', () => {
  test('binds every key to its event', () => {
    const ring = ringOf({ 'Email.Sent': 'a', 'User.LoggedIn': ['b', 'c'] });
    expect(keysOf(ring)).toEqual(['a', 'b', 'c']);
    expect(ring.map(({ events }) => [...(events ?? [])])).toEqual([
      ['Email.Sent'],
      ['User.LoggedIn'],
      ['User.LoggedIn'],
    ]);
  });

  test('binds one key that is given for two events to both', () => {
    const ring = ringOf({ 'Email.Sent': 'shared', 'User.LoggedIn': ['shared', 'own'] });
    expect(keysOf(ring)).toEqual(['shared', 'own']);
    expect(ring[0]?.events).toEqual(new Set(['Email.Sent', 'User.LoggedIn']));
  });

  test('takes the same bytes as text and as a Buffer for one key', () => {
    expect(ringOf({ 'Email.Sent': 'shared', 'User.LoggedIn': Buffer.from('shared') })).toHaveLength(1);
  });

  test('lets a key authenticate its own event and no other', () => {
    const [first] = ringOf({ 'Email.Sent': 'a', 'User.LoggedIn': 'b' });
    const verified = first ? [first] : [];
    expect(mayAuthenticate(verified, 'Email.Sent')).toBe(true);
    expect(mayAuthenticate(verified, 'User.LoggedIn')).toBe(false);
    expect(mayAuthenticate(verified, 'toString')).toBe(false);
  });

  test('lets any of the keys that verified decide', () => {
    const ring = ringOf({ 'Email.Sent': 'a', 'User.LoggedIn': 'b' });
    expect(mayAuthenticate(ring, 'User.LoggedIn')).toBe(true);
  });

  test('may have an event named __proto__', () => {
    const ring = ringOf(JSON.parse('{"__proto__": "a"}'));
    expect(mayAuthenticate(ring, '__proto__')).toBe(true);
  });
});

test('no key authenticates nothing', () => {
  expect(mayAuthenticate([], 'User.LoggedIn')).toBe(false);
});

describe('what cannot be a key', () => {
  test.each<[unknown, string]>([
    [undefined, '`secret` is undefined.'],
    [null, '`secret` is null.'],
    [42, '`secret` is neither text, nor bytes, nor a list or a map of them.'],
    [true, '`secret` is neither text, nor bytes, nor a list or a map of them.'],
    [() => 'key', '`secret` is a function. Pass it as `secrets`.'],
    ['', '`secret` is empty.'],
    [Buffer.alloc(0), '`secret` is empty.'],
    [' \t\n', '`secret` is blank.'],
    ['undefined', "`secret` is the text 'undefined'."],
    ['null', "`secret` is the text 'null'."],
    [[], '`secret` is an empty list.'],
    [['good', ''], '`secret[1]` is empty.'],
    [['good', undefined], '`secret[1]` is undefined.'],
    [['good', null], '`secret[1]` is null.'],
    [[42], '`secret[0]` is neither text nor bytes.'],
    [[['nested']], '`secret[0]` is neither text nor bytes.'],
    [{}, '`secret` is an empty map.'],
    [new Map([['User.LoggedIn', 'key']]), '`secret` is neither text, nor bytes, nor a list or a map of them.'],
    [Promise.resolve('key'), '`secret` is neither text, nor bytes, nor a list or a map of them.'],
    [Buffer.alloc(32), '`secret` contains only zeros.'],
    [Buffer.from(' \n'), '`secret` is blank.'],
    [{ 'User.LoggedIn': '' }, '`secret["User.LoggedIn"]` is empty.'],
    [{ 'User.LoggedIn': undefined }, '`secret["User.LoggedIn"]` is undefined.'],
    [{ 'User.LoggedIn': { key: 'k' } }, '`secret["User.LoggedIn"]` is neither text nor bytes.'],
    [{ 'User.LoggedIn': [] }, '`secret["User.LoggedIn"]` is an empty list.'],
    [{ 'User.LoggedIn': ['good', ' '] }, '`secret["User.LoggedIn"][1]` is blank.'],
  ])('%p is refused with the name of the option, what is wrong and what to do', (input, sentence) => {
    const refused = (): unknown => ringOf(input);
    expect(refused).toThrow(ConfigurationError);
    expect(refused).toThrow(sentence);
    expect(refused).toThrow('Cakemail shows it in GET /webhooks/{id}');
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_SECRET_MISSING' }));
  });

  test('is rejected without revealing the other keys', () => {
    expect(() => ringOf(['a-good-key', ''])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('a-good-key') }),
    );
  });
});

describe('a key with white space around it', () => {
  test.each([' key', 'key ', 'key\n', '\tkey', Buffer.from('key\n')])(
    '%j is used as given, with one warning',
    (secret) => {
      expect(warningsOf(secret)).toEqual([
        '`secret` has white space around it. It is used as given; if deliveries get 403, remove the space.',
      ]);
      expect(keysOf(createKeyRing(secret, 'secret', () => {}))).toEqual([String(secret)]);
    },
  );

  test('is named by its place', () => {
    const warnings = warningsOf({ 'Email.Sent': 'good', 'User.LoggedIn': ['good', 'spaced '] });
    expect(warnings).toEqual([expect.stringContaining('`secret["User.LoggedIn"][1]` has white space')]);
  });

  test('is not confused with bytes that are not text', () => {
    expect(warningsOf(Buffer.from([0x0a, 0xff, 0x20]))).toEqual([]);
  });

  test('is not confused with one that has white space inside', () => {
    expect(warningsOf('two words')).toEqual([]);
  });
});

test('boundEvents lists each event with a key once', () => {
  expect(boundEvents(ringOf({ 'Email.Sent': ['a', 'b'], 'User.LoggedIn': 'a' }))).toEqual([
    'Email.Sent',
    'User.LoggedIn',
  ]);
  expect(boundEvents(ringOf(['a', 'b']))).toEqual([]);
});

test.each([
  ['User.LoggedIn', '"User.LoggedIn"'],
  ['Email.*', '"Email.*"'],
  ['a-key', '…'],
  ['a key.of two', '…'],
  ['of+a.key', '…'],
  ['a.key==', '…'],
  ['whsec.0123456789abcdef0123456789abcdef0123456789', '…'],
])('the name %s is shown as %s', (name, shown) => {
  expect(shownName(name)).toBe(shown);
});

test('a key may have an id, which is kept with it', () => {
  const named = { id: 'wh-1', key: 'secret' };
  const ids = (input: unknown) => createKeyRing(input, 'secret', () => {}).map(({ id }) => id);
  expect([ids(named), ids([named, 'other']), ids({ 'Email.Sent': named, 'Email.Opened': ['x', named] })]).toEqual([
    ['wh-1'],
    ['wh-1', undefined],
    ['wh-1', undefined],
  ]);
  expect(() => ids({ id: '', key: 'secret' })).toThrow('an `id` that is not text');
  expect(() => ids({ id: 'wh-1', key: '' })).toThrow('is empty');
  expect(() => ids([{ id: 'wh-1', key: undefined }])).toThrow('`secret[0]` is undefined');
});
