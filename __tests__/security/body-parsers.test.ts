import { buffer } from 'node:stream/consumers';
import type express from 'express';
import { keepRawBody } from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { FRAMEWORKS } from '../helpers/adapters.js';
import { createApp, recordingLogger, SECRET } from '../helpers/harness.js';
import { hangUp } from '../helpers/raw-http.js';
import { recordingApp } from '../helpers/recording-app.js';

afterEach(hangUp);

const EVENT = JSON.stringify(sampleEvent('User.LoggedIn'));

describe.each(FRAMEWORKS)('on %s', (_name, framework) => {
  const TYPES = ['application/json', 'application/octet-stream', 'text/plain', 'application/x-www-form-urlencoded'];
  const KINDS = ['json', 'raw', 'text', 'urlencoded'] as const;
  const SUBSETS = Array.from({ length: 2 ** KINDS.length }, (_, bits) =>
    KINDS.filter((_kind, bit) => bits & (1 << bit)),
  );
  const PATIENT = { timeoutMs: { body: 600_000 } }; // so that a request which hangs fails its test

  function parsers(kinds: readonly (typeof KINDS)[number][], keep: boolean): express.RequestHandler[] {
    const options = keep ? { verify: keepRawBody, extended: false } : { extended: false };
    return kinds.map((kind) => framework[kind](options));
  }

  describe.each([
    ['without keepRawBody', false],
    ['with keepRawBody', true],
  ])('%s', (_how, keep) => {
    test.each(TYPES)('31. a body of %s is read behind every set of parsers, or refused at once', async (type) => {
      const statuses: Record<string, number> = {};
      const expected: Record<string, number> = {};
      for (const kinds of SUBSETS) {
        const { deliverBytes } = recordingApp(
          createApp,
          { logger: {}, ...PATIENT },
          { before: parsers(kinds, keep), framework },
        );
        const response = await deliverBytes(EVENT, { 'content-type': type });
        const reader = kinds.find((kind) => TYPES[KINDS.indexOf(kind)] === type);
        const lost = !keep && (reader === 'json' || reader === 'urlencoded');
        statuses[kinds.join()] = response.status;
        expected[kinds.join()] = lost ? 500 : 200;
      }
      expect(statuses).toEqual(expected);
    });
  });

  test.each(['json', 'urlencoded'] as const)(
    '31. a body that only express.%s() has read is refused, and the log names both fixes',
    async (kind) => {
      const logger = recordingLogger();
      const { deliverBytes, seen } = recordingApp(
        createApp,
        { logger, ...PATIENT },
        { before: parsers([kind], false), framework },
      );
      const response = await deliverBytes(EVENT, { 'content-type': TYPES[KINDS.indexOf(kind)] ?? '' });
      expect(response.status).toBe(500);
      expect(response.body).toMatchObject({ error: { code: 'ERR_BODY_CONSUMED' } });
      expect(seen).toEqual([]);
      const line = logger.lines.map((each) => JSON.stringify(each)).find((each) => each.includes('ERR_BODY_CONSUMED'));
      expect(line).toContain('before express.json()');
      expect(line).toContain('express.json({ verify: keepRawBody })');
    },
  );

  test.each<[string, express.RequestHandler]>([
    ['read to its end', (req, _res, next) => req.resume().once('end', next)],
    ['read in part', (req, _res, next) => req.once('data', () => next(req.pause() && undefined))],
    ['turned into text', (req, _res, next) => next(req.setEncoding('utf8') && undefined)],
    ['iterated', (req, _res, next) => void buffer(req).then(() => next(), next)],
    ['parsed, and dropped', (req, res, next) => framework.json()(req, res, () => next(delete req.body && undefined))],
  ])('31. a body that was %s before is refused at once', async (_how, layer) => {
    const { deliverBytes, seen, reasons } = recordingApp(
      createApp,
      { logger: {}, ...PATIENT },
      { before: [layer], framework },
    );
    const response = await deliverBytes(EVENT);
    expect(response.status).toBe(500);
    expect(reasons).toEqual(['body_consumed']);
    expect(seen).toEqual([]);
  });

  test('31. a body whose bytes a platform kept is accepted after its stream has ended', async () => {
    const platform: express.RequestHandler = async (req, _res, next) => {
      const rawBody = await buffer(req);
      Object.assign(req, { rawBody, body: JSON.parse(rawBody.toString()) });
      next();
    };
    const { deliverBytes, seen } = recordingApp(createApp, PATIENT, { before: [platform], framework });
    expect((await deliverBytes(EVENT)).status).toBe(200);
    expect(seen.map(({ rawBody }) => rawBody.toString())).toEqual([EVENT]);
  });

  test('31. an altered body whose bytes were kept is refused', async () => {
    const { post, seen } = recordingApp(createApp, PATIENT, { before: parsers(['json'], true), framework });
    const response = await post(`${EVENT} `, { 'x-signature': sign(EVENT, SECRET) });
    expect(response.status).toBe(403);
    expect(seen).toEqual([]);
  });
});
