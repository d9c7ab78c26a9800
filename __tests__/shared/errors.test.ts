import { ConfigurationError, HandlerError, WebhookError } from '../../src/index.js';
import { messageOf, WEBHOOK_ERROR_CODES } from '../../src/shared/errors.js';

test.each(WEBHOOK_ERROR_CODES)('%s says what happened and what to do, each in a sentence', (code) => {
  const error = new WebhookError(code);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'WebhookError', code, status: 500, headers: undefined });
  expect(error.message).toMatch(/^[A-Z].*\.$/);
  expect(error.message).toBe(messageOf(code));
  expect(error.help).toMatch(/^\S.{10,}\.$/);
  expect('cause' in error).toBe(false);
});

test('a WebhookError takes a message, a status, headers and a cause', () => {
  const options = { message: 'Other.', status: 503, headers: { 'retry-after': '5' }, cause: 'why' };
  expect(new WebhookError('ERR_CLOSING', options)).toMatchObject({ code: 'ERR_CLOSING', ...options });
});

test('a ConfigurationError ends with the fix', () => {
  const error = new ConfigurationError('ERR_SECRET_MISSING', '`secret` is empty.');
  expect(error).toBeInstanceOf(WebhookError);
  expect(error).toMatchObject({ name: 'ConfigurationError', code: 'ERR_SECRET_MISSING', status: 500 });
  expect(error.message).toBe(`\`secret\` is empty. ${error.help}`);
});

describe('a HandlerError', () => {
  const timeout = new WebhookError('ERR_HANDLER_TIMEOUT');
  const [boom, bang] = [new Error('boom'), new Error('bang')];

  test('holds every failure, also as an AggregateError in its cause', () => {
    const error = new HandlerError([boom, bang]);
    expect(error).toBeInstanceOf(WebhookError);
    expect(error).toMatchObject({ name: 'HandlerError', status: 500, message: '2 handlers failed: boom; bang' });
    expect(error.errors).toEqual([boom, bang]);
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect((error.cause as AggregateError).errors).toEqual([boom, bang]);
  });

  test.each([
    ['ERR_HANDLER_TIMEOUT', [timeout, timeout]],
    ['ERR_HANDLER_FAILED', [timeout, boom]],
    ['ERR_HANDLER_FAILED', [boom]],
    ['ERR_HANDLER_FAILED', [new WebhookError('ERR_CLOSING')]],
  ] as const)('is %s only when every handler ran out of time', (code, errors) => {
    expect(new HandlerError(errors).code).toBe(code);
  });
});
