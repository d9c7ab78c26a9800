import { decodeSignature } from '../signature/decode-signature.js';
import { type Variant, variantsOf } from './variants.js';

const DIGEST_BYTES = 32;

/** No known mistake makes a signature longer than this. */
const MAX_LENGTH = 1_000;

/** Returns the signatures that the text of a header may mean. */
export function signatureVariants(text: string): Variant<Buffer>[] {
  if (text.length > MAX_LENGTH) return [];
  return variantsOf(text, [
    {
      id: 'signature-header-line',
      what: "The signature has the header's name in front of it.",
      fix: 'Pass only the text after the colon.',
      make: (given) => /^[\w-]+:\s*(\S+)\s*$/.exec(given)?.[1],
    },
    {
      id: 'signature-prefix',
      what: 'The signature has a prefix such as `sha256=`.',
      fix: 'Cakemail sends only the base64. Pass the header on unchanged.',
      make: (given) => (/^sha256=/i.test(given) ? given.slice(7) : undefined),
    },
    {
      id: 'signature-space',
      what: 'The signature has white space or quotes around it.',
      fix: 'Pass the header on unchanged.',
      make: (given) => (/^[\s"']|[\s"']$/.test(given) ? stripped(given) : undefined),
    },
    {
      id: 'signature-hex',
      what: 'The signature is hex.',
      fix: 'Cakemail signs in base64, so the code that signs must end in digest("base64").',
      make: (given) => (/^[0-9a-f]{64}$/i.test(given) ? Buffer.from(given, 'hex').toString('base64') : undefined),
    },
    {
      id: 'signature-hex-in-base64',
      what: 'The signature is the base64 of hex text.',
      fix: 'Cakemail sends the base64 of the bytes: digest("base64"), not the base64 of digest("hex").',
      make: (given) => {
        const inner = Buffer.from(given, 'base64').toString('latin1');
        return /^[0-9a-f]{64}$/i.test(inner) ? Buffer.from(inner, 'hex').toString('base64') : undefined;
      },
    },
    {
      id: 'signature-padding',
      what: 'The signature has lost the `=` at its end.',
      fix: 'Pass the header on unchanged. Something splits it at `=`, or removes the padding of base64.',
      make: (given) => (/^[A-Za-z\d+/]{43}$/.test(given) ? `${given}=` : undefined),
    },
    {
      id: 'signature-url',
      what: 'The signature is in base64url.',
      fix: 'Pass the header on unchanged. Cakemail uses plain base64 with padding.',
      make: (given) =>
        /^(?=.*[-_])[\w-]{43}=?$/.test(given) ? Buffer.from(given, 'base64url').toString('base64') : undefined,
    },
  ]).flatMap(({ value, mistake }) => {
    const bytes = decodeSignature(value);
    return bytes?.length === DIGEST_BYTES ? [{ value: bytes, ...(mistake && { mistake }) }] : [];
  });
}

/** Removes white space and quotes around a text. A loop, because the regular expression `+$` would take quadratic time. */
function stripped(text: string): string {
  let end = text.length;
  while (end > 0 && /[\s"']/.test(text.charAt(end - 1))) end--;
  return text.slice(0, end).replace(/^[\s"']+/, '');
}
