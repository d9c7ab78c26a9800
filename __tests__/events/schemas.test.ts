import { runInNewContext } from 'node:vm';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as v from 'valibot';
import * as z from 'zod';
import { checkData, SchemaIssuesError } from '../../src/events/schemas.js';
import type { WebhookRouterOptions } from '../../src/index.js';
import { createApp } from '../helpers/harness.js';

const bounced = (data: unknown) => ({ event: 'Email.Bounced', account_id: 1, data });
const GOOD = { email: 'a@example.com', bounce_type: 'hard' };

const SCHEMAS = {
  zod: z.object({ email: z.string(), bounce_type: z.enum(['hard', 'soft']) }),
  valibot: v.object({ email: v.string(), bounce_type: v.picklist(['hard', 'soft']) }),
  'zod, asynchronous': z
    .object({ email: z.string(), bounce_type: z.enum(['hard', 'soft']) })
    .refine(async (data) => data.email !== ''),
  'valibot, asynchronous': v.pipeAsync(
    v.object({ email: v.string(), bounce_type: v.picklist(['hard', 'soft']) }),
    v.checkAsync(async (data) => data.email !== ''),
  ),
} satisfies Record<string, StandardSchemaV1>;

/** A schema that does just this. */
function schemaOf(validate: (data: unknown) => unknown): StandardSchemaV1 {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as StandardSchemaV1.Props['validate'] } };
}

/** An app that expects this of `Email.Bounced`, and what happened in it. */
function expecting(schema: StandardSchemaV1, options: Partial<WebhookRouterOptions> = {}) {
  const app = createApp({ ...options, schemas: { 'Email.Bounced': schema } });
  const data: unknown[] = [];
  const notices: unknown[] = [];
  app.webhooks.on('Email.Bounced', (event) => data.push(event.data));
  app.webhooks.lifecycle.on('rejected', ({ reason, cause }) => notices.push([reason, String(cause)]));
  app.webhooks.lifecycle.on('drift', ({ issues }) => notices.push(issues));
  return { ...app, data, notices };
}

describe.each(Object.entries(SCHEMAS))('a schema of %s', (_vendor, schema) => {
  test('lets data pass that it accepts', async () => {
    const { deliver, data, notices } = expecting(schema);
    expect((await deliver(bounced(GOOD))).status).toBe(200);
    expect(data).toEqual([GOOD]);
    expect(notices).toEqual([]);
  });

  test.each([[{ email: 7, bounce_type: 'hard' }], [{ email: 'a@example.com' }], ['text'], [null], [undefined]])(
    'refuses %j',
    async (wrong) => {
      const { deliver, data } = expecting(schema);
      const response = await deliver(bounced(wrong));
      expect(response.status).toBe(422);
      expect(response.body).toMatchObject({ error: { code: 'ERR_SCHEMA_MISMATCH' } });
      expect(data).toEqual([]);
    },
  );

  test('names the paths of what it refuses, and no values', async () => {
    const { deliver, notices } = expecting(schema);
    await deliver(bounced({ email: { inner: 'do-not-log' }, bounce_type: 'hard' }));
    expect(notices).toEqual([['schema_mismatch', expect.stringMatching(/^SchemaIssuesError: data\.email: /)]]);
    expect(JSON.stringify(notices)).not.toContain('do-not-log');
  });

  test("delivers what it refuses as it is, under 'deliver', and tells", async () => {
    const { deliver, data, notices } = expecting(schema, { onSchemaMismatch: 'deliver' });
    const wrong = { email: 7, bounce_type: 'hard' };
    expect((await deliver(bounced(wrong))).status).toBe(200);
    expect(data).toEqual([wrong]);
    expect(notices).toEqual([[{ path: 'data.email', message: expect.any(String) }]]);
  });

  test('has no say in other events', async () => {
    const { deliver } = expecting(schema);
    expect((await deliver({ event: 'Email.Sent', data: { email: 7 } })).status).toBe(200);
  });
});

describe('a schema that transforms', () => {
  test.each<[string, StandardSchemaV1]>([
    ['zod', z.object({ email: z.string().transform((email) => email.toUpperCase()) })],
    ['zod, asynchronous', z.object({ email: z.string().transform(async (email) => email.toUpperCase()) })],
    ['valibot', v.object({ email: v.pipe(v.string(), v.toUpperCase()) })],
    ['a default', schemaOf(() => ({ value: { email: 'A@EXAMPLE.COM' } }))],
  ])('gives handlers its output: %s', async (_vendor, schema) => {
    const { deliver, data } = expecting(schema);
    expect((await deliver(bounced({ email: 'a@example.com', more: 1 }))).status).toBe(200);
    expect(data).toEqual([{ email: 'A@EXAMPLE.COM' }]);
  });

  test('leaves the envelope and rawBody as they were sent', async () => {
    const { deliver, webhooks } = expecting(z.string().transform(() => ({ created_on: 1 })));
    const seen: unknown[] = [];
    webhooks.onAny((event, { rawBody, occurredAt }) => seen.push([event, JSON.parse(String(rawBody)), occurredAt]));
    const sent = { ...bounced('text'), created_on: 2 };
    await deliver(sent);
    expect(seen).toEqual([[{ ...sent, data: { created_on: 1 } }, sent, new Date(2000)]]);
  });
});

describe('a schema that fails', () => {
  const boom = (): never => {
    throw new Error('the schema is broken');
  };

  test.each<[string, (data: unknown) => unknown]>([
    ['throws', boom],
    ['rejects', async () => boom()],
    ['rejects with a value that is not an Error', () => Promise.reject(null)],
    ['returns undefined', () => undefined],
    ['resolves to null', async () => null],
  ])('because it %s answers 500, and no handler runs', async (_how, validate) => {
    const { deliver, data, notices } = expecting(schemaOf(validate));
    const response = await deliver(bounced(GOOD));
    expect(response.status).toBe(500);
    expect(response.body).toMatchObject({ error: { code: 'ERR_SCHEMA_FAILED' } });
    expect(response.text).not.toContain('broken');
    expect(data).toEqual([]);
    expect(notices).toEqual([['schema_failed', expect.any(String)]]);
  });

  test('because it never settles is given up in time, and the next delivery of it is tried again', async () => {
    const { deliver, data, notices } = expecting(
      schemaOf(() => new Promise(() => {})),
      { timeoutMs: { handler: 50 } },
    );
    for (const _try of [1, 2]) expect((await deliver(bounced(GOOD))).status).toBe(500);
    expect(data).toEqual([]);
    expect(notices).toEqual(Array(2).fill(['schema_failed', expect.stringContaining('50 ms')]));
  });

  test('is not hidden by the policy to deliver', async () => {
    const { deliver, data } = expecting(schemaOf(boom), { onSchemaMismatch: 'deliver' });
    expect((await deliver(bounced(GOOD))).status).toBe(500);
    expect(data).toEqual([]);
  });
});

test('a schema that answers with a promise of another realm is awaited', async () => {
  const promise = runInNewContext('Promise.resolve({ issues: [{ message: "refused" }] })');
  const verdict = checkData(
    schemaOf(() => promise),
    GOOD,
  );
  expect(await verdict).toEqual({ issues: [{ path: 'data', message: 'refused' }] });
});

test('paths of every kind are written with dots', async () => {
  const issues = [
    { message: 'the whole' },
    { message: 'a list', path: [] },
    { message: 'keys', path: ['a', 0, Symbol('s')] },
    { message: 'segments', path: [{ key: 'a' }, { key: 1 }] },
  ];
  expect(
    await checkData(
      schemaOf(() => ({ issues })),
      {},
    ),
  ).toEqual({
    issues: [
      { path: 'data', message: 'the whole' },
      { path: 'data', message: 'a list' },
      { path: 'data.a.0.Symbol(s)', message: 'keys' },
      { path: 'data.a.1', message: 'segments' },
    ],
  });
});

test('issues are described in one line', () => {
  const issues = [
    { path: 'data.a', message: 'one' },
    { path: 'data', message: 'two' },
  ];
  expect(new SchemaIssuesError(issues).message).toBe('data.a: one; data: two');
});
