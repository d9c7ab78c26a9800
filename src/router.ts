import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Outcome, RejectedOutcome } from './delivery/outcome.js';
import type { DurableWorker } from './delivery/stored-delivery.js';
import type { SchemaMap } from './events/event-types.js';
import { Dispatcher } from './handlers/dispatcher.js';
import { Handling } from './handlers/handling.js';
import { registrations } from './handlers/registrations.js';
import { startWorker } from './handlers/worker.js';
import { FetchFace } from './http/fetch.js';
import { type InFrontOptions, inFrontOf, type NodeListener } from './http/in-front.js';
import { type Next, NodeFace } from './http/node.js';
import { INSIDE, Observers, type RouterInside } from './instrumentation/hooks.js';
import { watchInbox } from './instrumentation/inbox-watch.js';
import { createLifecycle, type LifecycleEmitter, type LifecycleNotices, tapInto } from './instrumentation/lifecycle.js';
import { writeNotice } from './instrumentation/log-lines.js';
import { warnIfUnreported } from './instrumentation/unreported.js';
import { DEFAULT_CONCURRENCY, resolveOptions, type WebhookRouterOptions } from './options.js';
import { type IncomingDelivery, Receiver } from './pipeline.js';
import { toError, WebhookError } from './shared/errors.js';
import { Drain } from './shared/in-flight.js';
import { invalid, wholeNumber } from './shared/option-checks.js';
import { type MaybePromise, within } from './shared/promises.js';
import type { WebhookRouter } from './types.js';

const CLOSE_TIMEOUT_MS = 10_000;
const ANSWER_MS = 1_000;
/** For an inbox, which may have to give up on its server first. */
const CLOSE_INBOX_MS = 20_000;
const WORKS_ALREADY = 'work(): this router works already; create it with `worker: false`.';

/**
 * Creates the receiver. Mount it under a path, before or after the app's body parsers:
 *
 * ```ts
 * const webhooks = createWebhookRouter({ secret: process.env.CAKEMAIL_WEBHOOK_SECRET });
 * webhooks.on('User.LoggedIn', (event, delivery) => audit(event.data.email, delivery.occurredAt));
 * app.use('/webhooks/cakemail', webhooks);
 * ```
 *
 * @throws {ConfigurationError} for a missing, empty or blank secret and for any option that cannot be right.
 */
export function createWebhookRouter<const S extends SchemaMap = Record<never, never>>(
  options: WebhookRouterOptions<S>,
): WebhookRouter<S> {
  const settings = resolveOptions(options);
  const { log } = settings;
  const events: LifecycleEmitter = createLifecycle(
    (err) => log.write('error', { err }, 'an events listener threw'),
    settings.hasLogger
      ? (name, notice) => writeNotice(log, name, notice)
      : (name, notice) => warnIfUnreported(log, name, notice, isReported),
  );
  const report = (err: Error): void => log.write('error', { err }, 'an onError handler threw');
  const observers = new Observers((err) => log.write('error', { err: toError(err) }, 'an inspector failed'));
  const dispatcher = new Dispatcher(settings.timeouts.handler, events, report, observers);
  const handling = new Handling(settings, events, dispatcher);
  const receiver = new Receiver(settings, events, handling, observers);
  const drain = new Drain();
  const node = new NodeFace(settings, receiver, drain);
  const fetch = new FetchFace(settings, receiver, drain);
  const watch = settings.inbox === undefined ? undefined : watchInbox(events, log, settings.hasLogger);
  let worker: DurableWorker | undefined;
  let closing: Promise<void> | undefined;
  for (const warning of settings.inbox?.warnings ?? []) log.warnDeveloper('WARN_INBOX_DURABILITY', warning);
  // A turn later, so that the handlers are there.
  if (settings.concurrency !== undefined) setImmediate(() => drain.closed || work(settings.concurrency));

  /** True when the app itself receives what the notice reports. */
  function isReported(name: keyof LifecycleNotices): boolean {
    // A stored delivery was answered before its handlers ran: no failure of theirs reaches the app's error middleware.
    const goesToNext = settings.errors === 'next' && settings.inbox === undefined;
    if (name === 'failed' && (dispatcher.hasErrorHandlers || goesToNext)) return true;
    return name !== 'rejected' && events.listenerCount(name) > 0;
  }

  function webhookRouter(req: IncomingMessage, res: ServerResponse, next?: Next): void {
    void node.serve(req, res, next);
  }

  function work(concurrency = DEFAULT_CONCURRENCY): void {
    const { inbox } = settings;
    if (inbox === undefined || watch === undefined) throw invalid('work() needs the option `inbox`.');
    if (drain.closed) throw invalid('work(): this router is closed.');
    if (worker !== undefined) throw invalid(WORKS_ALREADY);
    worker = startWorker(inbox, concurrency, { handling, drain, events, outage: watch.worker });
  }

  async function close({ timeoutMs = CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    // A shutdown is no time to refuse a number: one that is none, NaN say, means the default.
    const patience = timeoutMs >= 0 ? timeoutMs : CLOSE_TIMEOUT_MS;
    const deadline = performance.now() + patience;
    const left = (): number => Math.max(0, deadline - performance.now());
    const stopped = worker?.stop();
    stopped?.catch(() => {}); // looked at below
    // What is on its way from an inbox to its handlers only its worker knows.
    const isIdle = (await drain.close(patience)) && (await endsWithin(left(), stopped));
    if (!isIdle && !(await drain.close(left()))) {
      const message = `The receiver closed while a handler was still running, after waiting ${patience} ms.`;
      dispatcher.giveUp(new WebhookError('ERR_CLOSING', { message }));
      await drain.close(ANSWER_MS); // so that the given-up ones are answered before the process may exit
    }
    const complain = (err: Error): void =>
      log.write('error', { err }, 'the inbox could not be closed: what ran may run again');
    await settle(() => within(ANSWER_MS, stopped, () => late('worker')), complain);
    await settle(() => within(CLOSE_INBOX_MS, settings.inbox?.close(), () => late('inbox')), complain);
    watch?.close();
  }

  /** Counted by `drain` while it runs, and refused once that is closed. */
  async function counted(begin: () => MaybePromise<Outcome>): Promise<Outcome> {
    if (drain.closed) return receiver.reject(new RejectedOutcome('closing'));
    return drain.track(begin);
  }

  const inside: RouterInside = {
    inbox: settings.inbox,
    headerNames: settings.headerNames,
    keys: () => settings.keys?.(),
    observe: (observer) => observers.add(observer),
    tap: (tap) => tapInto(events, tap),
    report: observers.report,
    rerun: (rawBody, headers, following) => counted(() => receiver.rerun(rawBody, headers, following)),
  };
  Object.defineProperty(webhookRouter, INSIDE, { value: inside });

  const members = {
    ...registrations(dispatcher, log),
    events,
    inFrontOf: (app: NodeListener, options: InFrontOptions) => {
      if (settings.errors === 'next') {
        log.warnDeveloper('WARN_ERRORS_NEXT', "inFrontOf(): no middleware follows, so `errors: 'next'` has no effect.");
      }
      return inFrontOf(app, options, webhookRouter);
    },
    fetch: (request: Request) => fetch.serve(request),
    receive: (incoming: IncomingDelivery) => counted(() => receiver.receive(incoming)),
    work: ({ concurrency }: { readonly concurrency?: number } = {}) => {
      if (settings.concurrency !== undefined) throw invalid(WORKS_ALREADY);
      work(wholeNumber('concurrency', concurrency, DEFAULT_CONCURRENCY));
    },
    close: (options?: { readonly timeoutMs?: number }) => {
      closing ??= close(options);
      return closing;
    },
  };
  // The members above take any event; the interface sharpens them by name, which only the compiler can know.
  return Object.assign(webhookRouter, members) as unknown as WebhookRouter<S>;
}

/** Whether it succeeds in that time. */
async function endsWithin(ms: number, ending: Promise<unknown> | undefined): Promise<boolean> {
  let isEnded = true;
  await settle(
    () => within(ms, ending, () => late('worker')),
    () => {
      isEnded = false;
    },
  );
  return isEnded;
}

async function settle(end: () => MaybePromise<unknown>, failed: (error: Error) => void): Promise<void> {
  try {
    await end();
  } catch (thrown) {
    failed(toError(thrown));
  }
}

function late(what: string): Error {
  return new Error(`The ${what} did not end in time.`);
}
