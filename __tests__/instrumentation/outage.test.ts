import { createLog } from '../../src/instrumentation/logger.js';
import { Outage } from '../../src/instrumentation/outage.js';

const MESSAGES = { began: 'began', continues: (count: string) => `${count} more`, ended: 'ended' };
const MINUTE_MS = 60_000;
const error = new Error('the server is away');

let lines: [string, object, string][];
let outage: Outage;
beforeEach(() => {
  jest.useFakeTimers();
  lines = [];
  const line = (level: string) => (fields: object, message: string) => lines.push([level, fields, message]);
  outage = new Outage(createLog({ warn: line('warn'), error: line('error') }), true, MESSAGES);
});
afterEach(() => {
  outage.close();
  jest.useRealTimers();
});

const fail = (times: number): void => {
  for (let index = 0; index < times; index++) outage.failed(error);
};
const messages = (): string[] => lines.map(([level, , message]) => `${level}: ${message}`);

test('an outage is logged when it begins, once a minute with the number of failures, and when it ends', () => {
  fail(1_204);
  expect(lines).toEqual([['error', { code: 'ERR_INBOX_UNAVAILABLE', err: error }, 'began']]);
  jest.advanceTimersByTime(MINUTE_MS);
  expect(lines.slice(1)).toEqual([
    ['error', { code: 'ERR_INBOX_UNAVAILABLE', count: 1_204, err: error }, '1,204 more'],
  ]);
  fail(7);
  jest.advanceTimersByTime(MINUTE_MS);
  fail(3);
  outage.succeeded();
  outage.succeeded();
  expect(messages().slice(2)).toEqual(['error: 7 more', 'warn: ended']);
  jest.advanceTimersByTime(10 * MINUTE_MS);
  expect(lines).toHaveLength(4);
});

test('successes without a failure are not logged', () => {
  outage.succeeded();
  jest.advanceTimersByTime(MINUTE_MS);
  expect(lines).toEqual([]);
});

test('an operation that fails every other time is logged at most three times a minute', () => {
  for (let minute = 0; minute < 5; minute++) {
    for (let index = 0; index < 1_000; index++) {
      outage.failed(error);
      outage.succeeded();
    }
    jest.advanceTimersByTime(MINUTE_MS);
  }
  expect(messages().slice(0, 3)).toEqual(['error: began', 'warn: ended', 'error: 999 more']);
  expect(lines.length).toBeLessThanOrEqual(15);
});

test('after a minute without a failure, the next failure is logged at once', () => {
  fail(1);
  jest.advanceTimersByTime(3 * MINUTE_MS);
  expect(messages()).toEqual(['error: began', 'error: 1 more']);
  fail(1);
  expect(messages().slice(2)).toEqual(['error: began']);
});

test('the end of a second outage within a minute is logged with the first success after that minute', () => {
  fail(1);
  outage.succeeded();
  fail(1);
  outage.succeeded();
  jest.advanceTimersByTime(2 * MINUTE_MS);
  outage.succeeded();
  expect(messages().at(-1)).toBe('warn: ended');
});

test('close() stops the timer', () => {
  fail(1);
  expect(jest.getTimerCount()).toBe(1);
  outage.close();
  expect(jest.getTimerCount()).toBe(0);
});

test('without a logger an outage causes one process warning, however long it lasts', () => {
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const silent = new Outage(createLog(undefined), false, MESSAGES);
  for (let minute = 0; minute < 10; minute++) {
    for (let index = 0; index < 100; index++) silent.failed(error);
    if (minute % 3 === 0) silent.succeeded();
    jest.advanceTimersByTime(2 * MINUTE_MS);
  }
  expect(emitWarning).toHaveBeenCalledTimes(1);
  expect(emitWarning.mock.calls[0]).toEqual([
    'The delivery could not be stored. began',
    expect.objectContaining({ code: 'ERR_INBOX_UNAVAILABLE' }),
  ]);
  silent.close();
  emitWarning.mockRestore();
});
