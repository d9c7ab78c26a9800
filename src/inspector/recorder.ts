import { createHash } from 'node:crypto';
import type { Delivery } from '../delivery.js';
import { type HandlerError, toError } from '../errors.js';
import { type HeadersInput, headerValues, withoutSecrets } from '../headers.js';
import type { DeliveryNotice, LifecycleEvents, LifecycleNotices } from '../lifecycle.js';
import type { Observer, RouterInside } from '../observe.js';
import type { Outcome } from '../outcome.js';
import { isPromiseLike } from '../time.js';
import type { Entry } from './entry.js';
import type { History } from './history.js';
import type { HandlerTrace, Origin, Run } from './wire.js';

type Watched = Parameters<Observer['watch']>[0];
type Handler = Watched['handler'];

const NO_BODY = Buffer.alloc(0);
/** Of an error's stack: the frames of this package, which come last, help nobody. */
const SHOWN_LINES = 8;

/** Writes down what a router does. */
export class Recorder {
  /** By the id of the delivery: requests that are not answered yet. */
  readonly #unanswered = new Map<string, Set<Entry>>();
  readonly #runs = new WeakMap<Delivery, { readonly entry: Entry; readonly run: Run }>();
  readonly #stops: (() => void)[] = [];
  #origin: Origin = 'received';

  constructor(
    private readonly inside: RouterInside,
    private readonly history: History,
  ) {
    this.#stops.push(inside.observe(this.#observer()));
    this.#listen();
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Marks the request that `send` hands to the router before it first waits. */
  as<T>(origin: Origin, send: () => T): T {
    this.#origin = origin;
    try {
      return send();
    } finally {
      this.#origin = 'received';
    }
  }

  #observer(): Observer {
    return {
      arrived: (rawBody, headers) => this.#arrived(rawBody(), headers),
      turnedAway: (outcome) => {
        const nothing = { id: null, rawBody: NO_BODY, headers: {}, signature: null };
        this.#answered(this.history.add({ ...nothing, origin: this.#origin }), outcome);
      },
      watch: (handler, delivery) => this.#watch(handler, delivery),
    };
  }

  #listen(): void {
    this.#on('handled', ({ durationMs, ...notice }) =>
      this.#ended(notice, { outcome: 'handled', durationMs, error: null }),
    );
    this.#on('unhandled', ({ durationMs, ...notice }) =>
      this.#ended(notice, { outcome: 'unhandled', durationMs, error: null }),
    );
    this.#on('failed', ({ durationMs, error, ...notice }) =>
      this.#ended(notice, { outcome: 'failed', durationMs, error: messagesOf(error) }),
    );
    this.#on('drift', ({ event, delivery, issues }) => {
      const drift = issues.map(({ path, message }) => `${path}: ${message}`);
      this.history.change(this.#runOf(delivery).entry, { event: event.event, drift });
    });
    this.#on('dead', ({ id, reason, error }) => {
      const entry = this.history.ownerOf(id);
      if (entry !== undefined) this.history.change(entry, { outcome: 'dead', reason, cause: messagesOf(error) });
    });
  }

  #on<N extends keyof LifecycleNotices>(name: N, listener: LifecycleEvents[N]): void {
    const { events } = this.inside;
    events.on(name, listener as never);
    this.#stops.push(() => events.off(name, listener as never));
  }

  #arrived(body: Buffer, headers: HeadersInput): (outcome: Outcome) => void {
    const startedAt = performance.now();
    const { headerNames } = this.inside;
    const signature = headerNames.flatMap((name) => headerValues(headers, name))[0];
    const id = createHash('sha256').update(body).digest('hex');
    const entry = this.history.add({
      id,
      // A small body is a part of what was read from the socket at once: keeping that would keep all of it.
      rawBody: Buffer.from(body),
      headers: withoutSecrets(headers, headerNames),
      origin: this.#origin,
      signature: typeof signature === 'string' ? signature : null,
    });
    const alike = this.#unanswered.get(id) ?? new Set();
    this.#unanswered.set(id, alike.add(entry));
    return (outcome) => {
      alike.delete(entry);
      if (alike.size === 0) this.#unanswered.delete(id);
      entry.durationMs ??= performance.now() - startedAt;
      this.#answered(entry, outcome);
    };
  }

  #answered(entry: Entry, outcome: Outcome): void {
    const { kind, status } = outcome;
    if (kind === 'rejected') {
      const { reason, event = entry.event, cause } = outcome;
      const why = cause === undefined ? null : toError(cause).message;
      this.history.change(entry, { outcome: kind, status, reason, event, cause: why });
      return;
    }
    const event = outcome.event.event;
    // A worker may have been quicker than the answer.
    const isAhead = kind === 'stored' && entry.outcome !== 'running';
    this.history.change(entry, { status, event, ...(!isAhead && { outcome: kind }) });
  }

  #watch({ handler, subjects }: Watched, delivery: Delivery): Handler {
    const trace: HandlerTrace = { name: handler.name || labelOf(subjects), durationMs: null, error: null };
    const { entry, run } = this.#runOf(delivery);
    run.handlers.push(trace);
    return (event, given) => {
      const startedAt = performance.now();
      const ended = (): void => {
        trace.durationMs = performance.now() - startedAt;
        // Later than its time limit: the run has ended without it.
        if (run.outcome !== 'running') this.history.change(entry);
      };
      const failed = (thrown: unknown): never => {
        const error = toError(thrown);
        trace.error = (error.stack ?? error.message).split('\n').slice(0, SHOWN_LINES).join('\n');
        ended();
        throw thrown;
      };
      this.history.change(entry, { event: event.event });
      try {
        const result = handler(event, given);
        if (!isPromiseLike(result)) {
          ended();
          return result;
        }
        // One that is asked twice may run twice: only this promise goes on.
        return new Promise((resolve) => resolve(result)).then(ended, failed);
      } catch (thrown) {
        return failed(thrown);
      }
    };
  }

  /** The attempt that this delivery is, and the request that it belongs to. */
  #runOf(delivery: Delivery): { readonly entry: Entry; readonly run: Run } {
    const known = this.#runs.get(delivery);
    if (known !== undefined) return known;
    const { id, rawBody, headers, attempt } = delivery;
    const unanswered = [...(this.#unanswered.get(id) ?? [])].find(({ runs }) => runs.length === 0);
    const entry =
      unanswered ??
      this.history.ownerOf(id) ??
      this.history.add({ id, rawBody: Buffer.from(rawBody), headers, origin: 'inbox', signature: null });
    const run: Run = { attempt, at: Date.now(), outcome: 'running', durationMs: null, error: null, handlers: [] };
    entry.runs.push(run);
    const made = { entry, run };
    this.#runs.set(delivery, made);
    return made;
  }

  #ended({ event, delivery }: DeliveryNotice, end: Pick<Run, 'outcome' | 'durationMs' | 'error'>): void {
    const { entry, run } = this.#runOf(delivery);
    Object.assign(run, end);
    const { outcome, durationMs } = end;
    this.history.change(entry, { event: event.event, outcome, reason: null, cause: null, durationMs });
  }
}

/** What a function without a name is known by: what it was registered for. */
function labelOf(subjects: Watched['subjects']): string {
  const [first, ...others] = [...subjects].map((subject) =>
    typeof subject === 'symbol' ? subject.description : subject,
  );
  return `on ${first}${others.length > 0 ? ` and ${others.length} more` : ''}`;
}

function messagesOf(error: Error): string {
  const errors = 'errors' in error ? (error as HandlerError).errors : [error];
  return errors.map(({ message }) => message).join('; ');
}
