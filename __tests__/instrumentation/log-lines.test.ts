import * as z from 'zod';
import { SchemaIssuesError } from '../../src/events/schemas.js';
import { HandlerError, type LifecycleNotices, PermanentError } from '../../src/index.js';
import { LOG_NOTICES, writeNotice } from '../../src/instrumentation/log-lines.js';
import type { LogLevel } from '../../src/instrumentation/logger.js';
import { sampleEvent } from '../../src/testing/index.js';

describe('the lines', () => {
  /** The lines that a notice makes. */
  function linesOf<N extends keyof LifecycleNotices>(name: N, notice: object): unknown[] {
    const lines: unknown[] = [];
    const write = (level: LogLevel, fields: object, message: string): unknown => lines.push([level, fields, message]);
    writeNotice({ write, warnDeveloper: () => {} }, name, notice as LifecycleNotices[N]);
    return lines;
  }

  test('are one for every notice there is', () => {
    const names = ['received', 'verified', 'rejected', 'drift', 'handled', 'unhandled', 'failed', 'late', 'duplicate'];
    expect([...LOG_NOTICES].sort()).toEqual([...names, 'stored', 'dead'].sort());
  });

  test('of a dead letter hold its id, why it is one, and the classes of the errors without their messages', () => {
    const notice = { id: 'a1', eventName: 'Email.Sent', reason: 'attempts_exhausted' };
    const told = { eventName: 'Email.Sent', delivery: 'a1', reason: 'attempts_exhausted' };
    const handlers = new HandlerError([new TypeError('one@example.com'), new PermanentError('two@example.com')]);
    expect(linesOf('dead', { ...notice, error: handlers })).toEqual([
      ['error', { ...told, code: 'ERR_HANDLER_FAILED', errorNames: ['TypeError', 'PermanentError'] }, 'dead letter'],
    ]);
    expect(linesOf('dead', { ...notice, error: { name: 'Error', message: 'The process ended.' } })).toEqual([
      ['error', { ...told, errorNames: ['Error'] }, 'dead letter'],
    ]);
  });

  test.each(['failed', 'late'] as const)('of a %s delivery hold what the handler threw', (name) => {
    const error = new HandlerError([new TypeError('boom')]);
    const notice = {
      event: sampleEvent('User.LoggedIn'),
      delivery: { id: 'a1', attempt: 1, eventName: 'User.LoggedIn' },
      error,
    };
    expect(linesOf(name, notice)).toMatchObject([['error', { err: error }, expect.any(String)]]);
  });

  test('of a handler that threw the error of a schema hold its class and its paths, and not its message', () => {
    const { error } = z
      .object({ data: z.object({ email: z.number('one@example.com') }) })
      .safeParse({ data: { email: '' } });
    const failure = new HandlerError([new TypeError('boom'), error as Error]);
    const notice = {
      event: sampleEvent('User.LoggedIn'),
      delivery: { id: 'a1', attempt: 1, eventName: 'User.LoggedIn' },
      error: failure,
    };
    const [line] = linesOf('failed', { ...notice, durationMs: 1 }) as [unknown[]];
    expect(line[1]).toEqual({
      ...{ eventName: 'User.LoggedIn', delivery: 'a1', attempt: 1, code: 'ERR_HANDLER_FAILED', durationMs: 1 },
      ...{ errorNames: ['TypeError', 'ZodError'], paths: ['data.email'] },
    });
  });

  test('hold names from outside without control characters', () => {
    const name = 'A\u001b[2J\u009b\u007f\n\u2028\u202eB';
    const shown = 'A?[2J?????B';
    const event = { ...sampleEvent('User.LoggedIn'), event: name };
    expect(
      linesOf('handled', { event, delivery: { id: 'a1', attempt: 1, eventName: name }, durationMs: 1 }),
    ).toMatchObject([['info', { eventName: shown }, 'handled']]);
    expect(linesOf('rejected', { reason: 'wrong_key_for_event', status: 403, eventName: name })).toMatchObject([
      ['warn', { eventName: shown }, 'rejected'],
    ]);
    const issues = [{ path: `data.${name}`, message: '' }];
    expect(linesOf('drift', { event, delivery: { id: 'a1', attempt: 1, eventName: name }, issues })).toMatchObject([
      ['warn', { paths: [`data.${shown}`] }, expect.any(String)],
    ]);
    expect(
      linesOf('dead', { id: 'a1', eventName: name, reason: 'not_readable', error: { name, message: '' } }),
    ).toMatchObject([['error', { eventName: shown, errorNames: [shown] }, 'dead letter']]);
  });

  test.each([
    [400, 'not_json', 'warn'],
    [499, 'not_json', 'warn'],
    [500, 'body_consumed', 'error'],
    [503, 'closing', 'error'],
    [400, 'body_aborted', 'debug'],
    [503, 'inbox_unavailable', 'debug'],
  ])('of a rejection with %i %s are of level %s', (status, reason, level) => {
    const fields = { reason, code: 'ERR_PAYLOAD', status, ...(status >= 500 && { help: expect.any(String) }) };
    expect(linesOf('rejected', { ...fields, eventName: undefined, cause: undefined })).toEqual([
      [level, fields, 'rejected'],
    ]);
  });

  test('of a rejection hold its cause as err, and a name of at most 128 characters', () => {
    const cause = new Error('why');
    const notice = { reason: 'keys_unavailable', code: 'ERR_KEYS_UNAVAILABLE', status: 503, cause };
    expect(linesOf('rejected', { ...notice, eventName: 'x'.repeat(128) })).toMatchObject([
      ['error', { eventName: 'x'.repeat(128), err: cause }, 'rejected'],
    ]);
    expect(linesOf('rejected', { ...notice, eventName: 'x'.repeat(129) })).toMatchObject([
      ['error', { eventName: `${'x'.repeat(128)}…` }, 'rejected'],
    ]);
  });

  test('of an event that a schema refused hold the paths, and of a schema that threw the class of its error', () => {
    const refused = { reason: 'schema_mismatch', code: 'ERR_SCHEMA_MISMATCH', status: 422, eventName: 'Email.Sent' };
    const cause = new SchemaIssuesError([{ path: 'data.email', message: 'one@example.com' }]);
    expect(linesOf('rejected', { ...refused, cause })).toEqual([
      ['warn', { ...refused, errorNames: ['SchemaIssuesError'], paths: ['data.email'] }, 'rejected'],
    ]);
    const threw = { reason: 'schema_failed', code: 'ERR_SCHEMA_FAILED', status: 500, eventName: 'Email.Sent' };
    expect(linesOf('rejected', { ...threw, cause: new TypeError('one@example.com') })).toEqual([
      ['error', { ...threw, errorNames: ['TypeError'], help: expect.any(String) }, 'rejected'],
    ]);
  });
});
