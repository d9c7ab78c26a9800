import { setImmediate as turn } from 'node:timers/promises';
import { runSafely } from '../../src/shared/run-safely.js';

const boom = (): never => {
  throw new Error('boom');
};

test('runSafely() calls the function at once and reports nothing when it succeeds', async () => {
  const [call, report] = [jest.fn(), jest.fn()];
  runSafely(call, report);
  expect(call).toHaveBeenCalledTimes(1);
  runSafely(async () => 'done', report);
  runSafely(() => 'done', report);
  await turn();
  expect(report).not.toHaveBeenCalled();
});

test('runSafely() reports a thrown error before it returns', () => {
  const report = jest.fn();
  runSafely(boom, report);
  expect(report.mock.calls).toEqual([[new Error('boom')]]);
});

function thenable(then: (resolve: unknown, reject: (reason: unknown) => void) => void): object {
  return { then };
}

test.each([
  ['a promise that rejects', async () => boom()],
  ['a thenable that rejects', () => thenable((_, reject) => reject(new Error('boom')))],
  ['a thenable whose `then` throws', () => thenable(boom)],
  ['an object whose `then` cannot be read', () => Object.defineProperty({}, 'then', { get: boom })],
])('runSafely() reports the error of %s once', async (_what, call) => {
  const report = jest.fn();
  runSafely(call, report);
  await turn();
  expect(report.mock.calls).toEqual([[new Error('boom')]]);
});

test.each(['boom', null, undefined])(
  'runSafely() reports %p as an Error with that value as its cause',
  async (thrown) => {
    const report = jest.fn();
    runSafely(() => {
      throw thrown;
    }, report);
    runSafely(() => Promise.reject(thrown), report);
    await turn();
    const error = expect.objectContaining({ message: expect.stringContaining(String(thrown)), cause: thrown });
    expect(report.mock.calls).toEqual([[error], [error]]);
  },
);
