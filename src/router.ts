import type { IncomingMessage, ServerResponse } from 'node:http';
import { Deduplicator } from './dedupe/deduplicator.js';
import type { IncomingDelivery } from './delivery/delivery.js';
import type { Outcome } from './delivery/outcome.js';
import type { InboxWorker } from './delivery/stored-delivery.js';
import type { SchemaMap } from './events/event-types.js';
import { Validator } from './events/validator.js';
import { Dispatcher } from './handlers/dispatcher.js';
import { registrations } from './handlers/registrations.js';
import { startWorker } from './handlers/worker.js';
import { FetchAdapter } from './http/fetch-adapter.js';
import { inFrontOf } from './http/in-front.js';
import { type Next, NodeAdapter } from './http/node-adapter.js';
import { Hooks } from './instrumentation/hooks.js';
import { watchInbox } from './instrumentation/inbox-watch.js';
import { createLifecycle, emitNotice, type LifecycleNotices } from './instrumentation/lifecycle.js';
import { writeNotice } from './instrumentation/log-lines.js';
import { warnIfUnreported } from './instrumentation/unreported.js';
import { setInternals } from './internals.js';
import { DEFAULT_CONCURRENCY, resolveOptions, type Settings, type WebhookRouterOptions } from './options.js';
import { Pipeline } from './pipeline.js';
import { WebhookError } from './shared/errors.js';
import { InFlight } from './shared/in-flight.js';
import { invalid, positiveInteger } from './shared/option-checks.js';
import { endsWithin } from './shared/promises.js';
import { Verifier } from './signature/verifier.js';
import type { InFrontOptions, NodeListener, VerifiedInput, WebhookRouter } from './types.js';

const CLOSE_TIMEOUT_MS = 10_000;
const ABORTED_MS = 1_000;
/** Longer, because an inbox may have to wait until its server counts as unreachable. */
const CLOSE_INBOX_MS = 20_000;
const ALREADY_WORKING = 'work(): this router already works; create it with `worker: false`.';

/**
 * Creates the receiver. Mount it under a path, before or after the app's body parsers:
 *
 * ```ts
 * const webhooks = createWebhookRouter({ secret: process.env.CAKEMAIL_WEBHOOK_SECRET });
 * webhooks.on('User.LoggedIn', (event, delivery) => audit(event.data.email, delivery.occurredAt));
 * app.use('/webhooks/cakemail', webhooks);
 * ```
 *
 * @throws {ConfigurationError} for a missing, empty or blank secret and for any option that is not valid.
 */
export function createWebhookRouter<const S extends SchemaMap = Record<never, never>>(
  options: WebhookRouterOptions<S>,
): WebhookRouter<S> {
  const settings = resolveOptions(options);
  const { log, inbox, timeouts } = settings;
  const logAs = (message: string) => (err: Error) => log.write('error', { err }, message);
  const lifecycle = createLifecycle(logAs('a lifecycle listener failed'));
  const hooks = new Hooks(logAs('an inspector failed'));
  const dispatcher = new Dispatcher(timeouts.handler, hooks, logAs('an onError handler failed'));
  const inFlight = new InFlight();
  const validator = new Validator(settings.schemas, {
    timeoutMs: timeouts.handler,
    onMismatch: settings.rejectMismatch ? 'reject' : 'deliver',
  });
  const pipeline = new Pipeline({
    maxBytes: settings.body.limit,
    maxAgeMs: settings.maxAgeMs,
    signatureHeaders: settings.headerNames,
    verifier: new Verifier(settings.keys, settings.headerNames),
    inbox,
    validator,
    deduplicator: createDeduplicator(settings, hooks),
    dispatcher,
    hooks,
  });
  const node = new NodeAdapter({ pipeline, inFlight, limits: settings.body, errors: settings.errors, log });
  const fetch = new FetchAdapter(pipeline, inFlight, settings.body);

  hooks.subscribe({
    notified(name, notice) {
      if (settings.hasLogger) writeNotice(log, name, notice);
      else warnIfUnreported(log, name, notice, isReported);
    },
  });
  hooks.subscribe({ notified: (name, notice) => emitNotice(lifecycle, name, notice) });
  const watch = inbox === undefined ? undefined : watchInbox(hooks, log, settings.hasLogger);
  for (const warning of inbox?.warnings ?? []) log.warnDeveloper('WARN_INBOX_DURABILITY', warning);

  let worker: InboxWorker | undefined;
  let closing: Promise<void> | undefined;
  // It starts one turn later, so that the application can register its handlers first.
  if (settings.concurrency !== undefined) setImmediate(() => inFlight.isClosed || work(settings.concurrency));

  /** Returns true when the application learns of the notice without a log. */
  function isReported(name: keyof LifecycleNotices): boolean {
    // A stored delivery gets its response before its handlers run, so their failures never reach the app's error middleware.
    const goesToNext = settings.errors === 'next' && inbox === undefined;
    if (name === 'failed' && (dispatcher.hasErrorHandlers || goesToNext)) return true;
    return name !== 'rejected' && lifecycle.listenerCount(name) > 0;
  }

  function webhookRouter(req: IncomingMessage, res: ServerResponse, next?: Next): void {
    void node.serve(req, res, next);
  }

  function work(concurrency = DEFAULT_CONCURRENCY): void {
    if (inbox === undefined || watch === undefined) throw invalid('work() needs the option `inbox`.');
    if (inFlight.isClosed) throw invalid('work(): this router is closed.');
    if (worker !== undefined) throw invalid(ALREADY_WORKING);
    worker = startWorker(inbox, concurrency, { validator, dispatcher, hooks, inFlight, outage: watch.worker });
  }

  async function close({ timeoutMs = CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    // An invalid timeout falls back to the default, because a shutdown must not throw.
    const limitMs = timeoutMs >= 0 ? timeoutMs : CLOSE_TIMEOUT_MS;
    const deadline = performance.now() + limitMs;
    const remaining = (): number => Math.max(0, deadline - performance.now());
    const stopped = worker?.stop();
    stopped?.catch(() => {}); // it is awaited below
    // Only the worker knows the deliveries that have left the inbox but not yet reached their handlers.
    const isIdle = (await inFlight.close(limitMs)) && (await endsWithin(remaining(), stopped));
    if (!isIdle && !(await inFlight.close(remaining()))) {
      const message = `The receiver closed while a handler was still running, after waiting ${limitMs} ms.`;
      dispatcher.abortAll(new WebhookError('ERR_CLOSING', { message }));
      await inFlight.close(ABORTED_MS); // the aborted deliveries get their responses before the process exits
    }
    const logNotClosed = logAs('the inbox could not be closed, so deliveries that ran may run again');
    await endsWithin(ABORTED_MS, stopped, logNotClosed);
    await endsWithin(CLOSE_INBOX_MS, inbox?.close(), logNotClosed);
    watch?.close();
  }

  function receive(incoming: Partial<IncomingDelivery>, isTrusted: boolean): Promise<Outcome> {
    return inFlight.track(() =>
      inFlight.isClosed ? pipeline.reject('closing') : pipeline.receive(incoming, isTrusted),
    );
  }

  setInternals(webhookRouter, {
    hooks,
    inbox,
    signatureHeaders: settings.headerNames,
    loadKeys: async () => settings.keys.current ?? settings.keys.load(),
    rerun: (request) =>
      inFlight.track(() => (inFlight.isClosed ? pipeline.reject('closing') : pipeline.rerun(request))),
  });

  const members = {
    ...registrations(dispatcher, log),
    lifecycle,
    inFrontOf: (app: NodeListener, options: InFrontOptions) => {
      if (settings.errors === 'next') {
        log.warnDeveloper('WARN_ERRORS_NEXT', "inFrontOf(): no middleware follows, so `errors: 'next'` has no effect.");
      }
      return inFrontOf(app, options, webhookRouter);
    },
    fetch: (request: Request) => fetch.serve(request),
    receive: (incoming: IncomingDelivery) => receive(incoming, false),
    handleVerified: (incoming: VerifiedInput) => receive(incoming, true),
    work: ({ concurrency }: { readonly concurrency?: number } = {}) => {
      if (settings.concurrency !== undefined) throw invalid(ALREADY_WORKING);
      work(positiveInteger('concurrency', concurrency, DEFAULT_CONCURRENCY));
    },
    close: (options?: { readonly timeoutMs?: number }) => {
      closing ??= close(options);
      return closing;
    },
  };
  // The members accept any event; the interface narrows them by name, which only the compiler can know.
  return Object.assign(webhookRouter, members) as unknown as WebhookRouter<S>;
}

function createDeduplicator({ dedupe, timeouts, log }: Settings, hooks: Hooks): Deduplicator | undefined {
  if (dedupe === undefined) return undefined;
  return new Deduplicator(dedupe, {
    timeoutMs: timeouts.dependency,
    onDuplicate: (event, delivery, joined) => hooks.notify('duplicate', { event, delivery, joined }),
    onUnrecorded: (err, delivery) =>
      log.write('error', { err, delivery }, 'the dedupe store failed after the handlers ran, so they may run again'),
  });
}
