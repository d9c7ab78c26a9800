import { VerifiedDelivery } from '../delivery.js';
import type { Settled } from '../dispatch/settled.js';
import { isPermanent } from '../errors.js';
import { isCatalogueName } from '../events/catalogue.js';
import { occurredAt } from '../events/occurred-at.js';
import { parseEvent } from '../events/parse.js';
import { SchemaMismatch } from '../events/schemas.js';
import type { Executed, Handling } from '../handling.js';
import { cut } from '../log/logger.js';
import type { LeasedDelivery, Verdict } from './store.js';

const MOST_PATHS = 20;

/** Runs the handlers of a stored delivery once, and says what that came to. */
export async function attemptStored(leased: LeasedDelivery, handling: Handling): Promise<Verdict> {
  const parsed = parseEvent(leased.rawBody);
  // Only readable bytes were stored: another program has changed them since.
  if ('reason' in parsed) {
    return { state: 'dead', reason: 'not_readable', error: new Error(`The stored bytes are ${parsed.reason}`) };
  }
  const { event } = parsed;
  const { rawBody, headers, receivedAt } = leased;
  const known = isCatalogueName(event.event);
  const delivery = new VerifiedDelivery(rawBody, occurredAt(event), known, headers, [], receivedAt);
  if (delivery.id !== leased.id) {
    return { state: 'dead', reason: 'not_readable', error: new Error('The stored bytes belong to another id') };
  }
  delivery.attempt = leased.attempt;
  const checked = await handling.check(event);
  const outcome = 'drift' in checked ? await handling.execute(checked, delivery, leased.settled) : checked;
  return verdictOf(outcome, leased.settled);
}

function verdictOf(outcome: Executed, settled: Settled): Verdict {
  switch (outcome.kind) {
    case 'rejected':
      return outcome.reason === 'schema_mismatch'
        ? { state: 'dead', reason: 'schema_mismatch', error: refusedBySchema(outcome.cause) }
        : { state: 'failed', error: outcome.error };
    case 'failed':
      return outcome.error.errors.every(isPermanent)
        ? { state: 'dead', reason: 'permanent_error', error: outcome.error }
        : { state: 'failed', error: outcome.error };
    default:
      if ([...settled.values()].includes('failed')) {
        const error = new Error('A handler failed for good in an earlier attempt; the others are done.');
        return { state: 'dead', reason: 'permanent_error', error };
      }
      return { state: outcome.kind === 'unhandled' ? 'unhandled' : 'handled' };
  }
}

/** Where the schema refuses the event. Its messages stay out of the store and the log: they may quote the payload. */
function refusedBySchema(cause: unknown): Error {
  const paths = cause instanceof SchemaMismatch ? cause.issues.map(({ path }) => cut(path)) : [];
  return new Error(`The schema of the event refuses: ${paths.slice(0, MOST_PATHS).join(', ')}`);
}
