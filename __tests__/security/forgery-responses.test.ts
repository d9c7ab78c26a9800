import type { ErrorRequestHandler } from 'express';
import type { RejectionReason, WebhookError, WebhookRouterOptions } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { BODY, postRaw, RIGHT, type Watched, WRONG, watch } from '../helpers/forgeries.js';
import { createApp, SECRET } from '../helpers/harness.js';

const KEYS = { 'User.LoggedIn': SECRET, 'Email.Sent': 'the-key-of-another-event' };
const FORGERIES: [RejectionReason, string[]][] = [
  ['missing', []],
  ['missing', ['X-Signature:']],
  ['malformed', [`X-Signature: sha256=${RIGHT}`]],
  ['malformed', [`X-Signature: ${RIGHT}`, `X-Signature: ${RIGHT}`]],
  ['mismatch', [`X-Signature: ${WRONG}`]],
  ['wrong_key_for_event', [`X-Signature: ${sign(BODY, KEYS['Email.Sent'])}`]],
];

async function responsesTo(app: Watched): Promise<Set<string>> {
  const responses = new Set<string>();
  for (const [, lines] of FORGERIES) {
    const { bytes } = await postRaw(app, lines);
    responses.add(bytes.replace(/^Date: .*\r\n/m, ''));
  }
  return responses;
}

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const watchedApp = (options?: Partial<WebhookRouterOptions>) => watch(createApp, options);

  describe('the response to a forgery', () => {
    test('13. all 403s are the same, byte for byte', async () => {
      const app = watchedApp({ secret: KEYS });
      const [response, ...others] = await responsesTo(app);
      expect(others).toEqual([]);
      expect(response).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
      expect(response).toContain('{"error":{"code":"ERR_SIGNATURE",');
      expect(app.reasons).toEqual(FORGERIES.map(([reason]) => reason));
      expect(app.touched).toEqual([]);
    });

    test('13. the reason is in the log', async () => {
      const logged: unknown[] = [];
      const app = watchedApp({ secret: KEYS, logger: { warn: ({ reason }) => logged.push(reason) } });
      await responsesTo(app);
      expect(logged).toEqual(FORGERIES.map(([reason]) => reason));
    });
  });
});

test("13. the app's own error middleware cannot tell the forgeries apart either", async () => {
  const app = watch(createApp, { secret: KEYS, errors: 'next' });
  const errors: WebhookError[] = [];
  const answer: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error);
    res.sendStatus(error.status);
  };
  app.app.use(answer);
  expect(await responsesTo(app)).toHaveProperty('size', 1);
  const told = errors.map((error) => JSON.stringify({ ...error, message: error.message, cause: error.cause }));
  expect(told).toHaveLength(FORGERIES.length);
  expect(new Set(told).size).toBe(1);
});
