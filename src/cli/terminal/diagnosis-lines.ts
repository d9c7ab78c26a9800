import type { Diagnosis } from '../../diagnosis/diagnose.js';
import { type Piece, paint } from './io.js';
import { toShortLine } from './text.js';

const SIGNATURE_BYTES = 32;
/** A line may quote the event name of an unverified body, so its length is limited. */
const MAX_LINE_LENGTH = 300;

const INCOMPLETE =
  '  Because of the size or form of the body, not every known mistake was tried; `cakemail-webhooks doctor` tries them all.';

/** Explains in lines why a signature is not valid. Each mistake is followed by its fix. */
export function formatDiagnosis(diagnosis: Diagnosis, signature: string): Piece[] {
  switch (diagnosis.verdict) {
    case 'valid':
      return [paint('green', 'The signature is valid: the receiver would accept these bytes.')];
    case 'explained':
      return diagnosis.mistakes.flatMap(({ what, fix }) => [
        paint('yellow', toShortLine(what, MAX_LINE_LENGTH)),
        `  ${toShortLine(fix, MAX_LINE_LENGTH)}`,
      ]);
    case 'unexplained':
      return [
        ...describeSignature(signature),
        paint('red', 'No known mistake explains it.'),
        ...(diagnosis.isExhausted ? [INCOMPLETE] : []),
        '  The key is not the key of this webhook (`cakemail-webhooks show <id> --reveal`), the body was changed, or the delivery is forged.',
      ];
  }
}

/** Describes a text that cannot be a signature. */
function describeSignature(signature: string): Piece[] {
  const what = isBase64(signature) ? describeBytes(Buffer.from(signature, 'base64').length) : describeText(signature);
  if (what === undefined) return [];
  return [
    paint('yellow', `The signature is ${what}; Cakemail's is the base64 of ${SIGNATURE_BYTES}, from HMAC-SHA256.`),
  ];
}

function isBase64(text: string): boolean {
  return text !== '' && /^([A-Za-z\d+/]{4})*([A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/.test(text);
}

function describeBytes(bytes: number): string | undefined {
  if (bytes === SIGNATURE_BYTES) return undefined;
  const known: Record<number, string> = { 20: ', as SHA-1 gives', 48: ', as SHA-384 gives', 64: ', as SHA-512 gives' };
  return `the base64 of ${bytes} bytes${known[bytes] ?? ''}`;
}

function describeText(signature: string): string {
  return isBase64(`${signature}=`) ? 'without the `=` at its end' : 'not base64';
}
