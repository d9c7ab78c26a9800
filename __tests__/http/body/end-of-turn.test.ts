import { setImmediate } from 'node:timers/promises';
import { endOfTurn } from '../../../src/http/body/end-of-turn.js';
import { dial, hangUp, head, listen } from '../../helpers/raw-http.js';

afterEach(hangUp);

test('everybody in a turn waits together, and those of the next one by themselves', async () => {
  const first = endOfTurn();
  expect(endOfTurn()).toBe(first);
  await first;
  expect(endOfTurn()).not.toBe(first);
});

test('it comes after what was promised, and in the same turn', async () => {
  const order: string[] = [];
  const ended = endOfTurn().then(() => order.push('the end'));
  process.nextTick(() => order.push('a tick'));
  await Promise.resolve().then(() => order.push('a promise'));
  await Promise.all([ended, setImmediate().then(() => order.push('the next turn'))]);
  expect(order).toEqual(['a promise', 'a tick', 'the end', 'the next turn']);
});

test('a body that came with its headers is there then', async () => {
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

test("a test's own clock does not stop it", async () => {
  jest.useFakeTimers();
  try {
    await endOfTurn();
  } finally {
    jest.useRealTimers();
  }
});
