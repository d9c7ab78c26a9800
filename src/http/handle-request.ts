import { type Outcome, RejectedOutcome } from '../delivery/outcome.js';
import type { Receiver } from '../pipeline.js';
import type { HeadersInput } from '../shared/headers.js';
import type { Drain } from '../shared/in-flight.js';
import { attempt, type MaybePromise } from '../shared/promises.js';
import type { CapturedBody } from './body/captured-body.js';

/** A request, however its host hands it over. */
export interface Intake {
  readonly method: string | undefined;
  readonly headers: HeadersInput;
  /** Reads the body; asked only if the request is taken. */
  readonly capture: () => MaybePromise<CapturedBody>;
}

/** From a request to its outcome. Neither throws nor rejects. */
export function takeIn({ method, headers, capture }: Intake, receiver: Receiver, drain: Drain): MaybePromise<Outcome> {
  if (method !== 'POST') return receiver.reject(new RejectedOutcome('method'));
  if (drain.closed) return receiver.reject(new RejectedOutcome('closing'));
  return attempt(
    capture,
    (body) =>
      'reason' in body ? receiver.reject(new RejectedOutcome(body.reason)) : receiver.take(body.pieces, headers),
    (cause) => receiver.reject(new RejectedOutcome('internal', { cause })),
  );
}
