import { VerifiedDelivery } from '../delivery/delivery.js';
import type { RejectedOutcome } from '../delivery/outcome.js';
import type { LeasedDelivery, Verdict } from '../delivery/stored-delivery.js';
import { occurredAt } from '../events/occurred-at.js';
import { parseEvent } from '../events/parse.js';
import { SchemaIssuesError } from '../events/schemas.js';
import { isPermanent, toError, WebhookError } from '../shared/errors.js';
import { issuePaths } from '../shared/issue-paths.js';
import type { Settled } from './completed.js';
import type { Executed, Handling } from './handling.js';

/** Runs the handlers of a stored delivery once, and returns the result. Never rejects, because `close()` waits for it. */
export async function attemptStored(leased: LeasedDelivery, handling: Handling): Promise<Verdict> {
  try {
    return await attempt(leased, handling);
  } catch (thrown) {
    return { state: 'failed', error: toError(thrown) };
  }
}

async function attempt(leased: LeasedDelivery, handling: Handling): Promise<Verdict> {
  const parsed = parseEvent(leased.rawBody);
  // Only readable bytes were stored: another program has changed them since.
  if ('reason' in parsed) {
    const message = `The stored bytes are ${parsed.reason}`;
    return { state: 'dead', reason: 'not_readable', error: { name: 'Error', message } };
  }
  const { event } = parsed;
  const { rawBody, headers, receivedAt } = leased;
  const delivery = new VerifiedDelivery(rawBody, occurredAt(event), event.event, headers, [], receivedAt);
  if (delivery.id !== leased.id) {
    return {
      state: 'dead',
      reason: 'not_readable',
      error: { name: 'Error', message: 'The stored bytes belong to another id' },
    };
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
        ? { state: 'dead', reason: 'schema_mismatch', error: refusedBySchema(outcome) }
        : { state: 'failed', error: outcome.error };
    case 'failed':
      return outcome.error.errors.every(isPermanent)
        ? { state: 'dead', reason: 'permanent_error', error: outcome.error }
        : { state: 'failed', error: outcome.error };
    default:
      if ([...settled.values()].includes('failed')) {
        const message = 'A handler failed for good in an earlier attempt; the others are done.';
        return { state: 'dead', reason: 'permanent_error', error: { name: 'PermanentError', message } };
      }
      return { state: outcome.kind === 'unhandled' ? 'unhandled' : 'handled' };
  }
}

/** The same error with the paths of the issues, and without the schema's own messages, which may quote the payload. */
function refusedBySchema({ code, status, error, cause }: RejectedOutcome): WebhookError {
  const issues = (issuePaths(cause) ?? []).map((path) => ({ path, message: 'refused by the schema' }));
  return new WebhookError(code, { status, message: error.message, cause: new SchemaIssuesError(issues) });
}
