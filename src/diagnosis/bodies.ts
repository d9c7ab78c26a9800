import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { type Variant, variantsOf } from './variants.js';

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const RAW =
  'Keep the raw bytes: mount the webhook router before express.json(), or use express.json({ verify: keepRawBody }).';
/** No more is inflated: a small body may stand for a large one. */
const MOST_INFLATED = { maxOutputLength: 4 * 1024 * 1024 };
/** Indented, what is nested deeper would be long: each line begins with as many spaces. */
const DEEPEST_INDENTED = 100;

function indented(text: string, indent: number): Buffer | undefined {
  const value: unknown = JSON.parse(text);
  return isDeeper(value, DEEPEST_INDENTED) ? undefined : Buffer.from(JSON.stringify(value, null, indent));
}

/** Of a body as it was captured: what the sender may have signed; the smaller changes first. */
export function bodiesLike(body: Buffer): Variant<Buffer>[] {
  const text = body.toString();
  return variantsOf(body, [
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
      make: (given) => (text.endsWith('\n') ? given.subarray(0, text.endsWith('\r\n') ? -2 : -1) : undefined),
    },
    {
      id: 'body-newline-removed',
      what: 'The body was sent with a line break at its end that is gone.',
      fix: RAW,
      make: (given) => (text.endsWith('\n') ? undefined : Buffer.concat([given, Buffer.from('\n')])),
    },
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
      make: () => Buffer.from(JSON.stringify(JSON.parse(text))),
    },
    {
      id: 'body-indented-2',
      what: 'The body was parsed and written again: it was sent indented by two spaces.',
      fix: RAW,
      make: () => indented(text, 2),
    },
    {
      id: 'body-indented-4',
      what: 'The body was parsed and written again: it was sent indented by four spaces.',
      fix: RAW,
      make: () => indented(text, 4),
    },
    {
      id: 'body-spaced',
      what: 'The body was parsed and written again: it was sent with a space after each colon and comma.',
      fix: RAW,
      make: () => Buffer.from(spaced(JSON.parse(text))),
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
      fix: 'Set `inflate: true`, or have the proxy in front not compress requests.',
      make: (given) => inflated(given),
    },
    {
      id: 'body-empty',
      what: 'The sender signed an empty body.',
      fix: 'Look for what takes the body away, or signs before it is there.',
      make: (given) => (given.length > 0 ? Buffer.alloc(0) : undefined),
    },
  ]).filter(({ value, mistake }) => mistake === undefined || !value.equals(body));
}

function inflated(body: Buffer): Buffer | undefined {
  if (body[0] === 0x1f && body[1] === 0x8b) return gunzipSync(body, MOST_INFLATED);
  try {
    return inflateSync(body, MOST_INFLATED);
  } catch {
    return brotliDecompressSync(body, MOST_INFLATED);
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

/** As Python's json.dumps writes by default. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}: ${spaced(member)}`)
    .join(', ')}}`;
}

/** An escape of what is not ASCII. */
const ESCAPE = /\\u(00[89a-f]|0[1-9a-f]|[1-9a-f]\w)\w+/i;

function unescaped(text: string): string {
  return text.replace(/\\(\\|u([\da-f]{4}))/gi, (whole, _, hex?: string) => {
    const code = Number.parseInt(hex ?? '0', 16);
    return code < 0x80 ? whole : String.fromCharCode(code);
  });
}

function escaped(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
