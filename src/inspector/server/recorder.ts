import { createHash } from 'node:crypto';
import type { Delivery } from '../../delivery/delivery.js';
import type { Outcome } from '../../delivery/outcome.js';
import type { HandlerCall, ReceivedRequest } from '../../instrumentation/hooks.js';
import type { DeliveryNotice, LifecycleNotices } from '../../instrumentation/lifecycle.js';
import type { RouterInternals } from '../../internals.js';
import { describeError } from '../../shared/describe-error.js';
import { textOf, toError } from '../../shared/error-text.js';
import { headerValues, type PlainHeaders, withoutSecrets } from '../../shared/headers.js';
import { type Entry, isFinal } from './entry.js';
import type { History } from './history.js';
import type { HandlerTrace, Origin, Run } from './protocol.js';
import { truncateMessage, truncateName, truncateStack } from './truncate.js';

const NO_BODY = Buffer.alloc(0);
const MAX_RUNS = 20;
const MAX_TRACES = 50;
const MAX_DRIFT = 50;

type Notices = { readonly [N in keyof LifecycleNotices]?: (notice: LifecycleNotices[N]) => void };

/** Records in the history what a router does. */
export class Recorder {
  /** Verified requests without a response yet, by the delivery's id and in the order of their verification. */
  readonly #unanswered = new Map<string, Set<Entry>>();
  readonly #requests = new WeakMap<ReceivedRequest, { readonly entry: Entry; readonly startedAt: number }>();
  readonly #entries = new WeakMap<Delivery, Entry>();
  readonly #runs = new WeakMap<Delivery, Run>();
  readonly #calls = new WeakMap<HandlerCall, { readonly trace: HandlerTrace; readonly startedAt: number }>();
  readonly #unsubscribe: () => void;
  #origin: Origin = 'received';

  constructor(
    private readonly internals: RouterInternals,
    private readonly history: History,
  ) {
    const notices = this.#notices();
    this.#unsubscribe = internals.hooks.subscribe({
      notified: (name, notice) => (notices[name] as ((notice: unknown) => void) | undefined)?.(notice),
      requestReceived: (request) => this.#receive(request),
      requestVerified: (request, delivery) => this.#verify(request, delivery),
      requestEnded: (request, outcome) => this.#end(request, outcome),
      handlerStarted: (call) => this.#startHandler(call),
      handlerEnded: (call, error) => this.#endHandler(call, error),
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** Sets the origin of the request that `send` passes to the router synchronously. */
  as<T>(origin: Origin, send: () => T): T {
    this.#origin = origin;
    try {
      return send();
    } finally {
      this.#origin = 'received';
    }
  }

  /** Runs the handlers of an entry again. */
  async rerun(entry: Entry): Promise<Outcome> {
    const { rawBody, headers } = entry;
    const request = { headers, rawBody };
    this.#requests.set(request, { entry, startedAt: performance.now() });
    const outcome = await this.internals.rerun(request);
    this.#forget(entry);
    return outcome;
  }

  #notices(): Notices {
    return {
      handled: ({ durationMs, ...notice }) => this.#endRun(notice, { outcome: 'handled', durationMs, error: null }),
      unhandled: ({ durationMs, ...notice }) => this.#endRun(notice, { outcome: 'unhandled', durationMs, error: null }),
      failed: ({ durationMs, error, ...notice }) =>
        this.#endRun(notice, { outcome: 'failed', durationMs, error: truncateMessage(describeError(error)) }),
      drift: ({ delivery, issues }) => {
        const drift = issues.slice(0, MAX_DRIFT).map(({ path, message }) => truncateMessage(`${path}: ${message}`));
        this.history.change(this.#entryOf(delivery), { drift });
      },
      dead: ({ id, reason, error }) => {
        const entry = this.history.ownerOf(id);
        if (entry !== undefined)
          this.history.change(entry, { outcome: 'dead', reason, cause: truncateMessage(describeError(error)) });
      },
    };
  }

  #receive(request: ReceivedRequest): void {
    const { headers, rawBody } = request;
    const { signatureHeaders } = this.internals;
    const signature = signatureHeaders.flatMap((name) => headerValues(headers, name))[0];
    const entry = this.history.add({
      id: createHash('sha256').update(rawBody).digest('hex'),
      // A small body is a slice of a larger socket buffer. A copy does not keep that buffer in memory.
      rawBody: Buffer.from(rawBody),
      headers: headersAsText(withoutSecrets(headers, signatureHeaders)),
      origin: this.#origin,
      signature: typeof signature === 'string' ? signature : null,
    });
    this.#requests.set(request, { entry, startedAt: performance.now() });
  }

  #verify(request: ReceivedRequest, delivery: Delivery): void {
    const entry = this.#requests.get(request)?.entry;
    if (entry === undefined) return; // it was received before this recorder began
    this.#entries.set(delivery, entry);
    this.#unanswered.set(delivery.id, (this.#unanswered.get(delivery.id) ?? new Set()).add(entry));
    this.history.change(entry, { event: truncateName(delivery.eventName) });
    // A handler may end the process. The file then shows which delivery it was.
    this.history.flush();
  }

  #end(request: ReceivedRequest | undefined, outcome: Outcome): void {
    if (request === undefined) {
      const nothing = { id: null, rawBody: NO_BODY, headers: {}, signature: null };
      this.#finish(this.history.add({ ...nothing, origin: this.#origin }), outcome);
      return;
    }
    const received = this.#requests.get(request);
    if (received === undefined) return;
    const { entry, startedAt } = received;
    this.#forget(entry);
    entry.durationMs ??= performance.now() - startedAt;
    this.#finish(entry, outcome);
  }

  #forget(entry: Entry): void {
    const id = entry.id ?? '';
    const alike = this.#unanswered.get(id);
    alike?.delete(entry);
    if (alike?.size === 0) this.#unanswered.delete(id);
  }

  #startHandler(call: HandlerCall): void {
    const trace: HandlerTrace = { name: truncateName(call.handler), durationMs: null, error: null };
    this.#calls.set(call, { trace, startedAt: performance.now() });
    const { run } = this.#runOf(call.delivery);
    if (run.handlers.length < MAX_TRACES) run.handlers.push(trace);
  }

  #endHandler(call: HandlerCall, error: Error | undefined): void {
    const started = this.#calls.get(call);
    if (started === undefined) return; // it began before this recorder
    started.trace.durationMs = performance.now() - started.startedAt;
    started.trace.error = error === undefined ? null : truncateStack(error);
    const { entry, run } = this.#runOf(call.delivery);
    // The handler exceeded its time limit, so its run has already ended.
    if (run.outcome !== 'running') this.history.change(entry);
  }

  #finish(entry: Entry, outcome: Outcome): void {
    const { kind, status } = outcome;
    if (kind === 'rejected') {
      const { reason, eventName, cause } = outcome;
      const why = cause === undefined ? null : truncateMessage(describeError(toError(cause)));
      const name = eventName === undefined ? entry.event : truncateName(eventName);
      this.history.change(entry, { outcome: kind, status, reason, event: name, cause: why });
      return;
    }
    // A worker may have run the handlers before the response was sent.
    const isAhead = kind === 'stored' && entry.outcome !== 'running';
    this.history.change(entry, { status, ...(!isAhead && { outcome: kind }) });
  }

  /** The request that a delivery belongs to. One out of an inbox may be of another process, or of long ago. */
  #entryOf(delivery: Delivery): Entry {
    const known = this.#entries.get(delivery);
    if (known !== undefined) return known;
    const { id, rawBody, headers } = delivery;
    const owner = this.history.ownerOf(id);
    const [first] = this.#unanswered.get(id) ?? [];
    const entry =
      (owner === undefined || isFinal(owner) ? first : owner) ??
      owner ??
      this.history.add({
        id,
        rawBody: Buffer.from(rawBody),
        headers: headersAsText(headers),
        origin: 'inbox',
        signature: null,
      });
    this.#entries.set(delivery, entry);
    if (entry.event === null) this.history.change(entry, { event: truncateName(delivery.eventName) });
    return entry;
  }

  /** The attempt that this delivery is. */
  #runOf(delivery: Delivery): { readonly entry: Entry; readonly run: Run } {
    const entry = this.#entryOf(delivery);
    const known = this.#runs.get(delivery);
    if (known !== undefined) return { entry, run: known };
    const { attempt } = delivery;
    const run: Run = { attempt, at: Date.now(), outcome: 'running', durationMs: null, error: null, handlers: [] };
    this.#runs.set(delivery, run);
    entry.attempts++;
    entry.runs.push(run);
    if (entry.runs.length > MAX_RUNS) entry.runs.shift();
    return { entry, run };
  }

  #endRun({ delivery }: DeliveryNotice, end: Pick<Run, 'outcome' | 'durationMs' | 'error'>): void {
    const { entry, run } = this.#runOf(delivery);
    Object.assign(run, end);
    const { outcome, durationMs } = end;
    this.history.change(entry, { outcome, reason: null, cause: null, durationMs });
  }
}

/** Programs that call `receive()` may pass anything. */
function headersAsText(headers: PlainHeaders): PlainHeaders {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, Array.isArray(value) ? value.map(textOf) : textOf(value)]),
  );
}
