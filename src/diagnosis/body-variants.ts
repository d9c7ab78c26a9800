import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { unicodeEscape } from '../shared/unicode-escape.js';
import { formatJson, isDeeperThan } from './json-layout.js';
import { makeVariants, type Variant } from './variants.js';

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const RAW =
  'Keep the raw bytes: mount the webhook router before express.json(), or use express.json({ verify: keepRawBody }).';
/** Limits decompression, because a small body can inflate to a large one. */
const INFLATE_LIMITS = { maxOutputLength: 4 * 1024 * 1024, chunkSize: 256 * 1024 };
/** JSON that nests deeper is not rewritten. */
const MAX_DEPTH = 100;

/**
 * Generates the bodies that the sender may have signed from the captured one, with the smallest changes first. Each step
 * takes time in proportion to the length of the body, and yields undefined when it gives no new body.
 *
 * @param maxRewrittenBytes The longest body that is parsed and rewritten. A longer one is changed only at its ends.
 */
export function* bodyVariants(body: Buffer, maxRewrittenBytes: number): Generator<Variant<Buffer> | undefined> {
  yield { value: body };
  yield* changedAtItsEnds(body);
  if (body.length > maxRewrittenBytes) return;
  for (const variant of rewritten(body)) yield variant?.value.equals(body) ? undefined : variant;
}

function changedAtItsEnds(body: Buffer): Generator<Variant<Buffer> | undefined> {
  const end = body.subarray(-2).toString('latin1');
  return makeVariants(body, [
    {
      id: 'body-bom-added',
      what: 'The body has a byte order mark that was not sent.',
      fix: 'Save captures as bytes, without a byte order mark.',
      make: (given) => (given.subarray(0, 3).equals(BOM) ? given.subarray(3) : undefined),
    },
    {
      id: 'body-bom-removed',
      what: 'The body was sent with a byte order mark that was removed.',
      fix: RAW,
      make: (given) => (given.subarray(0, 3).equals(BOM) ? undefined : Buffer.concat([BOM, given])),
    },
    {
      id: 'body-newline-added',
      what: 'The body has a line break at its end that was not sent.',
      fix: 'Save captures without a final line break: use `printf %s` instead of `echo`, and note that many editors add one.',
      make: (given) => (end.endsWith('\n') ? given.subarray(0, end === '\r\n' ? -2 : -1) : undefined),
    },
    {
      id: 'body-newline-removed',
      what: 'The body was sent with a line break at its end that was removed.',
      fix: RAW,
      make: (given) => (end.endsWith('\n') ? undefined : Buffer.concat([given, Buffer.from('\n')])),
    },
    {
      id: 'body-empty',
      what: 'The sender signed an empty body.',
      fix: 'Check the sender: something removes the body, or signs before the body is complete.',
      make: (given) => (given.length > 0 ? Buffer.alloc(0) : undefined),
    },
  ]);
}

function rewritten(body: Buffer): Generator<Variant<Buffer> | undefined> {
  const text = body.toString();
  let compact: Buffer | undefined;
  const formatted = (indent?: number) => compact && formatJson(compact, indent);
  return makeVariants(body, [
    {
      id: 'body-crlf',
      what: 'The line breaks of the body were changed from LF to CRLF.',
      fix: 'Save captures as bytes, because git and some editors change line breaks.',
      make: () => (text.includes('\r\n') ? Buffer.from(text.replaceAll('\r\n', '\n')) : undefined),
    },
    {
      id: 'body-lf',
      what: 'The line breaks of the body were changed from CRLF to LF.',
      fix: 'Save captures as bytes, because git and some editors change line breaks.',
      make: () => (/[^\r]\n/.test(text) ? Buffer.from(text.replace(/\r?\n/g, '\r\n')) : undefined),
    },
    {
      id: 'body-unescaped',
      what: 'The body was parsed and serialized again. It was sent without \\u escapes for characters that are not ASCII.',
      fix: RAW,
      make: () => (ESCAPE.test(text) ? Buffer.from(unescaped(text)) : undefined),
    },
    {
      id: 'body-restringified',
      what: 'The body was parsed and serialized again. It was sent without white space between its members.',
      fix: RAW,
      make: (given) => {
        if (isDeeperThan(MAX_DEPTH, given)) return undefined;
        compact = Buffer.from(JSON.stringify(JSON.parse(text)));
        return compact;
      },
    },
    {
      id: 'body-indented-2',
      what: 'The body was parsed and serialized again. It was sent indented by two spaces.',
      fix: RAW,
      make: () => formatted(2),
    },
    {
      id: 'body-indented-4',
      what: 'The body was parsed and serialized again. It was sent indented by four spaces.',
      fix: RAW,
      make: () => formatted(4),
    },
    {
      id: 'body-spaced',
      what: 'The body was parsed and serialized again. It was sent with a space after each colon and comma.',
      fix: RAW,
      make: () => formatted(),
    },
    {
      id: 'body-escaped',
      what: 'The body was parsed and serialized again. It was sent with \\u escapes for characters that are not ASCII.',
      fix: RAW,
      make: () => (/[\u0080-\uffff]/.test(text) ? Buffer.from(escaped(text)) : undefined),
    },
    {
      id: 'body-latin1-as-utf8',
      what: 'The body was read as latin1 and written as UTF-8.',
      fix: 'Read it as bytes, or as UTF-8.',
      make: () => Buffer.from(text, 'latin1'),
    },
    {
      id: 'body-utf8-as-latin1',
      what: 'The body was read as UTF-8 and written as latin1.',
      fix: 'Write it as bytes, or as UTF-8.',
      make: (given) => Buffer.from(given.toString('latin1')),
    },
    {
      id: 'body-gzip',
      what: 'The body was signed before it was compressed.',
      fix: 'Let the proxy in front of this app decompress requests, or stop compressing them.',
      make: (given) => inflated(given),
    },
  ]);
}

function inflated(body: Buffer): Buffer | undefined {
  if (body[0] === 0x1f && body[1] === 0x8b) return gunzipSync(body, INFLATE_LIMITS);
  try {
    return inflateSync(body, INFLATE_LIMITS);
  } catch {
    return brotliDecompressSync(body, INFLATE_LIMITS);
  }
}

/** Matches the escape of a character that is not ASCII. */
const ESCAPE = /\\u(?!00[0-7])[\da-f]{4}/i;

function unescaped(text: string): string {
  return text.replace(/\\(\\|u([\da-f]{4}))/gi, (whole, _, hex?: string) => {
    const code = Number.parseInt(hex ?? '0', 16);
    return code < 0x80 ? whole : String.fromCharCode(code);
  });
}

function escaped(text: string): string {
  return text.replace(/[\u0080-\uffff]+/g, unicodeEscape);
}
