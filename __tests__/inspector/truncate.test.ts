import { messageIn, nameIn, stackIn } from '../../src/inspector/truncate.js';
import { heapInUse } from '../helpers/heap.js';

test('what is short stays as it is, and what is long is cut', () => {
  expect(messageIn('the list is full: \ud800 é')).toBe('the list is full: \ud800 é');
  expect(messageIn('x'.repeat(5_000))).toBe(`${'x'.repeat(1_000)}…`);
  expect(nameIn('x'.repeat(5_000))).toBe(`${'x'.repeat(200)}…`);
});

test('of a stack the first lines are kept', () => {
  const lines = ['Error: no', ...Array.from({ length: 20 }, (_, index) => `    at place ${index}`)];
  const error = Object.assign(new Error('no'), { stack: lines.join('\n') });
  expect(stackIn(error)).toBe(lines.slice(0, 8).join('\n'));
  expect(stackIn(Object.assign(new Error('no'), { stack: 'x'.repeat(5_000) }))).toHaveLength(2_001);
});

test('the long text that a part is kept of is not', () => {
  const before = heapInUse();
  const kept = Array.from({ length: 50 }, (_, index) => messageIn(`${index}${'x'.repeat(2_000_000)}`));
  expect(heapInUse() - before).toBeLessThan(20_000_000);
  expect(kept).toHaveLength(50);
});
