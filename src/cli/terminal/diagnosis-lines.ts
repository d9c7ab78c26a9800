import type { Diagnosis } from '../../diagnosis/diagnose.js';
import { type Piece, paint } from './io.js';
import { oneLine } from './text.js';

const SIGNATURE_BYTES = 32;
/** Characters of a line: an explanation may name the event of a body that nothing has verified. */
const LONGEST_LINE = 300;

const NOT_ALL_TRIED =
  '  The body is so large or so odd that not every known mistake was tried; `cakemail-webhooks doctor` tries them all.';

/** Explains in lines why a signature does not hold: each mistake, and below it the fix. */
export function diagnosisLines(diagnosis: Diagnosis, signature: string): Piece[] {
  switch (diagnosis.verdict) {
    case 'valid':
      return [paint('green', 'The signature holds: these bytes would be taken.')];
    case 'explained':
      return diagnosis.mistakes.flatMap(({ what, fix }) => [
        paint('yellow', oneLine(what, LONGEST_LINE)),
        `  ${oneLine(fix, LONGEST_LINE)}`,
      ]);
    case 'unexplained':
      return [
        ...shapeOf(signature),
        paint('red', 'No known mistake explains it.'),
        ...(diagnosis.isExhausted ? [NOT_ALL_TRIED] : []),
        '  Either the key is not that of this webhook (`cakemail-webhooks show <id> --reveal`), or the body was changed, or it is forged.',
      ];
  }
}

/** Says what a text is instead, when it cannot be a signature. */
function shapeOf(signature: string): Piece[] {
  const what = isBase64(signature) ? decodedShape(Buffer.from(signature, 'base64').length) : undecodedShape(signature);
  if (what === undefined) return [];
  return [
    paint('yellow', `The signature is ${what}; Cakemail's is the base64 of ${SIGNATURE_BYTES}, from HMAC-SHA256.`),
  ];
}

function isBase64(text: string): boolean {
  return text !== '' && /^([A-Za-z\d+/]{4})*([A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/.test(text);
}

function decodedShape(bytes: number): string | undefined {
  if (bytes === SIGNATURE_BYTES) return undefined;
  const known: Record<number, string> = { 20: ', as SHA-1 gives', 48: ', as SHA-384 gives', 64: ', as SHA-512 gives' };
  return `the base64 of ${bytes} bytes${known[bytes] ?? ''}`;
}

function undecodedShape(signature: string): string {
  return isBase64(`${signature}=`) ? 'without the `=` at its end' : 'not base64';
}
