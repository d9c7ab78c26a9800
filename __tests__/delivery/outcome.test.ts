import { VerifiedDelivery } from '../../src/delivery/delivery.js';
import { AcceptedOutcome, FailedOutcome, RejectedOutcome, type RejectionReason } from '../../src/delivery/outcome.js';
import { SchemaIssuesError } from '../../src/events/schemas.js';
import { HandlerError, WebhookError } from '../../src/index.js';
import { messageOf } from '../../src/shared/errors.js';
import { sampleEvent } from '../../src/testing/index.js';
import { REJECTIONS } from '../helpers/response-table.js';

const event = sampleEvent('User.LoggedIn');
const delivery = new VerifiedDelivery(Buffer.from('{}'), event, {}, []);

const rejections = Object.entries(REJECTIONS) as [RejectionReason, (typeof REJECTIONS)[RejectionReason]][];

/** The headers of every response. */
function commonHeaders(body: string): Record<string, string> {
  return { 'content-type': 'application/json; charset=utf-8', 'content-length': String(Buffer.byteLength(body)) };
}

describe('a rejected outcome', () => {
  test.each(rejections)('responds to %s with %p', (reason, [status, code, headers]) => {
    const outcome = new RejectedOutcome(reason);
    const body = JSON.stringify({ error: { code, message: messageOf(outcome.code) } });
    expect(outcome).toMatchObject({ kind: 'rejected', reason, code, status });
    expect(outcome.toResponse()).toEqual({ status, headers: { ...commonHeaders(body), ...headers }, body });
  });

  test.each(rejections)('carries the same status and headers in its error: %s', (reason, [status, code, headers]) => {
    const outcome = new RejectedOutcome(reason, { cause: 'the cause' });
    expect(outcome.error).toBeInstanceOf(WebhookError);
    expect(outcome.error).toMatchObject({ code, status, headers, cause: 'the cause' });
    expect(outcome.error).toBe(outcome.error);
  });

  test('responds with the same bytes to every failed authentication', () => {
    const reasons = ['missing', 'malformed', 'mismatch', 'wrong_key_for_event', 'too_old'] as const;
    const responses = reasons.map((reason) => JSON.stringify(new RejectedOutcome(reason).toResponse()));
    expect(new Set(responses).size).toBe(1);
  });

  test('reveals neither the event nor the cause in its response', () => {
    const outcome = new RejectedOutcome('schema_mismatch', { eventName: 'User.LoggedIn', cause: new Error('hunter2') });
    expect(outcome).toMatchObject({ eventName: 'User.LoggedIn', cause: { message: 'hunter2' } });
    expect(JSON.stringify(outcome.toResponse())).not.toMatch(/hunter2|LoggedIn/);
  });
});

describe('the error of a rejected outcome', () => {
  test.each([
    ['missing', 'The signature header is missing.'],
    ['mismatch', 'The signature does not match the body under any key.'],
    ['wrong_key_for_event', 'The signature was made with the key of another event.'],
    ['not_utf8', 'The body is not valid UTF-8.'],
    ['not_json', 'The body is not valid JSON.'],
    ['not_object', 'The body is not a JSON object.'],
    ['no_event_name', 'The body has no event name.'],
    ['body_too_large', 'The body is larger than the limit.'],
  ] as const)('names the reason %s: %s', (reason, message) => {
    expect(new RejectedOutcome(reason).error.message).toBe(message);
  });

  test('has a different message for each reason that shares its code with others', () => {
    const shared = rejections.filter(([, [, code]]) => ['ERR_SIGNATURE', 'ERR_PAYLOAD'].includes(code));
    const messages = shared.map(([reason]) => new RejectedOutcome(reason).error.message);
    expect(new Set(messages).size).toBe(shared.length);
  });

  test('includes the message of the cause', () => {
    const cause = new Error('the key server is away');
    expect(new RejectedOutcome('keys_unavailable', { cause }).error.message).toBe(
      'The keys to verify with could not be loaded: the key server is away',
    );
  });

  test('names the paths that a schema refused or the class of the error that it threw, and quotes nothing of the payload', () => {
    const cause = new SchemaIssuesError([
      { path: 'data.email', message: 'hunter2' },
      { path: 'data.id', message: 'hunter2' },
    ]);
    expect(new RejectedOutcome('schema_mismatch', { cause }).error.message).toBe(
      "The event's data does not have the expected shape: data.email, data.id",
    );
    expect(new RejectedOutcome('schema_failed', { cause: new TypeError('hunter2') }).error.message).toBe(
      "The event's schema failed: TypeError",
    );
  });
});

test('the error of a failed delivery includes the message of each handler’s error', () => {
  const one = new FailedOutcome(new HandlerError([new Error('boom')]), event, delivery);
  const two = new FailedOutcome(new HandlerError([new Error('boom'), new TypeError('bang')]), event, delivery);
  expect([one.error.message, two.error.message]).toEqual(['One handler failed: boom', '2 handlers failed: boom; bang']);
});

test.each(['handled', 'unhandled', 'duplicate'] as const)('an accepted outcome responds to %s with 200', (kind) => {
  const outcome = new AcceptedOutcome(kind, event, delivery);
  const body = `{"status":"${kind}"}`;
  expect(outcome).toMatchObject({ kind, status: 200, event, delivery });
  expect(outcome.toResponse()).toEqual({ status: 200, headers: commonHeaders(body), body });
});

test.each([
  ['ERR_HANDLER_FAILED', new Error('hunter2')],
  ['ERR_HANDLER_TIMEOUT', new WebhookError('ERR_HANDLER_TIMEOUT', { message: 'hunter2' })],
] as const)('a failed outcome responds with 500 %s and reveals nothing of the application', (code, error) => {
  const outcome = new FailedOutcome(new HandlerError([error]), event, delivery);
  const body = JSON.stringify({ error: { code, message: messageOf(code) } });
  expect(outcome).toMatchObject({ kind: 'failed', status: 500, code, event, delivery });
  expect(outcome.toResponse()).toEqual({ status: 500, headers: commonHeaders(body), body });
});

test.each([
  ['stored', 'stored'],
  ['duplicate', 'stored_duplicate'],
] as const)('the response to a %s delivery that an inbox holds is 202', (kind, response) => {
  const outcome = new AcceptedOutcome(kind, event, delivery, response);
  const body = `{"status":"${kind}"}`;
  expect(outcome.toResponse()).toEqual({ status: 202, headers: commonHeaders(body), body });
});

test('a caller that changes a response does not change later responses', () => {
  const first = new RejectedOutcome('closing').toResponse();
  Object.assign(first.headers, { 'retry-after': 'never', 'x-more': '1' });
  expect(new RejectedOutcome('closing').toResponse().headers).toMatchObject({ 'retry-after': '5' });
  expect(new RejectedOutcome('closing').toResponse().headers).not.toHaveProperty('x-more');
});
