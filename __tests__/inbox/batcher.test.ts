import { Batcher } from '../../src/inbox/batcher.js';

const echo = () => {
  const handedOn: number[][] = [];
  const batch = new Batcher<number, number>(async (items) => {
    handedOn.push([...items]);
    return items.map((item) => item * 10);
  });
  return { batch, handedOn };
};

test('what comes in one turn is handed on together, and each gets its own result', async () => {
  const { batch, handedOn } = echo();
  const results = [batch.add(1), Promise.resolve().then(() => batch.add(2)), batch.add(3)];
  expect(await Promise.all(results)).toEqual([10, 20, 30]);
  expect(handedOn.map((items) => items.sort())).toEqual([[1, 2, 3]]);
});

test('what comes later is handed on by itself', async () => {
  const { batch, handedOn } = echo();
  await batch.add(1);
  await batch.add(2);
  expect(handedOn).toEqual([[1], [2]]);
});

test('a failure is everybody’s of that batch, and nobody’s of the next', async () => {
  let calls = 0;
  const batch = new Batcher<number, number>(async (items) => {
    if (++calls === 1) throw new Error('disk full');
    return items;
  });
  const failed = await Promise.allSettled([batch.add(1), batch.add(2)]);
  expect(failed).toMatchObject(failed.map(() => ({ status: 'rejected', reason: { message: 'disk full' } })));
  expect(await batch.add(3)).toBe(3);
});
