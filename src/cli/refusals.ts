import type { Capture } from '../diagnosis/diagnose.js';
import { DiagnosisQueue } from '../diagnosis/diagnosis-queue.js';
import type { RejectedOutcome, WebhookRouter } from '../index.js';
import type { ReceivedRequest } from '../instrumentation/hooks.js';
import { internalsOf } from '../internals.js';
import { headerValues } from '../shared/headers.js';
import { diagnosisLines } from './terminal/diagnosis-lines.js';
import type { Piece } from './terminal/io.js';

/** Refusals that wait for their explanation. Further ones are reported without it, so that a flood of them ends. */
const MAX_WAITING = 20;

/** Calls `report` for every refused request, with the lines that explain an invalid signature. */
export function onRefusal(
  webhooks: WebhookRouter,
  keys: Capture['keys'],
  report: (outcome: RejectedOutcome, why: readonly Piece[]) => void,
): void {
  // The lifecycle's notices have neither the body nor the signature.
  const internals = internalsOf(webhooks);
  if (internals === undefined) return;
  const { hooks, signatureHeaders } = internals;
  const queue = new DiagnosisQueue();

  async function explain(
    { reason }: RejectedOutcome,
    { headers, rawBody }: ReceivedRequest,
  ): Promise<readonly Piece[]> {
    if (reason !== 'missing' && reason !== 'malformed' && reason !== 'mismatch' && reason !== 'wrong_key_for_event') {
      return [];
    }
    const name = signatureHeaders.find((each) => headerValues(headers, each).length > 0);
    if (name === undefined) {
      return [
        `It has neither ${signatureHeaders.join(' nor ')}: the sender does not sign, or a proxy removes the header.`,
      ];
    }
    const [signature, ...others] = headerValues(headers, name);
    // Node joins the values of a header that comes twice with a comma, which base64 does not have.
    if (typeof signature !== 'string' || others.length > 0 || signature.includes(',')) {
      return [
        `The header ${name} was sent more than once, or lists several values: find out whether a proxy adds one.`,
      ];
    }
    if (reason === 'missing') {
      return [`The value of ${name} is blank: the sender does not sign, or a proxy removes the value.`];
    }
    if (queue.length >= MAX_WAITING) return [];
    return diagnosisLines(await queue.diagnose({ body: rawBody, signature, keys }), signature);
  }

  hooks.subscribe({
    requestEnded(request, outcome) {
      if (outcome.kind !== 'rejected') return;
      if (request === undefined) {
        report(outcome, []);
        return;
      }
      explain(outcome, request).then(
        (why) => report(outcome, why),
        () => report(outcome, []), // a refusal that cannot be explained is reported all the same
      );
    },
  });
}
