import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as z from 'zod';
import type { ParsedEvent } from '../../src/events/parse.js';
import { Validator } from '../../src/events/validator.js';
import { isPromise } from '../../src/shared/promises.js';
import { sampleEvent } from '../../src/testing/index.js';

interface Options {
  readonly timeoutMs?: number;
  readonly onMismatch?: 'reject' | 'deliver';
}

/** A validator with this schema for `User.LoggedIn`. */
function validatorOf(
  schema?: StandardSchemaV1,
  { timeoutMs = 60_000, onMismatch = 'reject' }: Options = {},
): Validator {
  const schemas = new Map(schema === undefined ? [] : [['User.LoggedIn', schema]]);
  return new Validator(schemas, { timeoutMs, onMismatch });
}

/** A schema that does just this. */
function schemaOf(validate: (data: unknown) => unknown): StandardSchemaV1 {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as StandardSchemaV1.Props['validate'] } };
}

const login = (data: unknown = sampleEvent('User.LoggedIn').data): ParsedEvent => ({
  ...sampleEvent('User.LoggedIn'),
  data,
});

const boom = (): never => {
  throw new Error('boom');
};
const never = (): Promise<never> => new Promise(() => {});

/** Where `data` deviates from what Cakemail publishes when it has no scopes. */
const DRIFT = [{ path: 'data.scopes', message: expect.any(String) }];
const WITHOUT_SCOPES = { email: 'a@b.example', grant_type: 'password' };

test('an event without a schema is valid at once, and is the parsed object itself', () => {
  const parsed = login();
  const valid = validatorOf().validate(parsed);
  expect(valid).toEqual({ event: sampleEvent('User.LoggedIn'), drift: [] });
  expect(valid).toHaveProperty('event', parsed);
  expect('event' in valid && valid.event).toBe(parsed);
});

test('the schema of an event does not check other events', () => {
  const parsed = sampleEvent('Email.Sent');
  expect(validatorOf(schemaOf(boom)).validate(parsed)).toEqual({ event: parsed, drift: [] });
});

test.each(['__proto__', 'constructor', 'toString'])('an event named %j has no schema', (event) => {
  expect(validatorOf(schemaOf(boom)).validate({ event, data: {} })).toEqual({ event: { event, data: {} }, drift: [] });
});

test('an event that deviates from what Cakemail publishes is valid, with its drift', () => {
  expect(validatorOf().validate(login(WITHOUT_SCOPES))).toMatchObject({ drift: DRIFT });
});

describe.each([
  ['a synchronous', (data: unknown): unknown => data],
  ['an asynchronous', async (data: unknown): Promise<unknown> => data],
])('%s schema', (_kind, settle) => {
  const accepting = schemaOf(() => settle({ value: { changed: true } }));
  const refusing = schemaOf(() => settle({ issues: [{ message: 'a@b.example is refused', path: ['email'] }] }));
  const issues = [{ path: 'data.email', message: 'a@b.example is refused' }];

  test('replaces `data` by its output', async () => {
    const parsed = login();
    const valid = await validatorOf(accepting).validate(parsed);
    expect(valid).toEqual({ event: { ...login(), data: { changed: true } }, drift: [] });
    expect('event' in valid && valid.event).toBe(parsed);
  });

  test('does not hide that the event deviates from what Cakemail publishes', async () => {
    expect(await validatorOf(accepting).validate(login(WITHOUT_SCOPES))).toMatchObject({ drift: DRIFT });
  });

  test("makes an event that it refuses a mismatch under 'reject', with the issues as the cause", async () => {
    expect(await validatorOf(refusing).validate(login())).toEqual({
      reason: 'schema_mismatch',
      cause: expect.objectContaining({ name: 'SchemaIssuesError', issues }),
    });
  });

  test("adds its issues to the drift under 'deliver', and leaves `data` as it is", async () => {
    const validator = validatorOf(refusing, { onMismatch: 'deliver' });
    expect(await validator.validate(login(WITHOUT_SCOPES))).toEqual({
      event: login(WITHOUT_SCOPES),
      drift: [...DRIFT, ...issues],
    });
  });

  test.each([
    ['throws', boom],
    ['returns nothing', () => settle(undefined)],
    ['returns null', () => settle(null)],
    ['has issues that are not a list', () => settle({ issues: 7 })],
  ])('that %s has failed, whatever becomes of a mismatch', async (_how, validate) => {
    for (const onMismatch of ['reject', 'deliver'] as const) {
      const result = await validatorOf(schemaOf(validate), { onMismatch }).validate(login());
      expect(result).toEqual({ reason: 'schema_failed', cause: expect.any(Error) });
    }
  });
});

test('the result is a promise only when the schema is asynchronous', async () => {
  const results = [z.object({}), z.object({}).refine(async () => true)].map((schema) =>
    validatorOf(schema as StandardSchemaV1).validate(login()),
  );
  expect(results.map((result) => isPromise<unknown>(result))).toEqual([false, true]);
  await Promise.all(results);
});

test.each([
  ['rejects', async () => boom(), 'boom'],
  ['rejects with a value that is not an Error', () => Promise.reject('text'), 'text'],
  ['never finishes', never, 'The schema did not finish within 20 ms'],
])('a schema that %s has failed, with an Error as the cause', async (_how, validate, message) => {
  const result = await validatorOf(schemaOf(validate), { timeoutMs: 20 }).validate(login());
  expect(result).toEqual({
    reason: 'schema_failed',
    cause: expect.objectContaining({ message: expect.stringContaining(message) }),
  });
  expect('cause' in result && result.cause).toBeInstanceOf(Error);
});

test('a schema that cannot be read has failed', () => {
  const unreadable = Object.defineProperty({}, '~standard', { get: boom }) as StandardSchemaV1;
  expect(validatorOf(unreadable).validate(login())).toEqual({ reason: 'schema_failed', cause: new Error('boom') });
});
