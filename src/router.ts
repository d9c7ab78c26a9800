import type { IncomingMessage, ServerResponse } from 'node:http';
import { captureBody } from './body/capture.js';
import { discardRest } from './body/linger.js';
import type { CapturableRequest } from './body/request.js';
import type { Delivery } from './delivery.js';
import { type AnyHandler, Dispatcher, type ErrorHandler } from './dispatch/dispatcher.js';
import { ANY, type Subject, UNHANDLED } from './dispatch/registry.js';
import { Drain } from './drain.js';
import { ConfigurationError, messageOf, WebhookError } from './errors.js';
import type { AnyCakemailEvent, CakemailEvent, EventSelector, MatchedName, SchemaMap } from './events/types.js';
import { createLifecycle, type LifecycleEmitter } from './lifecycle.js';
import { writeNotice } from './log/lines.js';
import { cut } from './log/logger.js';
import { resolveOptions, type WebhookRouterOptions, warnOfUnlisted } from './options.js';
import { FailedOutcome, type Outcome, RejectedOutcome, replyTo } from './outcome.js';
import { type IncomingDelivery, Receiver } from './receive.js';
import { respond } from './respond.js';

/** The event that a handler of this selector gets: a union that narrows on `event`, of exactly the selected names. */
export type SelectedEvent<P extends EventSelector, S extends SchemaMap> = CakemailEvent<MatchedName<P>, S>;

/** Takes a registration back. Calling it again does nothing. */
export type Unsubscribe = () => void;

/** Express middleware (or a plain Node request listener) that receives Cakemail webhooks. */
export interface WebhookRouter<S extends SchemaMap = Record<never, never>> {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;

  /**
   * Registers a handler for a name, a pattern or a list of them. All handlers of a delivery run side by side and are
   * awaited; one that throws or rejects makes the answer 500, and the delivery may then be sent, and run, again.
   * A name that Cakemail does not publish is reported as a warning, with the nearest one that it does.
   */
  on<const P extends EventSelector>(
    name: P | readonly P[],
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): Unsubscribe;

  /** As `on`, for the first matching delivery only. It is spent when it is called, even if it then fails. */
  once<const P extends EventSelector>(
    name: P | readonly P[],
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): Unsubscribe;

  /** Takes a handler back, from `on` or `once`, for these names. */
  off<const P extends EventSelector>(
    name: P | readonly P[],
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): void;

  /** Registers a handler for every verified event, known or not. */
  onAny(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown): Unsubscribe;

  /** Registers a handler for verified events that no `on` or `once` handler matches. `delivery.known` tells whether Cakemail publishes the name. */
  onUnhandled(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown): Unsubscribe;

  /** Told of every handler's failure, one call each, also of those after the time limit. What it throws is logged. */
  onError(handler: (error: Error, delivery: Delivery) => unknown): Unsubscribe;

  /** Every step of every delivery, for logs and metrics. */
  readonly events: LifecycleEmitter;

  /** The whole pipeline without HTTP, for serverless functions and tests. Never rejects for bad input. */
  receive(incoming: IncomingDelivery): Promise<Outcome>;

  /**
   * Stops taking deliveries (they get 503) and waits for the running ones. Those that still run after `timeoutMs`
   * (default 10,000) have their `signal` aborted and are reported as failed; what is left then has one more second to be
   * answered. Calling it again gives the same promise.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 10_000;
const ANSWER_MS = 1_000;

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
  const events = createLifecycle(
    (err) => log.write('error', { err }, 'an events listener threw'),
    settings.hasLogger ? (name, notice) => writeNotice(log, name, notice) : undefined,
  );
  const report = (err: Error): void => log.write('error', { err }, 'an onError handler threw');
  const dispatcher = new Dispatcher(settings.timeouts.handler, events, report);
  const receiver = new Receiver(settings, events, dispatcher);
  const drain = new Drain();
  const bodyLimits = { limit: settings.limit, inflate: settings.inflate, timeoutMs: settings.timeouts.body };
  let closing: Promise<void> | undefined;

  function webhookRouter(req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void {
    const answered = drain.track(async () => answer(warnIfUnseen(await serve(req)), req, res, next));
    // What the app's own `next` throws, for one, must neither end the process nor leave the sender without an answer.
    answered.catch((err: unknown) => {
      log.write('error', { err }, 'the answer could not be given');
      respond(req, res, replyTo(new RejectedOutcome('internal')));
    });
  }

  async function serve(req: CapturableRequest): Promise<Outcome> {
    if (req.method !== 'POST') return receiver.reject(new RejectedOutcome('method'));
    if (drain.closed) return receiver.reject(new RejectedOutcome('closing'));
    try {
      const body = await captureBody(req, bodyLimits);
      if ('bytes' in body) return await receiver.receive({ rawBody: body.bytes, headers: req.headers });
      return receiver.reject(new RejectedOutcome(body.reason));
    } catch (cause) {
      return receiver.reject(new RejectedOutcome('internal', { cause }));
    }
  }

  async function answer(
    outcome: Outcome,
    req: IncomingMessage,
    res: ServerResponse,
    next?: (error?: unknown) => void,
  ): Promise<void> {
    const failed = outcome instanceof RejectedOutcome || outcome instanceof FailedOutcome;
    const handOver = failed && settings.errors === 'next' && next !== undefined;
    // Express's own error handler reads a request to its end before it answers: one that goes on is not for it.
    const over = req.complete || (handOver && (await discardRest(req)));
    // Somebody else answered (a request time limit, say), or nobody is there any more.
    if (res.headersSent || res.destroyed) return;
    if (handOver && over) {
      next(outcome.error);
      // The app may take its time; close() waits for that too.
      if (!res.writableFinished && !res.destroyed) await new Promise((resolve) => res.once('close', resolve));
    } else {
      respond(req, res, replyTo(outcome, settings.exposeErrors));
    }
  }

  /** Two failures are the developer's to mend, and must not pass in silence where nothing logs. */
  function warnIfUnseen<T extends Outcome>(outcome: T): T {
    if (settings.hasLogger) return outcome;
    if (outcome instanceof RejectedOutcome && outcome.reason === 'body_consumed') {
      log.warnDeveloper(outcome.code, `${messageOf(outcome.code)} ${outcome.error.help}`);
    } else if (outcome instanceof FailedOutcome && !isWatched()) {
      const failed = `A handler of '${cut(outcome.event.event)}' failed, and nothing reports it.`;
      const advice = 'Pass `logger`, or register onError(): further failures of this event are not shown.';
      log.warnDeveloper(outcome.code, `${failed} ${advice}`, outcome.error.errors[0]);
    }
    return outcome;
  }

  function isWatched(): boolean {
    return settings.errors === 'next' || dispatcher.hasErrorHandlers || events.listenerCount('failed') > 0;
  }

  function subscribe(name: string | readonly string[], handler: AnyHandler, once: boolean): Unsubscribe {
    const names = selectedNames(name);
    for (const each of names) warnOfUnlisted(each, 'on()', `'${cut(each)}'`, log);
    return dispatcher.handlers.add(names, checkHandler(handler), once);
  }

  function listen(subject: Subject, handler: AnyHandler): Unsubscribe {
    return dispatcher.handlers.add([subject], checkHandler(handler));
  }

  async function close({ timeoutMs = CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    // A shutdown is no time to refuse a number: one that is none, NaN say, means the default.
    const patience = timeoutMs >= 0 ? timeoutMs : CLOSE_TIMEOUT_MS;
    if (await drain.close(patience)) return;
    const message = `The receiver closed while a handler was still running, after waiting ${patience} ms.`;
    dispatcher.giveUp(new WebhookError('ERR_CLOSING', { message }));
    await drain.close(ANSWER_MS); // so that the given-up ones are answered before the process may exit
  }

  const members = {
    on: (name: string | readonly string[], handler: AnyHandler) => subscribe(name, handler, false),
    once: (name: string | readonly string[], handler: AnyHandler) => subscribe(name, handler, true),
    off: (name: string | readonly string[], handler: AnyHandler) =>
      dispatcher.handlers.remove(selectedNames(name), handler),
    onAny: (handler: AnyHandler) => listen(ANY, handler),
    onUnhandled: (handler: AnyHandler) => listen(UNHANDLED, handler),
    onError: (handler: ErrorHandler) => dispatcher.addErrorHandler(checkHandler(handler)),
    events,
    receive: (incoming: IncomingDelivery) =>
      drain.closed
        ? Promise.resolve(receiver.reject(new RejectedOutcome('closing')))
        : drain.track(async () => warnIfUnseen(await receiver.receive(incoming))),
    close: (options?: { readonly timeoutMs?: number }) => {
      closing ??= close(options);
      return closing;
    },
  };
  // The members above take any event; the interface sharpens them by name, which only the compiler can know.
  return Object.assign(webhookRouter, members) as unknown as WebhookRouter<S>;
}

function selectedNames(name: string | readonly string[]): readonly string[] {
  const names: readonly unknown[] = Array.isArray(name) ? name : [name];
  if (names.length > 0 && names.every((each) => typeof each === 'string' && each !== '')) return names as string[];
  throw new ConfigurationError('ERR_OPTION_INVALID', 'on() needs an event name, a pattern or a list of them.');
}

function checkHandler<H>(handler: H): H {
  if (typeof handler === 'function') return handler;
  throw new ConfigurationError('ERR_OPTION_INVALID', 'A handler must be a function.');
}
