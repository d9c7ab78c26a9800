import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { unicodeEscape } from '../shared/unicode-escape.js';
import { isDeeperThan, layOut } from './json-layout.js';
import { type Variant, variantsIn } from './variants.js';

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const RAW =
  'Keep the raw bytes: mount the webhook router before express.json(), or use express.json({ verify: keepRawBody }).';
/** No more is inflated: a small body may stand for a large one. */
const MOST_INFLATED = { maxOutputLength: 4 * 1024 * 1024, chunkSize: 256 * 1024 };
/** No JSON that nests deeper is written again. */
const MAX_DEPTH = 100;

/**
 * Makes the bodies that the sender may have signed, given a body as it was captured; the smaller changes first. Each step
 * takes time in proportion to the length of the body, and yields undefined when it leads to no new body.
 *
 * @param mostRewritten The longest body, in bytes, that is parsed and rewritten; a longer one is changed only at its ends.
 */
export function* bodiesLike(body: Buffer, mostRewritten: number): Generator<Variant<Buffer> | undefined> {
  yield { value: body };
  yield* changedAtItsEnds(body);
  if (body.length > mostRewritten) return;
  for (const variant of rewritten(body)) yield variant?.value.equals(body) ? undefined : variant;
}

function changedAtItsEnds(body: Buffer): Generator<Variant<Buffer> | undefined> {
  const end = body.subarray(-2).toString('latin1');
  return variantsIn(body, [
    {
      id: 'body-bom-added',
      what: 'The body has a byte order mark that was not sent.',
      fix: 'Save captures without one, as bytes.',
      make: (given) => (given.subarray(0, 3).equals(BOM) ? given.subarray(3) : undefined),
    },
    {
      id: 'body-bom-removed',
      what: 'The body was sent with a byte order mark that is gone.',
      fix: RAW,
      make: (given) => (given.subarray(0, 3).equals(BOM) ? undefined : Buffer.concat([BOM, given])),
    },
    {
      id: 'body-newline-added',
      what: 'The body has a line break at its end that was not sent.',
      fix: 'Save captures without it: `printf %s`, not `echo`; many editors add one, too.',
      make: (given) => (end.endsWith('\n') ? given.subarray(0, end === '\r\n' ? -2 : -1) : undefined),
    },
    {
      id: 'body-newline-removed',
      what: 'The body was sent with a line break at its end that is gone.',
      fix: RAW,
      make: (given) => (end.endsWith('\n') ? undefined : Buffer.concat([given, Buffer.from('\n')])),
    },
    {
      id: 'body-empty',
      what: 'The sender signed an empty body.',
      fix: 'Look for what takes the body away, or signs before it is there.',
      make: (given) => (given.length > 0 ? Buffer.alloc(0) : undefined),
    },
  ]);
}

function rewritten(body: Buffer): Generator<Variant<Buffer> | undefined> {
  const text = body.toString();
  let compact: Buffer | undefined;
  const laidOut = (indent?: number) => compact && layOut(compact, indent);
  return variantsIn(body, [
    {
      id: 'body-crlf',
      what: 'The line breaks of the body were changed from LF to CRLF.',
      fix: 'Save captures as bytes: git and some editors change line breaks.',
      make: () => (text.includes('\r\n') ? Buffer.from(text.replaceAll('\r\n', '\n')) : undefined),
    },
    {
      id: 'body-lf',
      what: 'The line breaks of the body were changed from CRLF to LF.',
      fix: 'Save captures as bytes: git and some editors change line breaks.',
      make: () => (/[^\r]\n/.test(text) ? Buffer.from(text.replace(/\r?\n/g, '\r\n')) : undefined),
    },
    {
      id: 'body-unescaped',
      what: 'The body was parsed and written again: it was sent without \\u escapes for what is not ASCII.',
      fix: RAW,
      make: () => (ESCAPE.test(text) ? Buffer.from(unescaped(text)) : undefined),
    },
    {
      id: 'body-restringified',
      what: 'The body was parsed and written again: it was sent without white space between its members.',
      fix: RAW,
      make: (given) => {
        if (isDeeperThan(MAX_DEPTH, given)) return undefined;
        compact = Buffer.from(JSON.stringify(JSON.parse(text)));
        return compact;
      },
    },
    {
      id: 'body-indented-2',
      what: 'The body was parsed and written again: it was sent indented by two spaces.',
      fix: RAW,
      make: () => laidOut(2),
    },
    {
      id: 'body-indented-4',
      what: 'The body was parsed and written again: it was sent indented by four spaces.',
      fix: RAW,
      make: () => laidOut(4),
    },
    {
      id: 'body-spaced',
      what: 'The body was parsed and written again: it was sent with a space after each colon and comma.',
      fix: RAW,
      make: () => laidOut(),
    },
    {
      id: 'body-escaped',
      what: 'The body was parsed and written again: it was sent with \\u escapes for what is not ASCII.',
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
      what: 'The body is compressed, and it was signed before that.',
      fix: 'Let the proxy in front of this app decompress requests, or not compress them.',
      make: (given) => inflated(given),
    },
  ]);
}

function inflated(body: Buffer): Buffer | undefined {
  if (body[0] === 0x1f && body[1] === 0x8b) return gunzipSync(body, MOST_INFLATED);
  try {
    return inflateSync(body, MOST_INFLATED);
  } catch {
    return brotliDecompressSync(body, MOST_INFLATED);
  }
}

/** An escape of what is not ASCII. */
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
