import type { Capture } from '../diagnosis/diagnose.js';
import { DiagnosisQueue } from '../diagnosis/diagnosis-queue.js';
import type { HeadersInput, RejectedOutcome, WebhookRouter } from '../index.js';
import { internalsOf } from '../internals.js';
import { headerValues } from '../shared/headers.js';
import { formatDiagnosis } from './terminal/diagnosis-lines.js';
import type { Piece } from './terminal/io.js';

/** Rejections that may wait for a diagnosis. Further ones are reported without it, so that a flood cannot pile up work. */
const MAX_QUEUED = 20;

/** Calls `report` for every rejected request, with the lines that explain an invalid signature. */
export function onRejection(
  webhooks: WebhookRouter,
  keys: Capture['keys'],
  report: (outcome: RejectedOutcome, explanation: readonly Piece[]) => void,
): void {
  // The notices of `lifecycle` have neither the body nor the signature.
  const internals = internalsOf(webhooks);
  if (internals === undefined) return;
  const { hooks, signatureHeaders } = internals;
  const queue = new DiagnosisQueue();

  async function explain(
    { reason }: RejectedOutcome,
    { headers, rawBody }: { readonly headers: HeadersInput; rawBody(): Buffer },
  ): Promise<readonly Piece[]> {
    if (reason !== 'missing' && reason !== 'malformed' && reason !== 'mismatch' && reason !== 'wrong_key_for_event') {
      return [];
    }
    const name = signatureHeaders.find((each) => headerValues(headers, each).length > 0);
    if (name === undefined) {
      return [
        `The request has neither ${signatureHeaders.join(' nor ')}: the sender does not sign, or a proxy removes the header.`,
      ];
    }
    const [signature, ...others] = headerValues(headers, name);
    // Node joins the values of a repeated header with a comma, which base64 never contains.
    if (typeof signature !== 'string' || others.length > 0 || signature.includes(',')) {
      return [`The header ${name} was sent more than once, or lists several values: check whether a proxy adds one.`];
    }
    if (reason === 'missing') {
      return [`The value of ${name} is blank: the sender does not sign, or a proxy removes the value.`];
    }
    if (queue.length >= MAX_QUEUED) return [];
    return formatDiagnosis(await queue.diagnose({ body: rawBody(), signature, keys }), signature);
  }

  hooks.subscribe({
    requestEnded(request, outcome) {
      if (outcome.kind !== 'rejected') return;
      if (request === undefined) {
        report(outcome, []);
        return;
      }
      explain(outcome, request).then(
        (explanation) => report(outcome, explanation),
        () => report(outcome, []), // a failed diagnosis must not hide the rejection
      );
    },
  });
}
