import { truncateMessage, truncateName, truncateStack } from '../../../src/inspector/server/truncate.js';
import { heapInUse } from '../../helpers/heap.js';

test('a short text stays as it is, and a long one is truncated', () => {
  expect(truncateMessage('the list is full: \ud800 é')).toBe('the list is full: \ud800 é');
  expect(truncateMessage('x'.repeat(5_000))).toBe(`${'x'.repeat(1_000)}…`);
  expect(truncateName('x'.repeat(5_000))).toBe(`${'x'.repeat(200)}…`);
});

test('a stack keeps its first lines', () => {
  const lines = ['Error: no', ...Array.from({ length: 20 }, (_, index) => `    at place ${index}`)];
  const error = Object.assign(new Error('no'), { stack: lines.join('\n') });
  expect(truncateStack(error)).toBe(lines.slice(0, 8).join('\n'));
  expect(truncateStack(Object.assign(new Error('no'), { stack: 'x'.repeat(5_000) }))).toHaveLength(2_001);
});

test('a truncated text does not keep the whole text in memory', () => {
  const before = heapInUse();
  const kept = Array.from({ length: 50 }, (_, index) => truncateMessage(`${index}${'x'.repeat(2_000_000)}`));
  expect(heapInUse() - before).toBeLessThan(20_000_000);
  expect(kept).toHaveLength(50);
});
