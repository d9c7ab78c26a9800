import crypto from 'node:crypto';
import type { WebhookRouterOptions } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { expectAccepted, expectRefused, watch } from '../helpers/forgeries.js';
import { SECRET } from '../helpers/harness.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const watchedApp = (options?: Partial<WebhookRouterOptions>) => watch(createApp, options);

  describe('the wrong key', () => {
    test("8. a body that another endpoint's key signed is refused", async () => {
      const app = watchedApp();
      await expectRefused(app, app.deliver('User.LoggedIn', 'the-key-of-another-endpoint'), 'mismatch');
    });

    test('8. a body that a retired key signed is refused once the key is removed', async () => {
      const before = watchedApp({ secret: ['retired', 'current'] });
      await expectAccepted(before, before.deliver('User.LoggedIn', 'retired'));
      const after = watchedApp({ secret: ['current'] });
      await expectRefused(after, after.deliver('User.LoggedIn', 'retired'), 'mismatch');
    });

    test.each(['', ` ${SECRET}`, `${SECRET}\n`, SECRET.toUpperCase()])(
      '8. a body that the similar key %j signed is refused',
      async (key) => {
        const app = watchedApp();
        await expectRefused(app, app.deliver('User.LoggedIn', key), 'mismatch');
      },
    );
  });

  describe('another body', () => {
    const spaced = '{ "event": "User.LoggedIn", "data": {"scopes": "a\\/b"} }';
    const signature = sign(spaced, SECRET);
    const parsed: unknown = JSON.parse(spaced);
    const swapped = Buffer.from(spaced);
    swapped[20] = (swapped[20] ?? 0) ^ 1;

    test.each([
      ['with one byte flipped', swapped],
      ['with a newline added', `${spaced}\n`],
      ['with a space in front', ` ${spaced}`],
      ['with a byte order mark in front', `\ufeff${spaced}`],
      ['cut by one byte', spaced.slice(0, -1)],
      ['re-indented', JSON.stringify(parsed, null, 2)],
      ['re-stringified', JSON.stringify(parsed)],
      ['with an escape undone', spaced.replace('\\/', '/')],
      ['left out', ''],
    ])('9. the body %s is refused', async (_, body) => {
      const app = watchedApp();
      await expectRefused(app, app.post(body, { 'x-signature': signature }), 'mismatch');
    });

    test('9. the body exactly as signed is accepted', async () => {
      const app = watchedApp();
      await expectAccepted(app, app.post(spaced, { 'x-signature': signature }));
    });
  });

  describe('keys bound to events', () => {
    const secret = { 'Email.Delivered': 'key-a', 'Email.Unsubscribed': ['key-b', 'key-b2'] } as const;

    test("10. an event signed with another event's key is refused, and named in the notice", async () => {
      const app = watchedApp({ secret });
      const named: unknown[] = [];
      app.webhooks.lifecycle.on('rejected', ({ eventName }) => named.push(eventName));
      await expectRefused(app, app.deliver('Email.Unsubscribed', 'key-a'), 'wrong_key_for_event');
      expect(named).toEqual(['Email.Unsubscribed']);
    });

    test('10. an event without a key of its own is refused, whichever key signed it', async () => {
      const app = watchedApp({ secret });
      await expectRefused(app, app.deliver('User.LoggedIn', 'key-a'), 'wrong_key_for_event');
    });

    test('10. an event named after a member of every object is refused', async () => {
      const app = watchedApp({ secret });
      await expectRefused(app, app.deliver({ event: 'toString' }, 'key-a'), 'wrong_key_for_event');
    });

    test('10. an event signed with a key of no event is refused as a mismatch', async () => {
      const app = watchedApp({ secret });
      await expectRefused(app, app.deliver('Email.Delivered', 'key-c'), 'mismatch');
    });

    test('10. each event with a key of its own is accepted', async () => {
      const first = watchedApp({ secret });
      await expectAccepted(first, first.deliver('Email.Delivered', 'key-a'));
      const second = watchedApp({ secret });
      await expectAccepted(second, second.deliver('Email.Unsubscribed', 'key-b2'));
    });
  });

  describe('rotation', () => {
    test.each(['retiring', 'new'])('11. a delivery that the %s key signed is accepted', async (key) => {
      const app = watchedApp({ secret: ['retiring', 'new'] });
      await expectAccepted(app, app.deliver('User.LoggedIn', key));
    });

    test('11. the notice names the key that verified the delivery', async () => {
      const app = watchedApp({ secret: ['retiring', 'new'] });
      const keys: unknown[] = [];
      app.webhooks.lifecycle.on('verified', (notice) => keys.push(notice.keys));
      await app.deliver('User.LoggedIn', 'new');
      expect(keys).toEqual([[1]]);
    });

    test('11. a list that holds an empty key is refused at construction', () => {
      expect(() => createApp({ secret: ['retiring', ''] })).toThrow('`secret[1]` is empty.');
    });
  });

  describe('comparison', () => {
    const keys = ['first', 'second', 'third'];

    test.each([...keys, 'none-of-them'])(
      '12. every key is compared on equal lengths when %s signed',
      async (signer) => {
        const compare = jest.spyOn(crypto, 'timingSafeEqual');
        const { deliver } = createApp({ secret: keys });
        await deliver('User.LoggedIn', signer);
        const lengths = compare.mock.calls.map(([a, b]) => [a.byteLength, b.byteLength]);
        expect(lengths).toEqual(keys.map(() => [32, 32]));
      },
    );

    test('12. keys that are bound to other events are compared too', async () => {
      const compare = jest.spyOn(crypto, 'timingSafeEqual');
      const { deliver } = createApp({ secret: { 'Email.Sent': 'first', 'Email.Opened': ['second', 'third'] } });
      await deliver('Email.Sent', 'first');
      expect(compare).toHaveBeenCalledTimes(3);
    });
  });
});
