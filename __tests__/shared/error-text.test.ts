import vm from 'node:vm';
import { toError } from '../../src/shared/error-text.js';

describe('toError', () => {
  test('leaves an Error as it is', () => {
    const error = new TypeError('boom');
    expect(toError(error)).toBe(error);
  });

  test('leaves an Error of another realm as it is, such as those of Node itself under jest', () => {
    const error: unknown = vm.runInNewContext('new TypeError("boom")');
    expect(toError(error)).toBe(error);
  });

  test.each([
    ['boom', 'boom'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('boom'), 'Symbol(boom)'],
    [42n, '42'],
    [{ message: 'boom' }, '[object Object]'],
    [Object.create(null), 'an object that cannot be shown'],
  ])('shows %p in the message and keeps it as the cause', (thrown, shown) => {
    const error = toError(thrown);
    expect(error.message).toBe(`A value that is not an Error was thrown: ${shown}`);
    expect(error.cause).toBe(thrown);
  });
});
