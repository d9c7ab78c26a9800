import type { Attempt, InboxWorker, WorkerOptions } from '../../delivery/stored-delivery.js';
import { toError } from '../../shared/error-text.js';
import type { InboxSettings } from '../contract.js';
import { type EndedAttempt, reportDeadLetter, runAttempt } from '../next-state.js';
import type { DeliveryTable } from './delivery-table.js';
import type { Lease } from './rows.js';

/** An attempt that has ended, and the lease under which it ran. */
interface EndedLease extends EndedAttempt {
  readonly lease: Lease;
}

/** Leases deliveries, has them attempted, and stores the results. */
export class SqliteWorker implements InboxWorker {
  /** Leases whose attempts are running, or have ended without their results being stored. */
  readonly #leases = new Set<Lease>();
  /** Results that are still to be stored. */
  #ended: EndedLease[] = [];
  #poll: NodeJS.Timeout | undefined;
  #wakeUp: NodeJS.Immediate | undefined;
  #stopped: Promise<void> | undefined;
  #onStopped: () => void = () => {};
  readonly #renewal: NodeJS.Timeout;

  constructor(
    private readonly table: DeliveryTable,
    private readonly settings: InboxSettings,
    private readonly attempt: Attempt,
    private readonly options: WorkerOptions,
  ) {
    this.#renewal = setInterval(() => this.#renewLeases(), settings.leaseMs / 3);
    this.wake();
  }

  /** Looks for work in the next turn of the event loop, so that everything from one turn shares one transaction. */
  wake(): void {
    this.#wakeUp ??= setImmediate(() => {
      this.#wakeUp = undefined;
      this.#work();
    });
  }

  /** The number of new deliveries that may be leased as they are stored. None while older ones are due. */
  get freeSlots(): number {
    return this.#isStopping || this.#isAnyDue() ? 0 : this.#unusedConcurrency;
  }

  /** Occupies slots for leases that `start` begins later. */
  reserve(leases: readonly Lease[]): void {
    for (const lease of leases) this.#leases.add(lease);
  }

  /** Starts the attempts of reserved leases. */
  start(leases: readonly Lease[]): void {
    for (const lease of leases) {
      void runAttempt(lease, this.attempt, this.settings).then((ended) => {
        this.#ended.push({ lease, ...ended });
        this.wake();
      });
    }
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

  get #unusedConcurrency(): number {
    return this.options.concurrency - this.#leases.size + this.#ended.length;
  }

  #work(): void {
    clearTimeout(this.#poll);
    try {
      const claimed = this.#storeResultsAndClaim();
      this.reserve(claimed);
      this.start(claimed);
    } catch (thrown) {
      this.options.onStoreError(toError(thrown));
    }
    if (this.#isStopping && this.#leases.size === 0) {
      clearInterval(this.#renewal);
      this.#onStopped();
    } else if (!this.#isStopping || this.#ended.length > 0) {
      this.#poll = setTimeout(() => this.wake(), this.settings.pollMs);
    }
  }

  #storeResultsAndClaim(): readonly Lease[] {
    const limit = this.#isStopping ? 0 : this.#unusedConcurrency;
    if (this.#ended.length === 0 && (limit === 0 || !this.#isAnyDue())) return [];
    const [stored, claimed] = this.table.transaction(() => [
      // Leaves out deliveries that another worker has claimed because their leases expired.
      this.#ended.filter(({ lease, transition }) => this.table.endLease(lease, transition)),
      limit > 0 ? this.table.claim(limit, Date.now()) : [],
    ]);
    for (const { lease } of this.#ended) this.#leases.delete(lease);
    this.#ended = [];
    for (const ended of stored) reportDeadLetter(ended.lease, ended, this.options);
    return claimed;
  }

  /** Checks without a lock before claiming, because most checks find nothing. */
  #isAnyDue(): boolean {
    return (this.table.nextDue() ?? Number.POSITIVE_INFINITY) <= Date.now();
  }

  #renewLeases(): void {
    if (this.#leases.size === 0) return;
    try {
      this.table.transaction(() => {
        for (const lease of this.#leases) this.table.renewLease(lease, Date.now());
      });
    } catch (thrown) {
      this.options.onStoreError(toError(thrown));
    }
  }
}
