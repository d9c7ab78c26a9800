import type { Attempt, DurableWorker, Verdict, WorkerHooks, WorkOptions } from '../../durable/store.js';
import { describe, toError } from '../../errors.js';
import { delayAfter } from '../retries.js';
import type { InboxSettings } from '../types.js';
import type { Deliveries, Lease, Settlement } from './deliveries.js';

/** Takes deliveries on, has them attempted, and writes down how that ended. */
export class SqliteWorker implements DurableWorker {
  readonly #held = new Set<Lease>();
  #settlements: Settlement[] = [];
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #stopping = false;
  #stopped: () => void = () => {};
  readonly #renewal: NodeJS.Timeout;

  constructor(
    private readonly deliveries: Deliveries,
    private readonly settings: InboxSettings,
    private readonly attempt: Attempt,
    private readonly options: WorkOptions & WorkerHooks,
  ) {
    this.#renewal = setInterval(() => this.#renew(), settings.leaseMs / 3);
    this.wake();
  }

  /** Looks for work soon: something was stored, or has ended. All that happens in a turn is one transaction. */
  wake(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#work();
    });
  }

  stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    return new Promise((resolve) => {
      this.#stopped = () => {
        clearInterval(this.#renewal);
        resolve();
      };
      this.wake();
    });
  }

  #work(): void {
    clearTimeout(this.#timer);
    try {
      for (const lease of this.#settleAndClaim()) this.#begin(lease);
    } catch (thrown) {
      this.options.storeFailed(toError(thrown));
    }
    if (!this.#stopping) this.#timer = setTimeout(() => this.wake(), this.settings.pollMs);
    else if (this.#held.size === 0) this.#stopped();
    else if (this.#settlements.length > 0) this.#timer = setTimeout(() => this.wake(), this.settings.pollMs);
  }

  #settleAndClaim(): readonly Lease[] {
    const room = this.#stopping ? 0 : this.options.concurrency - this.#held.size + this.#settlements.length;
    if (this.#settlements.length === 0 && (room === 0 || !this.#hasDue())) return [];
    const [settled, claimed] = this.deliveries.transaction(() => [
      // Not those whose lease was over before: somebody else has them.
      this.#settlements.filter((settlement) => this.deliveries.settle(settlement)),
      room > 0 ? this.deliveries.claim(room, Date.now()) : [],
    ]);
    for (const { lease } of this.#settlements) this.#held.delete(lease);
    this.#settlements = [];
    for (const { lease, reason, error } of settled) {
      if (reason !== undefined) this.options.dead(lease, reason, new Error(error));
    }
    return claimed;
  }

  /** A look without a lock: most are in vain. */
  #hasDue(): boolean {
    return (this.deliveries.nextDue() ?? Number.POSITIVE_INFINITY) <= Date.now();
  }

  #begin(lease: Lease): void {
    this.#held.add(lease);
    const exhausted = lease.attempt > this.settings.retries.attempts;
    const verdict: Promise<Verdict> = exhausted ? Promise.resolve(CRASHED) : this.attempt(lease);
    void verdict.then((verdict) => {
      this.#settlements.push(this.#settlementOf(lease, verdict));
      this.wake();
    });
  }

  #settlementOf(lease: Lease, verdict: Verdict): Settlement {
    const now = Date.now();
    if (!('error' in verdict)) return { lease, state: 'done', at: now };
    const error = describe(verdict.error);
    if (verdict.state === 'dead') return { lease, state: 'dead', at: now, reason: verdict.reason, error };
    if (lease.attempt >= this.settings.retries.attempts) {
      return { lease, state: 'dead', at: now, reason: 'attempts_exhausted', error };
    }
    return { lease, state: 'waiting', at: now + delayAfter(lease.attempt, this.settings.retries), error };
  }

  #renew(): void {
    if (this.#held.size === 0) return;
    try {
      this.deliveries.transaction(() => {
        for (const lease of this.#held) this.deliveries.renew(lease, Date.now());
      });
    } catch (thrown) {
      this.options.storeFailed(toError(thrown));
    }
  }
}

const CRASHED: Verdict = {
  state: 'dead',
  reason: 'attempts_exhausted',
  error: new Error('The process ended during the last attempt.'),
};
