import { type Capture, diagnose } from '../diagnosis/diagnose.js';
import { type HeadersInput, headerValues } from '../headers.js';
import { INSIDE, type RouterInside } from '../observe.js';
import type { RejectedOutcome } from '../outcome.js';
import type { WebhookRouter } from '../webhook-router.js';
import { diagnosisLines } from './diagnosis-lines.js';
import type { Piece } from './io.js';

/** Bytes that one diagnosis may hash, so that a flood of forgeries does not stop the command. */
const MOST_HASHED = 32 * 1024 * 1024;

/** Calls `report` for every refused request, with the lines that explain a signature that does not hold. */
export function onRefusal(
  webhooks: WebhookRouter,
  keys: Capture['keys'],
  report: (outcome: RejectedOutcome, why: readonly Piece[]) => void,
): void {
  // The lifecycle's notices have neither the body nor the signature.
  const { observe, headerNames } = (webhooks as unknown as { readonly [INSIDE]: RouterInside })[INSIDE];

  function reasonsFor({ reason }: RejectedOutcome, rawBody: () => Buffer, headers: HeadersInput): readonly Piece[] {
    if (reason !== 'missing' && reason !== 'malformed' && reason !== 'mismatch' && reason !== 'wrong_key_for_event') {
      return [];
    }
    const [signature] = headerNames.flatMap((name) => headerValues(headers, name));
    if (typeof signature !== 'string') {
      return [`It has neither ${headerNames.join(' nor ')}: the sender does not sign, or a proxy removes the header.`];
    }
    return diagnosisLines(diagnose({ body: rawBody(), signature, keys }, { mostBytes: MOST_HASHED }), signature);
  }

  observe({
    arrived: (rawBody, headers) => ({
      verified: () => {},
      answered: (outcome) => {
        if (outcome.kind === 'rejected') report(outcome, reasonsFor(outcome, rawBody, headers));
      },
    }),
    turnedAway: (outcome) => report(outcome, []),
    watch: ({ handler }) => handler,
  });
}
