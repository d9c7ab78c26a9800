import { setImmediate } from 'node:timers/promises';
import { endOfTurn } from '../../../src/http/body/end-of-turn.js';
import { dial, hangUp, head, listen } from '../../helpers/raw-http.js';

afterEach(hangUp);

test('all callers in one turn of the event loop share a promise, and the next turn has one of its own', async () => {
  const first = endOfTurn();
  expect(endOfTurn()).toBe(first);
  await first;
  expect(endOfTurn()).not.toBe(first);
});

test('the turn ends after the promises and ticks that are pending, and before the next turn', async () => {
  const order: string[] = [];
  const ended = endOfTurn().then(() => order.push('the end'));
  process.nextTick(() => order.push('a tick'));
  await Promise.resolve().then(() => order.push('a promise'));
  await Promise.all([ended, setImmediate().then(() => order.push('the next turn'))]);
  expect(order).toEqual(['a promise', 'a tick', 'the end', 'the next turn']);
});

test('a body that comes with its headers is complete when the turn ends', async () => {
  const complete = new Promise((resolve) => {
    void listen(async (req, res) => {
      const atOnce = req.complete;
      await endOfTurn();
      resolve([atOnce, req.complete]);
      res.end();
    }).then(({ port }) => dial(port, `${head({ 'content-length': 4 })}body`));
  });
  expect(await complete).toEqual([false, true]);
});

test('fake timers do not stop it', async () => {
  jest.useFakeTimers();
  try {
    await endOfTurn();
  } finally {
    jest.useRealTimers();
  }
});
