import { VerifiedDelivery } from '../delivery/delivery.js';
import { RejectedOutcome } from '../delivery/outcome.js';
import type {
  AttemptResult,
  CompletedHandlers,
  DeadReason,
  InboxWorker,
  LeasedDelivery,
  RouterInbox,
} from '../delivery/stored-delivery.js';
import { parseEvent } from '../events/parse.js';
import { SchemaIssuesError } from '../events/schemas.js';
import type { Validator } from '../events/validator.js';
import type { Hooks } from '../instrumentation/hooks.js';
import type { Outage } from '../instrumentation/outage.js';
import { toError } from '../shared/error-text.js';
import { isPermanent, WebhookError } from '../shared/errors.js';
import type { InFlight } from '../shared/in-flight.js';
import { issuePaths } from '../shared/issue-paths.js';
import type { Dispatcher, DispatchOutcome } from './dispatcher.js';

export interface WorkerParts {
  readonly validator: Validator;
  readonly dispatcher: Dispatcher;
  readonly hooks: Hooks;
  readonly inFlight: InFlight;
  readonly outage: Outage;
}

/** Starts a worker that runs the handlers of the deliveries in an inbox, `concurrency` of them at the same time. */
export function startWorker(inbox: RouterInbox, concurrency: number, parts: WorkerParts): InboxWorker {
  const { hooks, inFlight, outage } = parts;
  return inbox.work(
    (leased) => {
      outage.succeeded();
      return inFlight.track(() => attempt(leased, parts));
    },
    {
      concurrency,
      onDeadLetter: ({ id, event: eventName }, reason, error) => hooks.notify('dead', { id, eventName, reason, error }),
      onStoreError: (error) => outage.failed(error),
    },
  );
}

/** Runs the handlers of a stored delivery once. Never rejects, because `close()` waits for it. */
async function attempt(leased: LeasedDelivery, { validator, dispatcher }: WorkerParts): Promise<AttemptResult> {
  try {
    const parsed = parseEvent(leased.rawBody);
    if ('reason' in parsed) return notReadable(`The stored bytes are ${parsed.reason}`);
    const { event } = parsed;
    const { rawBody, headers, receivedAt } = leased;
    const delivery = new VerifiedDelivery(rawBody, event, headers, [], receivedAt);
    if (delivery.id !== leased.id) return notReadable('The stored bytes belong to another id');
    delivery.attempt = leased.attempt;
    const valid = await validator.validate(event);
    const outcome =
      'reason' in valid
        ? new RejectedOutcome(valid.reason, { eventName: event.event, cause: valid.cause })
        : await dispatcher.dispatch(valid, delivery, leased.completed);
    return toAttemptResult(outcome, leased.completed);
  } catch (thrown) {
    return { state: 'failed', error: toError(thrown) };
  }
}

function toAttemptResult(outcome: DispatchOutcome, completed: CompletedHandlers): AttemptResult {
  switch (outcome.kind) {
    case 'rejected':
      return outcome.reason === 'schema_mismatch'
        ? dead('schema_mismatch', withoutSchemaMessages(outcome))
        : { state: 'failed', error: outcome.error };
    case 'failed':
      return outcome.error.errors.every(isPermanent)
        ? dead('permanent_error', outcome.error)
        : { state: 'failed', error: outcome.error };
    default: {
      if (![...completed.values()].includes('failed'))
        return { state: outcome.kind === 'unhandled' ? 'unhandled' : 'handled' };
      const message = 'A handler failed permanently in an earlier attempt, and all others succeeded.';
      return dead('permanent_error', { name: 'PermanentError', message });
    }
  }
}

/** An inbox stores only readable bytes, so another program must have changed them. */
function notReadable(message: string): AttemptResult {
  return dead('not_readable', { name: 'Error', message });
}

function dead(reason: DeadReason, error: (AttemptResult & { state: 'dead' })['error']): AttemptResult {
  return { state: 'dead', reason, error };
}

/** Removes the schema's own messages from the error of a rejection, because they may quote the payload. */
function withoutSchemaMessages({ code, status, error, cause }: RejectedOutcome): WebhookError {
  const issues = (issuePaths(cause) ?? []).map((path) => ({ path, message: 'refused by the schema' }));
  return new WebhookError(code, { status, message: error.message, cause: new SchemaIssuesError(issues) });
}
