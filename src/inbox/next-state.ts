import { toStorableText } from '../delivery/storable-text.js';
import type {
  Attempt,
  AttemptResult,
  DeadReason,
  LeasedDelivery,
  StoredDelivery,
  WorkerOptions,
} from '../delivery/stored-delivery.js';
import { describeError } from '../shared/describe-error.js';
import type { InboxSettings } from './contract.js';
import { retryDelay } from './retries.js';

/** The state that a delivery moves to after an attempt. `at` is in Unix milliseconds. */
export type Transition =
  | { readonly state: 'done'; readonly at: number }
  /** The next attempt is due at `at`. */
  | { readonly state: 'waiting'; readonly at: number; readonly error: string }
  | { readonly state: 'dead'; readonly at: number; readonly error: string; readonly reason: DeadReason };

/** An attempt that has ended, and the state to which it moves the delivery. */
export interface EndedAttempt {
  readonly result: AttemptResult;
  readonly transition: Transition;
}

/** The result of a delivery whose last attempt did not end, because its process crashed. */
const CRASHED: AttemptResult = {
  state: 'dead',
  reason: 'attempts_exhausted',
  error: { name: 'Error', message: 'The process ended during the last attempt.' },
};

/** Makes an attempt, unless crashed processes have used up all attempts, and decides what follows. Never rejects. */
export async function runAttempt(
  leased: LeasedDelivery,
  attempt: Attempt,
  settings: InboxSettings,
): Promise<EndedAttempt> {
  const result = leased.attempt > settings.retries.attempts ? CRASHED : await attempt(leased);
  return { result, transition: nextState(result, leased.attempt, settings) };
}

function nextState(result: AttemptResult, attempt: number, { retries }: InboxSettings): Transition {
  const at = Date.now();
  if (!('error' in result)) return { state: 'done', at };
  const error = toStorableText(describeError(result.error));
  if (result.state === 'dead') return { state: 'dead', at, error, reason: result.reason };
  if (attempt >= retries.attempts) return { state: 'dead', at, error, reason: 'attempts_exhausted' };
  return { state: 'waiting', at: at + retryDelay(attempt, retries), error };
}

/** Calls `onDeadLetter` if the attempt made the delivery a dead letter. Call this once the transition is stored. */
export function reportDeadLetter(
  delivery: StoredDelivery,
  { result, transition }: EndedAttempt,
  { onDeadLetter }: WorkerOptions,
): void {
  if (transition.state === 'dead' && 'error' in result) onDeadLetter(delivery, transition.reason, result.error);
}
