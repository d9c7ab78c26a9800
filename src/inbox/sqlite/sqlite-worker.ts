import type { Attempt, DurableWorker, Verdict, WorkerHooks, WorkOptions } from '../../delivery/stored-delivery.js';
import { toError } from '../../shared/errors.js';
import type { InboxSettings } from '../contract.js';
import { CRASHED, endingOf } from '../next-state.js';
import type { Deliveries, Lease, Settlement } from './deliveries.js';

/** Takes deliveries on, has them attempted, and writes down how that ended. */
export class SqliteWorker implements DurableWorker {
  readonly #held = new Set<Lease>();
  #settlements: (Settlement & { readonly verdict: Verdict })[] = [];
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #stopped: Promise<void> | undefined;
  #onStopped: () => void = () => {};
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

  /** How many new deliveries it could begin at once: none while older ones wait. */
  get room(): number {
    return this.#isStopping || this.#hasDue() ? 0 : this.#free;
  }

  /** Counts deliveries in that it took on as they came, until it may `begin` them. */
  hold(leases: readonly Lease[]): void {
    for (const lease of leases) this.#held.add(lease);
  }

  begin(leases: readonly Lease[]): void {
    for (const lease of leases) this.#begin(lease);
  }

  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#onStopped = resolve;
      this.wake();
    });
    return this.#stopped;
  }

  get #isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  #work(): void {
    clearTimeout(this.#timer);
    try {
      const claimed = this.#settleAndClaim();
      this.hold(claimed);
      this.begin(claimed);
    } catch (thrown) {
      this.options.storeFailed(toError(thrown));
    }
    if (this.#isStopping && this.#held.size === 0) {
      clearInterval(this.#renewal);
      this.#onStopped();
    } else if (!this.#isStopping || this.#settlements.length > 0) {
      this.#timer = setTimeout(() => this.wake(), this.settings.pollMs);
    }
  }

  #settleAndClaim(): readonly Lease[] {
    const room = this.#isStopping ? 0 : this.#free;
    if (this.#settlements.length === 0 && (room === 0 || !this.#hasDue())) return [];
    const [settled, claimed] = this.deliveries.transaction(() => [
      // Not those whose lease was over before: somebody else has them.
      this.#settlements.filter((settlement) => this.deliveries.settle(settlement)),
      room > 0 ? this.deliveries.claim(room, Date.now()) : [],
    ]);
    for (const { lease } of this.#settlements) this.#held.delete(lease);
    this.#settlements = [];
    for (const { lease, ending, verdict } of settled) {
      if (ending.state === 'dead' && 'error' in verdict) this.options.dead(lease, ending.reason, verdict.error);
    }
    return claimed;
  }

  get #free(): number {
    return this.options.concurrency - this.#held.size + this.#settlements.length;
  }

  /** A look without a lock: most are in vain. */
  #hasDue(): boolean {
    return (this.deliveries.nextDue() ?? Number.POSITIVE_INFINITY) <= Date.now();
  }

  #begin(lease: Lease): void {
    const exhausted = lease.attempt > this.settings.retries.attempts;
    const verdict: Promise<Verdict> = exhausted ? Promise.resolve(CRASHED) : this.attempt(lease);
    void verdict.then((verdict) => {
      this.#settlements.push({ lease, verdict, ending: endingOf(verdict, lease.attempt, this.settings) });
      this.wake();
    });
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
