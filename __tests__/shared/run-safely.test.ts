import { setImmediate as turn } from 'node:timers/promises';
import { contain } from '../../src/shared/run-safely.js';

const boom = (): never => {
  throw new Error('boom');
};

test('calls at once, and reports nothing of what goes well', async () => {
  const [call, report] = [jest.fn(), jest.fn()];
  contain(call, report);
  expect(call).toHaveBeenCalledTimes(1);
  contain(async () => 'done', report);
  contain(() => 'done', report);
  await turn();
  expect(report).not.toHaveBeenCalled();
});

test('reports what is thrown before it returns', () => {
  const report = jest.fn();
  contain(boom, report);
  expect(report.mock.calls).toEqual([[new Error('boom')]]);
});

function thenable(then: (resolve: unknown, reject: (reason: unknown) => void) => void): object {
  return { then };
}

test.each([
  ['a promise', async () => boom()],
  ['a thenable that rejects', () => thenable((_, reject) => reject(new Error('boom')))],
  ['a thenable whose then throws', () => thenable(boom)],
  ['an object whose then cannot be read', () => Object.defineProperty({}, 'then', { get: boom })],
])('reports what %s rejects with, once', async (_what, call) => {
  const report = jest.fn();
  contain(call, report);
  await turn();
  expect(report.mock.calls).toEqual([[new Error('boom')]]);
});

test.each(['boom', null, undefined])('reports %p, which is no Error, as one', async (thrown) => {
  const report = jest.fn();
  contain(() => {
    throw thrown;
  }, report);
  contain(() => Promise.reject(thrown), report);
  await turn();
  const error = expect.objectContaining({ message: expect.stringContaining(String(thrown)), cause: thrown });
  expect(report.mock.calls).toEqual([[error], [error]]);
});
