import { Batcher } from '../../src/inbox/batcher.js';

/** A batcher that multiplies each item by ten, and the batches that it has processed. */
function multiplyByTen() {
  const batches: number[][] = [];
  const batcher = new Batcher<number, number>(async (items) => {
    batches.push([...items]);
    return items.map((item) => item * 10);
  });
  return { batcher, batches };
}

test('items that are added in one turn of the event loop are processed together', async () => {
  const { batcher, batches } = multiplyByTen();
  const results = [batcher.add(1), Promise.resolve().then(() => batcher.add(2)), batcher.add(3)];
  expect(await Promise.all(results)).toEqual([10, 20, 30]);
  expect(batches.map((items) => items.sort())).toEqual([[1, 2, 3]]);
});

test('an item that is added later is processed in a batch of its own', async () => {
  const { batcher, batches } = multiplyByTen();
  await batcher.add(1);
  await batcher.add(2);
  expect(batches).toEqual([[1], [2]]);
});

test('a failure rejects every item of the batch, and no item of the next one', async () => {
  let calls = 0;
  const batcher = new Batcher<number, number>(async (items) => {
    if (++calls === 1) throw new Error('disk full');
    return items;
  });
  const failed = await Promise.allSettled([batcher.add(1), batcher.add(2)]);
  expect(failed).toMatchObject(failed.map(() => ({ status: 'rejected', reason: { message: 'disk full' } })));
  expect(await batcher.add(3)).toBe(3);
});
