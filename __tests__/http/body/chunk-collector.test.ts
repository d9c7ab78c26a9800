import { ChunkCollector } from '../../../src/http/body/chunk-collector.js';
import fc from '../../helpers/properties.js';

/** The chunks that remain after these chunks were added. */
function collected(chunks: readonly Buffer[]): readonly Buffer[] {
  const collector = new ChunkCollector();
  for (const chunk of chunks) collector.add(chunk);
  return collector.end();
}

/** A chunk of its own memory, as Node's HTTP parser makes it. */
const chunkOf = (size: number, fill = 'x'): Buffer => Buffer.alloc(size, fill);

/** The bytes of memory that the chunks keep alive. */
function retained(chunks: readonly Buffer[]): number {
  const memory = new Set(chunks.map(({ buffer }) => buffer));
  return [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

test('a body of one chunk is that chunk', () => {
  const chunk = chunkOf(1);
  expect(collected([chunk])[0]).toBe(chunk);
});

test('large chunks stay as they came, and so does a small one after each', () => {
  const chunks = [chunkOf(65_000), chunkOf(500), chunkOf(4_096), chunkOf(1)];
  expect(collected(chunks).map((chunk, index) => chunk === chunks[index])).toEqual([true, true, true, true]);
});

test('a body without chunks stays without chunks', () => {
  expect(collected([])).toEqual([]);
});

test('256 KiB in chunks of one byte become few chunks, in at most twice the memory', () => {
  const size = 256 * 1024;
  const chunks = collected(Array.from({ length: size }, () => chunkOf(1)));
  expect(Buffer.concat(chunks)).toHaveLength(size);
  expect(chunks.length).toBeLessThan(16);
  expect(retained(chunks)).toBeLessThanOrEqual(2 * size);
});

test('small chunks between large ones share their blocks', () => {
  const chunks = collected(Array.from({ length: 600 }, (_, index) => chunkOf(index % 3 === 0 ? 4_096 : 1)));
  const size = 200 * 4_096 + 400;
  expect(Buffer.concat(chunks)).toHaveLength(size);
  expect(chunks.length).toBeLessThanOrEqual(3 * 200);
  expect(retained(chunks)).toBeLessThan(size + 8_192);
});

test('a chunk that keeps a much larger slab alive is copied', () => {
  const slabs = Array.from({ length: 32 }, () => Buffer.alloc(65_536, 'x').subarray(0, 8_192));
  const chunks = collected(slabs);
  expect(Buffer.concat(chunks)).toEqual(Buffer.concat(slabs));
  expect(retained(chunks)).toBeLessThanOrEqual(2 * 32 * 8_192);
});

test('the length counts every byte that was added', () => {
  const collector = new ChunkCollector();
  for (const chunk of [chunkOf(5_000), chunkOf(1), chunkOf(1)]) collector.add(chunk);
  expect(collector.length).toBe(5_002);
});

test('whatever the chunks are, their bytes keep their order, and both their number and their memory are bounded', () => {
  const chunk = fc
    .record({
      size: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9_000 })),
      slab: fc.constantFrom(1, 1, 3, 50),
      fill: fc.integer({ min: 0, max: 255 }),
    })
    .map(({ size, slab, fill }) => Buffer.alloc(size * slab, fill).subarray(0, size));
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 300 }), (chunks) => {
      const body = Buffer.concat(chunks);
      const result = collected(chunks);
      expect(Buffer.concat(result).equals(body)).toBe(true);
      expect(result.length).toBeLessThanOrEqual(3 * (body.length / 4_096) + 16);
      expect(retained(result)).toBeLessThanOrEqual(3 * body.length + 4_096);
    }),
  );
});
