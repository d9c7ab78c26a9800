import { decodeSignature } from '../signature/decode-signature.js';
import { type Variant, variantsOf } from './variants.js';

const DIGEST_BYTES = 32;

/** A longer text stands for more than 32 bytes, whatever was done to it. */
const MAX_LENGTH = 1_000;

/** What bytes a signature's text may stand for. */
export function readingsOf(text: string): Variant<Buffer>[] {
  if (text.length > MAX_LENGTH) return [];
  return variantsOf(text, [
    {
      id: 'signature-header-line',
      what: "The signature has the header's name in front of it.",
      fix: 'Pass only what follows the colon.',
      make: (given) => /^[\w-]+:\s*(\S+)\s*$/.exec(given)?.[1],
    },
    {
      id: 'signature-prefix',
      what: 'The signature has a prefix such as `sha256=`.',
      fix: 'Cakemail sends the base64 alone: pass the header on as it came.',
      make: (given) => (/^sha256=/i.test(given) ? given.slice(7) : undefined),
    },
    {
      id: 'signature-space',
      what: 'The signature has white space or quotes around it.',
      fix: 'Pass the header on as it came.',
      make: (given) => (/^[\s"']|[\s"']$/.test(given) ? stripped(given) : undefined),
    },
    {
      id: 'signature-hex',
      what: 'The signature is hex.',
      fix: 'Cakemail signs in base64. Whatever computed this one must end in digest("base64").',
      make: (given) => (/^[0-9a-f]{64}$/i.test(given) ? Buffer.from(given, 'hex').toString('base64') : undefined),
    },
    {
      id: 'signature-hex-in-base64',
      what: 'The signature is the base64 of a hex text.',
      fix: 'Cakemail signs in base64 of the bytes: digest("base64"), not the base64 of digest("hex").',
      make: (given) => {
        const inner = Buffer.from(given, 'base64').toString('latin1');
        return /^[0-9a-f]{64}$/i.test(inner) ? Buffer.from(inner, 'hex').toString('base64') : undefined;
      },
    },
    {
      id: 'signature-padding',
      what: 'The signature has lost the `=` at its end.',
      fix: 'Pass the header on as it came: something splits it at `=`, or removes the padding of base64.',
      make: (given) => (/^[A-Za-z\d+/]{43}$/.test(given) ? `${given}=` : undefined),
    },
    {
      id: 'signature-url',
      what: 'The signature is in the URL form of base64.',
      fix: 'Pass the header on as it came: Cakemail uses the plain form with padding.',
      make: (given) =>
        /^(?=.*[-_])[\w-]{43}=?$/.test(given) ? Buffer.from(given, 'base64url').toString('base64') : undefined,
    },
  ]).flatMap(({ value, mistake }) => {
    const bytes = decodeSignature(value);
    return bytes?.length === DIGEST_BYTES ? [{ value: bytes, ...(mistake && { mistake }) }] : [];
  });
}

/** Without white space and quotes around it. Not one expression: for a run in the middle, `+$` takes quadratic time. */
function stripped(text: string): string {
  let end = text.length;
  while (end > 0 && /[\s"']/.test(text.charAt(end - 1))) end--;
  return text.slice(0, end).replace(/^[\s"']+/, '');
}
