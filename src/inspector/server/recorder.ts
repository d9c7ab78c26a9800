import { createHash } from 'node:crypto';
import type { Delivery } from '../../delivery/delivery.js';
import type { Outcome } from '../../delivery/outcome.js';
import type { AnyCakemailEvent } from '../../events/event-types.js';
import type { Following, Observer, RouterInside } from '../../instrumentation/hooks.js';
import type { DeliveryNotice, LifecycleNotices } from '../../instrumentation/lifecycle.js';
import { describe, textOf, toError } from '../../shared/errors.js';
import { type HeadersInput, headerValues, type PlainHeaders, withoutSecrets } from '../../shared/headers.js';
import { contain } from '../../shared/run-safely.js';
import { type Entry, isFinal } from './entry.js';
import type { History } from './history.js';
import type { Origin, Run } from './protocol.js';
import { traced, traceOf } from './trace.js';
import { truncateMessage, truncateName } from './truncate.js';

const NO_BODY = Buffer.alloc(0);
const MAX_RUNS = 20;
const MAX_TRACES = 50;
const MAX_DRIFT = 50;

type Notices = { readonly [N in keyof LifecycleNotices]?: (notice: LifecycleNotices[N]) => void };

/** Records in the history what a router does. */
export class Recorder {
  /** Verified requests without a response yet, by the delivery's id and in the order of their verification. */
  readonly #unanswered = new Map<string, Set<Entry>>();
  readonly #entries = new WeakMap<Delivery, Entry>();
  readonly #runs = new WeakMap<Delivery, Run>();
  readonly #stops: (() => void)[];
  #origin: Origin = 'received';

  constructor(
    private readonly inside: RouterInside,
    private readonly history: History,
  ) {
    const notices = this.#notices();
    this.#stops = [
      inside.observe(this.#observer()),
      inside.tap((name, notice) => (notices[name] as ((notice: unknown) => void) | undefined)?.(notice)),
    ];
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
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
  rerun(entry: Entry): Promise<Outcome> {
    const { rawBody, headers } = entry;
    return this.inside.rerun(rawBody, headers, {
      verified: (delivery) => this.#entries.set(delivery, entry),
      answered: () => {},
    });
  }

  #observer(): Observer {
    return {
      arrived: (rawBody, headers) => this.#arrive(rawBody(), headers),
      turnedAway: (outcome) => {
        const nothing = { id: null, rawBody: NO_BODY, headers: {}, signature: null };
        this.#finish(this.history.add({ ...nothing, origin: this.#origin }), outcome);
      },
      watch: (watched, event, delivery) => {
        const { entry, run } = this.#runOf(delivery, event);
        const trace = traceOf(watched);
        if (run.handlers.length < MAX_TRACES) run.handlers.push(trace);
        return traced(watched.handler, trace, () => {
          // The handler exceeded its time limit, so its run has already ended.
          if (run.outcome !== 'running') contain(() => this.history.change(entry), this.inside.report);
        });
      },
    };
  }

  #notices(): Notices {
    return {
      handled: ({ durationMs, ...notice }) => this.#endRun(notice, { outcome: 'handled', durationMs, error: null }),
      unhandled: ({ durationMs, ...notice }) => this.#endRun(notice, { outcome: 'unhandled', durationMs, error: null }),
      failed: ({ durationMs, error, ...notice }) =>
        this.#endRun(notice, { outcome: 'failed', durationMs, error: truncateMessage(describe(error)) }),
      drift: ({ event, delivery, issues }) => {
        const drift = issues.slice(0, MAX_DRIFT).map(({ path, message }) => truncateMessage(`${path}: ${message}`));
        this.history.change(this.#entryOf(delivery, readName(event)), { drift });
      },
      dead: ({ id, reason, error }) => {
        const entry = this.history.ownerOf(id);
        if (entry !== undefined)
          this.history.change(entry, { outcome: 'dead', reason, cause: truncateMessage(describe(error)) });
      },
    };
  }

  #arrive(body: Buffer, headers: HeadersInput): Following {
    const startedAt = performance.now();
    const { headerNames } = this.inside;
    const signature = headerNames.flatMap((name) => headerValues(headers, name))[0];
    const id = createHash('sha256').update(body).digest('hex');
    const entry = this.history.add({
      id,
      // A small body is a slice of a larger socket buffer. A copy does not keep that buffer in memory.
      rawBody: Buffer.from(body),
      headers: headersAsText(withoutSecrets(headers ?? {}, headerNames)),
      origin: this.#origin,
      signature: typeof signature === 'string' ? signature : null,
    });
    return {
      verified: (delivery, event) => {
        this.#entries.set(delivery, entry);
        this.#unanswered.set(id, (this.#unanswered.get(id) ?? new Set()).add(entry));
        this.history.change(entry, { event: truncateName(event) });
        // A handler may end the process. The file then shows which delivery it was.
        this.history.flush();
      },
      answered: (outcome) => {
        const alike = this.#unanswered.get(id);
        alike?.delete(entry);
        if (alike?.size === 0) this.#unanswered.delete(id);
        entry.durationMs ??= performance.now() - startedAt;
        this.#finish(entry, outcome);
      },
    };
  }

  #finish(entry: Entry, outcome: Outcome): void {
    const { kind, status } = outcome;
    if (kind === 'rejected') {
      const { reason, eventName, cause } = outcome;
      const why = cause === undefined ? null : truncateMessage(describe(toError(cause)));
      const name = eventName === undefined ? entry.event : truncateName(eventName);
      this.history.change(entry, { outcome: kind, status, reason, event: name, cause: why });
      return;
    }
    // A worker may have run the handlers before the response was sent.
    const isAhead = kind === 'stored' && entry.outcome !== 'running';
    this.history.change(entry, { status, ...(!isAhead && { outcome: kind }) });
  }

  /** Finds the request of a delivery. A delivery from an inbox may have no request in this history. */
  #entryOf(delivery: Delivery, event: string | null): Entry {
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
    if (entry.event === null && event !== null) this.history.change(entry, { event: truncateName(event) });
    return entry;
  }

  /** Finds or adds the run of this attempt. */
  #runOf(delivery: Delivery, event: string | null): { readonly entry: Entry; readonly run: Run } {
    const entry = this.#entryOf(delivery, event);
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

  #endRun({ event, delivery }: DeliveryNotice, end: Pick<Run, 'outcome' | 'durationMs' | 'error'>): void {
    const { entry, run } = this.#runOf(delivery, readName(event));
    Object.assign(run, end);
    const { outcome, durationMs } = end;
    this.history.change(entry, { outcome, reason: null, cause: null, durationMs });
  }
}

/** Returns null when a handler has changed the name into something else. */
function readName(event: AnyCakemailEvent): string | null {
  try {
    return typeof event.event === 'string' ? event.event : null;
  } catch {
    return null;
  }
}

/** Converts header values to text, because programs that call `receive()` may pass anything. */
function headersAsText(headers: PlainHeaders): PlainHeaders {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, Array.isArray(value) ? value.map(textOf) : textOf(value)]),
  );
}
