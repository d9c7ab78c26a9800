import { Readable, type Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { decoderFor, isIdentity } from '../../../src/http/body/inflate.js';

test.each([undefined, '', 'identity', 'Identity'])('%j leaves a body as it is', (encoding) => {
  expect(isIdentity(encoding)).toBe(true);
});

test.each(['gzip', 'br', 'identity, gzip', 'nonsense'])('%j does not leave a body as it is', (encoding) => {
  expect(isIdentity(encoding)).toBe(false);
});

test.each([
  ['gzip', gzipSync],
  ['GZip', gzipSync],
  ['x-gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
])('%s is undone', async (encoding, pack) => {
  const decoder = decoderFor(encoding)?.() as Transform;
  expect(await text(Readable.from([pack('a body')]).pipe(decoder))).toBe('a body');
});

test.each([undefined, '', 'identity', 'zstd', 'compress', 'gzip, br', '__proto__', 'constructor'])(
  'nothing undoes %j',
  (encoding) => {
    expect(decoderFor(encoding)).toBeUndefined();
  },
);
