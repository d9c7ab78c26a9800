import { combined } from '../../shared/abort-signals.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import { CakemailApiError, together } from '../client/api-errors.js';
import { compareIds } from '../client/ids.js';
import type { Webhook } from '../client/response-schemas.js';
import type { Cancellable, Webhooks } from '../client/webhooks.js';
import { type Plan, planWebhooks, type Step } from './plan.js';
import { sameUrl } from './urls.js';

/** What applying a plan came to. */
export interface Applied {
  /** What was done, in that order. */
  readonly steps: readonly Step[];
  /** The active webhooks for the wanted events, one each. */
  readonly webhooks: readonly Webhook[];
  /** Further active webhooks for the same events, which deliver every event again. They were left alone; a process warning names them. */
  readonly duplicates: readonly Webhook[];
}

export interface ApplyOptions extends Cancellable {
  /** Told after each step. */
  readonly onStep?: ((step: Step, webhook: Webhook) => void) | undefined;
}

const APPLIED = new WeakSet<Plan>();

/**
 * Does what a plan says, a step after the other. It may be interrupted at any point: plan and apply again, and it goes on
 * from what is there. A plan that was applied before is made anew first.
 *
 * Several processes may apply at the same time. What another one has created since the plan was made is not created again; when
 * two create a webhook for an event at the same moment, each lists again, the smallest id stays, and the process that created
 * another one archives it.
 *
 * A webhook that another process created is kept as it is; a further plan updates its rate limit.
 *
 * A refusal that concerns one event does not keep the others from being tried; after a refused token, an API that is away or a
 * create whose result is not known no further step is tried. What was created by then is still compared with what other processes
 * created, if the API answers.
 *
 * @throws {CakemailApiError} when the API does, with the `event`; what was done stays done. When several calls failed, it is
 * the error of the first, and its `cause` is an AggregateError of all. Its message names the webhooks that were created and could
 * not be compared.
 */
export async function applyPlan(plan: Plan, { onStep = () => {}, signal }: ApplyOptions = {}): Promise<Applied> {
  const either = combined(plan.wanted.signal, signal);
  try {
    either.signal.throwIfAborted();
    const fresh = APPLIED.has(plan) ? await planWebhooks({ ...plan.wanted, signal: either.signal }) : plan;
    APPLIED.add(plan);
    return await new Application(fresh, onStep, either.signal).run();
  } finally {
    either.release();
  }
}

class Application {
  readonly #webhooks: Webhooks;
  readonly #done: Step[] = [];
  /** The webhook of each event. */
  readonly #current = new Map<string, Webhook>();
  /** The events whose webhook this run created. */
  readonly #created = new Set<string>();
  readonly #failures: CakemailApiError[] = [];

  constructor(
    private readonly plan: Plan,
    private readonly onStep: (step: Step, webhook: Webhook) => void,
    private readonly signal: AbortSignal,
  ) {
    this.#webhooks = plan.wanted.api.webhooks;
  }

  async run(): Promise<Applied> {
    const { steps, duplicates } = this.plan;
    // An event that got a webhook since the plan was made does not get another one.
    const isAdding = steps.some(({ action }) => action === 'create' || action === 'unarchive');
    const now = isAdding ? await this.#list() : [];
    for (const step of steps) {
      this.signal.throwIfAborted();
      if (this.#failures.some(({ event }) => event === step.event)) continue;
      if (!(await this.#try(step.event, () => this.#carryOut(step, now)))) break;
    }
    const { added, unsettled } = await this.#settleWhereAnswered();
    const [first, ...others] = this.#failures;
    if (first !== undefined) throw together([first, ...others]).with(unsettled);
    const archived = new Set(this.#done.map((step) => step.action === 'archive' && step.webhook.id));
    const left = [...duplicates, ...added].filter(({ id }) => !archived.has(id));
    warnOf(left);
    return { steps: this.#done, webhooks: [...this.#current.values()], duplicates: left };
  }

  /** Returns whether other events may still be tried. */
  async #try(event: string | undefined, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      if (!(thrown instanceof CakemailApiError)) throw thrown;
      const error = thrown.with({ event: event ?? thrown.event });
      this.#failures.push(error);
      return concernsOne(error);
    }
  }

  async #carryOut(step: Step, now: readonly Webhook[]): Promise<void> {
    const { signal } = this;
    const there = this.#activeOf(now, step.event)[0];
    if (there !== undefined && (step.action === 'create' || step.action === 'unarchive')) {
      return this.#tell({ action: 'keep', event: step.event, webhook: there }, there);
    }
    switch (step.action) {
      case 'create': {
        const { url, rateLimit } = this.plan.wanted;
        const known = [...this.plan.known, ...now.map(({ id }) => id)];
        const created = await this.#webhooks.create({ event: step.event, url, rateLimit }, { known, signal });
        this.#created.add(step.event);
        return this.#tell(step, created);
      }
      case 'unarchive':
        return this.#tell(step, filled(await this.#webhooks.unarchive(step.webhook.id, { signal }), step.webhook));
      case 'update': {
        const { rateLimit } = step;
        const webhook = this.#current.get(step.event) ?? step.webhook;
        return this.#tell(step, filled(await this.#webhooks.update(webhook.id, { rateLimit }, { signal }), webhook));
      }
      case 'archive':
        if (step.duplicateOf !== undefined) return this.#archiveDuplicate(step, step.duplicateOf);
        return this.#tell(step, filled(await this.#webhooks.archive(step.webhook.id, { signal }), step.webhook));
      case 'keep':
        return this.#tell(step, step.webhook);
    }
  }

  #tell(step: Step, webhook: Webhook): void {
    if (step.action !== 'archive') this.#current.set(step.event, webhook);
    if (step.action !== 'keep') this.#done.push(step);
    this.onStep(step, webhook);
  }

  /** Settles, also after a failure, and names what was created when that is not possible. */
  async #settleWhereAnswered(): Promise<{ readonly added: Webhook[]; readonly unsettled: { detail?: string } }> {
    let added: Webhook[] = [];
    if (this.#created.size === 0) return { added, unsettled: {} };
    const before = this.#failures.length;
    await this.#try(undefined, async () => {
      added = await this.#settle();
    });
    if (this.#failures.length === before) return { added, unsettled: {} };
    const names = [...this.#created].map((event) => `${this.#current.get(event)?.id} (${event})`).join(', ');
    const detail = `created, but not compared with what other processes may have created: ${names}`;
    return { added, unsettled: { detail } };
  }

  /**
   * Finds webhooks that other processes created at the same time, and archives those of this run that have a greater id. Returns
   * the duplicates that are still active after the other processes have had time to do the same.
   */
  async #settle(): Promise<Webhook[]> {
    const own = [...this.#created].flatMap((event) => this.#current.get(event)?.id ?? []);
    const all = await this.#list((listed) => own.every((id) => listed.some((each) => each.id === id)));
    for (const event of this.#created) {
      const [stays] = this.#activeOf(all, event);
      const mine = this.#current.get(event);
      if (stays === undefined || mine === undefined || mine.id === stays.id) continue;
      const step: Step = { action: 'archive', event, webhook: mine, duplicateOf: stays };
      if (!(await this.#try(event, () => this.#archiveDuplicate(step, stays)))) return [];
    }
    if (this.#others(all).length === 0) return [];
    return this.#others(await this.#list((listed) => this.#others(listed).length === 0));
  }

  /** The active webhooks other than the current ones, for the events whose webhook this run created. */
  #others(all: readonly Webhook[]): Webhook[] {
    return [...this.#created].flatMap((event) =>
      this.#activeOf(all, event).filter(({ id }) => id !== this.#current.get(event)?.id),
    );
  }

  /** Archives one of two, and brings it back if the other one was archived in the meantime. */
  async #archiveDuplicate(step: Step & { readonly webhook: Webhook }, stays: Webhook): Promise<void> {
    const { signal } = this;
    const { event, webhook } = step;
    const archived = await this.#webhooks.archive(webhook.id, { signal });
    if ((await this.#statusOf(stays)) === 'archived') {
      const back = filled(await this.#webhooks.unarchive(webhook.id, { signal }), webhook);
      // An event that is not wanted has no current webhook, and gets none.
      if (this.#current.has(event)) this.#current.set(event, back);
      return;
    }
    // The duplicate of a plan is not the current webhook, which may have been updated since the plan was made.
    if (this.#current.get(event)?.id === webhook.id) this.#current.set(event, stays);
    this.#tell(step, filled(archived, webhook));
  }

  /** The present status of a webhook, or that of the list when it cannot be read. */
  async #statusOf({ id, status }: Webhook): Promise<string> {
    try {
      return (await this.#webhooks.show(id, { signal: this.signal })).status;
    } catch (thrown) {
      if (thrown instanceof CakemailApiError) return status;
      throw thrown;
    }
  }

  #list(until?: (listed: readonly Webhook[]) => boolean): Promise<Webhook[]> {
    return this.#webhooks.all({ ...(until && { until }), signal: this.signal });
  }

  /** The active webhooks for an event on the URL, the smallest id first. */
  #activeOf(all: readonly Webhook[], event: string): Webhook[] {
    const fits = (each: Webhook) => each.event === event && sameUrl(each.url, this.plan.url) && each.id !== '';
    return all.filter((each) => fits(each) && each.status === 'active').sort((a, b) => compareIds(a.id, b.id));
  }
}

/** True when the error concerns its event alone, so that other events may still succeed. */
function concernsOne({ code, apiStatus }: CakemailApiError): boolean {
  return code === 'ERR_API_REFUSED' && apiStatus !== 401 && apiStatus !== 403;
}

function warnOf(duplicates: readonly Webhook[]): void {
  if (duplicates.length === 0) return;
  const names = duplicates.map(({ id, event }) => `${id} (${event})`).join(', ');
  const message = `Another active webhook delivers the same as each of these, so that every event arrives twice: ${names}.`;
  emitProcessWarning('WARN_DUPLICATES', message);
}

/** Fills members that an answer left out from the webhook as it was before. */
function filled(changed: Webhook, before: Webhook): Webhook {
  const { event, url, rateLimit } = changed;
  return { ...changed, event: event || before.event, url: url || before.url, rateLimit: rateLimit ?? before.rateLimit };
}
