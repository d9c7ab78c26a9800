import { createHash } from 'node:crypto';
import { contain } from '../contain.js';
import type { Delivery } from '../delivery.js';
import { describe, textOf, toError } from '../errors.js';
import type { AnyCakemailEvent } from '../events/types.js';
import { type HeadersInput, headerValues, type PlainHeaders, withoutSecrets } from '../headers.js';
import type { DeliveryNotice, LifecycleNotices } from '../lifecycle.js';
import type { Following, Observer, RouterInside } from '../observe.js';
import type { Outcome } from '../outcome.js';
import { type Entry, isOver } from './entry.js';
import type { History } from './history.js';
import type { Origin, Run } from './protocol.js';
import { traced, traceOf } from './trace.js';
import { messageIn, nameIn } from './truncate.js';

const NO_BODY = Buffer.alloc(0);
const MOST_RUNS = 20;
const MOST_TRACES = 50;
const MOST_DRIFT = 50;

type Notices = { readonly [N in keyof LifecycleNotices]?: (notice: LifecycleNotices[N]) => void };

/** Writes down what a router does. */
export class Recorder {
  /** By the id of the delivery: what is authentic and not answered yet, in that order. */
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

  /** Marks the request that `send` hands to the router before it first waits. */
  as<T>(origin: Origin, send: () => T): T {
    this.#origin = origin;
    try {
      return send();
    } finally {
      this.#origin = 'received';
    }
  }

  /** Runs the handlers of an entry once more. */
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
        this.#answered(this.history.add({ ...nothing, origin: this.#origin }), outcome);
      },
      watch: (watched, event, delivery) => {
        const { entry, run } = this.#runOf(delivery, event);
        const trace = traceOf(watched);
        if (run.handlers.length < MOST_TRACES) run.handlers.push(trace);
        return traced(watched.handler, trace, () => {
          // Later than its time limit: the run has ended without it.
          if (run.outcome !== 'running') contain(() => this.history.change(entry), this.inside.report);
        });
      },
    };
  }

  #notices(): Notices {
    return {
      handled: ({ durationMs, ...notice }) => this.#ended(notice, { outcome: 'handled', durationMs, error: null }),
      unhandled: ({ durationMs, ...notice }) => this.#ended(notice, { outcome: 'unhandled', durationMs, error: null }),
      failed: ({ durationMs, error, ...notice }) =>
        this.#ended(notice, { outcome: 'failed', durationMs, error: messageIn(describe(error)) }),
      drift: ({ event, delivery, issues }) => {
        const drift = issues.slice(0, MOST_DRIFT).map(({ path, message }) => messageIn(`${path}: ${message}`));
        this.history.change(this.#entryOf(delivery, readName(event)), { drift });
      },
      dead: ({ id, reason, error }) => {
        const entry = this.history.ownerOf(id);
        if (entry !== undefined)
          this.history.change(entry, { outcome: 'dead', reason, cause: messageIn(describe(error)) });
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
      // A small body is a part of what was read from the socket at once: keeping that would keep all of it.
      rawBody: Buffer.from(body),
      headers: asText(withoutSecrets(headers ?? {}, headerNames)),
      origin: this.#origin,
      signature: typeof signature === 'string' ? signature : null,
    });
    return {
      verified: (delivery, event) => {
        this.#entries.set(delivery, entry);
        this.#unanswered.set(id, (this.#unanswered.get(id) ?? new Set()).add(entry));
        this.history.change(entry, { event: nameIn(event) });
        // A handler may end the process, and this delivery would explain why.
        this.history.flush();
      },
      answered: (outcome) => {
        const alike = this.#unanswered.get(id);
        alike?.delete(entry);
        if (alike?.size === 0) this.#unanswered.delete(id);
        entry.durationMs ??= performance.now() - startedAt;
        this.#answered(entry, outcome);
      },
    };
  }

  #answered(entry: Entry, outcome: Outcome): void {
    const { kind, status } = outcome;
    if (kind === 'rejected') {
      const { reason, eventName, cause } = outcome;
      const why = cause === undefined ? null : messageIn(describe(toError(cause)));
      const name = eventName === undefined ? entry.event : nameIn(eventName);
      this.history.change(entry, { outcome: kind, status, reason, event: name, cause: why });
      return;
    }
    // A worker may have been quicker than the answer.
    const isAhead = kind === 'stored' && entry.outcome !== 'running';
    this.history.change(entry, { status, ...(!isAhead && { outcome: kind }) });
  }

  /** The request that a delivery belongs to. One out of an inbox may be of another process, or of long ago. */
  #entryOf(delivery: Delivery, event: string | null): Entry {
    const known = this.#entries.get(delivery);
    if (known !== undefined) return known;
    const { id, rawBody, headers } = delivery;
    const owner = this.history.ownerOf(id);
    const [first] = this.#unanswered.get(id) ?? [];
    const entry =
      (owner === undefined || isOver(owner) ? first : owner) ??
      owner ??
      this.history.add({
        id,
        rawBody: Buffer.from(rawBody),
        headers: asText(headers),
        origin: 'inbox',
        signature: null,
      });
    this.#entries.set(delivery, entry);
    if (entry.event === null && event !== null) this.history.change(entry, { event: nameIn(event) });
    return entry;
  }

  /** The attempt that this delivery is. */
  #runOf(delivery: Delivery, event: string | null): { readonly entry: Entry; readonly run: Run } {
    const entry = this.#entryOf(delivery, event);
    const known = this.#runs.get(delivery);
    if (known !== undefined) return { entry, run: known };
    const { attempt } = delivery;
    const run: Run = { attempt, at: Date.now(), outcome: 'running', durationMs: null, error: null, handlers: [] };
    this.#runs.set(delivery, run);
    entry.attempts++;
    entry.runs.push(run);
    if (entry.runs.length > MOST_RUNS) entry.runs.shift();
    return { entry, run };
  }

  #ended({ event, delivery }: DeliveryNotice, end: Pick<Run, 'outcome' | 'durationMs' | 'error'>): void {
    const { entry, run } = this.#runOf(delivery, readName(event));
    Object.assign(run, end);
    const { outcome, durationMs } = end;
    this.history.change(entry, { outcome, reason: null, cause: null, durationMs });
  }
}

/** Of an event that handlers may have changed into anything. */
function readName(event: AnyCakemailEvent): string | null {
  try {
    return typeof event.event === 'string' ? event.event : null;
  } catch {
    return null;
  }
}

/** Programs that call `receive()` may pass anything. */
function asText(headers: PlainHeaders): PlainHeaders {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, Array.isArray(value) ? value.map(textOf) : textOf(value)]),
  );
}
