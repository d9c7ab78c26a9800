import { storable } from '../delivery/storable-text.js';
import type { DeadReason, Verdict } from '../delivery/stored-delivery.js';
import { describe } from '../shared/errors.js';
import type { InboxSettings } from './contract.js';
import { delayAfter } from './retries.js';

/** What becomes of a delivery after an attempt. */
export type Ending =
  | { readonly state: 'done'; readonly at: number }
  /** Tried again at this time (Unix milliseconds). */
  | { readonly state: 'waiting'; readonly at: number; readonly error: string }
  | { readonly state: 'dead'; readonly at: number; readonly error: string; readonly reason: DeadReason };

export function endingOf(verdict: Verdict, attempt: number, { retries }: InboxSettings): Ending {
  const at = Date.now();
  if (!('error' in verdict)) return { state: 'done', at };
  const error = storable(describe(verdict.error));
  if (verdict.state === 'dead') return { state: 'dead', at, error, reason: verdict.reason };
  if (attempt >= retries.attempts) return { state: 'dead', at, error, reason: 'attempts_exhausted' };
  return { state: 'waiting', at: at + delayAfter(attempt, retries), error };
}

/** Of a delivery whose attempts are used up when it is taken on: its process was gone before the last one ended. */
export const CRASHED: Verdict = {
  state: 'dead',
  reason: 'attempts_exhausted',
  error: { name: 'Error', message: 'The process ended during the last attempt.' },
};
