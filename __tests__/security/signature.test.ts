import type { HeadersInput, WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import {
  BODY,
  expectAccepted,
  expectAlive,
  expectRefused,
  postRaw,
  RIGHT,
  WRONG,
  watch,
} from '../helpers/forgeries.js';
import { SECRET } from '../helpers/harness.js';

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const watchedApp = (options?: Partial<WebhookRouterOptions>) => watch(createApp, options);

  describe('no signature', () => {
    test('1. a request without the header is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY), 'missing');
    });

    test('1. a request with the signature in a header of another name is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { signature: RIGHT, 'x-hub-signature': RIGHT }), 'missing');
    });

    test.each(['', ' ', ' \t '])('2. a request with the blank signature %j is refused', async (blank) => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': blank }), 'missing');
    });

    test.each(['', ' \t '])(
      '2. a request with the blank signature %j is refused even if the other header has the right one',
      async (blank) => {
        const app = watchedApp();
        await expectRefused(app, app.post(BODY, { 'x-signature': blank, 'x-cakemail-signature': RIGHT }), 'missing');
      },
    );
  });

  describe('another length', () => {
    test.each([
      ['one byte long', 'a'],
      ['one character short', RIGHT.slice(0, -1)],
      ['cut in the middle', RIGHT.slice(0, 22)],
      ['one character too long', `${RIGHT}A`],
      ['10 KB long', 'A'.repeat(10 * 1024)],
      ['the right one repeated to 10 KB', RIGHT.repeat(233)],
    ])('3. a signature %s is refused, and the process is alive', async (_, signature) => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': signature }), 'malformed');
      await expectAlive(app);
    });
  });

  describe('a multibyte character', () => {
    const accented = `é${RIGHT.slice(1)}`;

    test('4. a signature of 44 characters, one of them outside ASCII, is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': accented }), 'malformed');
      await expectAlive(app);
    });

    test.each([
      ['44 characters in 44 bytes of Latin-1', accented, 'latin1'],
      ['44 characters in 45 bytes of UTF-8', accented, 'utf8'],
      ['43 characters in 44 bytes of UTF-8', `é${RIGHT.slice(2)}`, 'utf8'],
      ['44 UTF-16 units in 46 bytes of UTF-8', `😀${RIGHT.slice(2)}`, 'utf8'],
    ] as const)('4. a signature of %s is refused', async (_, signature, encoding) => {
      const app = watchedApp();
      await expectRefused(app, postRaw(app, [`X-Signature: ${signature}`], encoding), 'malformed');
      await expectAlive(app);
    });

    test.each(['é', '≈', '\u{1f600}', '\ud83d', '\0'])(
      '4. a signature with %j from an adapter is refused',
      async (odd) => {
        const app = watchedApp();
        const signature = odd + RIGHT.slice(odd.length);
        expect(signature).toHaveLength(44);
        await expectRefused(
          app,
          app.webhooks.receive({ rawBody: BODY, headers: { 'x-signature': signature } }),
          'malformed',
        );
      },
    );
  });

  describe('another encoding', () => {
    test('5. the right digest in hex is refused', async () => {
      const app = watchedApp();
      const hex = Buffer.from(RIGHT, 'base64').toString('hex');
      await expectRefused(app, app.post(BODY, { 'x-signature': hex }), 'malformed');
    });

    test.each(['sha256=', 'v1,', 'sha1='])('5. the right digest with the prefix %s is refused', async (prefix) => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': prefix + RIGHT }), 'malformed');
    });
  });

  describe('another spelling of the right digest, which Buffer.from(text, "base64") would take', () => {
    // A body whose digest has both letters in which the two alphabets differ.
    const payload = Array.from({ length: 1000 }, (_, created_on) =>
      JSON.stringify(sampleEvent('User.LoggedIn', { created_on })),
    ).find((text) => /(?=.*\+).*\//.test(sign(text, SECRET)));
    const body = payload ?? '';
    const right = sign(body, SECRET);
    const lastIsNext = String.fromCharCode(right.charCodeAt(42) + 1);

    test.each([
      ['without its padding', right.slice(0, -1)],
      ['in the base64url alphabet', right.replaceAll('+', '-').replaceAll('/', '_')],
      ['in unpadded base64url', Buffer.from(right, 'base64').toString('base64url')],
      ['with a space inside', `${right.slice(0, 20)} ${right.slice(20)}`],
      ['with a tab inside', `${right.slice(0, 20)}\t${right.slice(20)}`],
      ['with trailing junk', `${right}junk`],
      ['with a comma behind it', `${right},`],
      ['with twice the padding', `${right}=`],
      ['with non-zero trailing bits', `${right.slice(0, 42)}${lastIsNext}=`],
    ])('6. the right digest %s is refused', async (_, spelling) => {
      expect(Buffer.from(spelling, 'base64').subarray(0, 32)).toEqual(Buffer.from(right, 'base64'));
      const app = watchedApp();
      await expectRefused(app, app.post(body, { 'x-signature': spelling }), 'malformed');
    });

    test('6. the right digest in its one right spelling is accepted', async () => {
      const app = watchedApp();
      await expectAccepted(app, app.post(body, { 'x-signature': right }));
    });
  });

  describe('more than one signature', () => {
    test.each([
      ['the right one first', RIGHT, WRONG],
      ['the right one last', WRONG, RIGHT],
      ['the right one twice', RIGHT, RIGHT],
      ['the right one and an empty one', RIGHT, ''],
    ])('7. a request with two signature headers, %s, is refused', async (_, first, second) => {
      const app = watchedApp();
      const lines = [`X-Signature: ${first}`, `x-signature: ${second}`];
      await expectRefused(app, postRaw(app, lines), 'malformed');
    });

    test.each<[string, HeadersInput]>([
      ['a list of one', { 'x-signature': [RIGHT] }],
      ['a list of two', { 'x-signature': [RIGHT, WRONG] }],
      ['two spellings of the name', { 'x-signature': RIGHT, 'X-Signature': RIGHT }],
      ['the joined form of Node', { 'x-signature': `${RIGHT}, ${RIGHT}` }],
      [
        'Fetch headers that were appended to',
        new Headers([
          ['x-signature', RIGHT],
          ['x-signature', RIGHT],
        ]),
      ],
    ])('7. a signature that comes from an adapter as %s is refused', async (_, headers) => {
      const app = watchedApp();
      await expectRefused(app, app.webhooks.receive({ rawBody: BODY, headers }), 'malformed');
    });

    test('7. a request with a wrong signature in the first header and the right one in the second is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': WRONG, 'x-cakemail-signature': RIGHT }), 'mismatch');
    });
  });
});
