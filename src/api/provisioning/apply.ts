import { combined } from '../../shared/abort-signals.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import { CakemailApiError, combineErrors } from '../client/api-errors.js';
import { compareIds } from '../client/ids.js';
import type { Webhook } from '../client/response-schemas.js';
import type { Cancellable, Webhooks } from '../client/webhooks.js';
import { type Plan, planWebhooks, type Step } from './plan.js';
import { sameUrl } from './urls.js';

/** The result of applying a plan. */
export interface ApplyResult {
  /** The changes that were made, in this order. */
  readonly steps: readonly Step[];
  /** The active webhooks for the desired events, one per event. */
  readonly webhooks: readonly Webhook[];
  /** Other active webhooks for the same events, which deliver each event again. They were not changed; a process warning names them. */
  readonly duplicates: readonly Webhook[];
}

export interface ApplyOptions extends Cancellable {
  /** Called after each step. */
  readonly onStep?: ((step: Step, webhook: Webhook) => void) | undefined;
}

const APPLIED_PLANS = new WeakSet<Plan>();

/**
 * Carries out a plan step by step. After an interruption, planning and applying again continues from the current state. A plan that
 * was applied before is planned again first.
 *
 * Several processes may apply plans at the same time. A webhook that another process created after the plan was made is kept
 * as it is and not created again; the next plan updates its rate limit. When two processes create a webhook for the same event at
 * the same moment, each lists again, the webhook with the smallest id is kept, and the process that created the other one
 * archives it.
 *
 * When the API refuses the step of one event, the steps of the others still run. After a refused token, an unavailable API or a
 * create with an unknown result, no other step runs. The webhooks that were created by then are still compared with those of other
 * processes, if the API answers.
 *
 * @throws {CakemailApiError} when the API fails; `event` names the event, and completed steps are kept. When several calls failed,
 * it is the error of the first one, and its `cause` is an AggregateError of all. The message names the created webhooks that
 * could not be compared.
 */
export async function applyPlan(plan: Plan, { onStep = () => {}, signal }: ApplyOptions = {}): Promise<ApplyResult> {
  const abort = combined(plan.desired.signal, signal);
  try {
    abort.signal.throwIfAborted();
    const current = APPLIED_PLANS.has(plan) ? await planWebhooks({ ...plan.desired, signal: abort.signal }) : plan;
    APPLIED_PLANS.add(plan);
    return await new PlanApplication(current, onStep, abort.signal).run();
  } finally {
    abort.release();
  }
}

/** One run of `applyPlan`. */
class PlanApplication {
  readonly #webhooks: Webhooks;
  readonly #completed: Step[] = [];
  /** The webhook of each desired event. */
  readonly #current = new Map<string, Webhook>();
  /** The events whose webhook this run created. */
  readonly #created = new Set<string>();
  readonly #failures: CakemailApiError[] = [];

  constructor(
    private readonly plan: Plan,
    private readonly onStep: (step: Step, webhook: Webhook) => void,
    private readonly signal: AbortSignal,
  ) {
    this.#webhooks = plan.desired.api.webhooks;
  }

  async run(): Promise<ApplyResult> {
    const { steps, duplicates } = this.plan;
    // Another process may have created a webhook since the plan was made.
    const addsWebhooks = steps.some(({ action }) => action === 'create' || action === 'unarchive');
    const listed = addsWebhooks ? await this.#list() : [];
    for (const step of steps) {
      this.signal.throwIfAborted();
      if (this.#failures.some(({ event }) => event === step.event)) continue;
      if (!(await this.#try(step.event, () => this.#execute(step, listed)))) break;
    }
    const { others: unresolved, uncompared } = await this.#tryToResolveConflicts();
    const [first, ...others] = this.#failures;
    if (first !== undefined) throw combineErrors([first, ...others]).with(uncompared);
    const archived = new Set(this.#completed.map((step) => step.action === 'archive' && step.webhook.id));
    const remaining = [...duplicates, ...unresolved].filter(({ id }) => !archived.has(id));
    warnAboutDuplicates(remaining);
    return { steps: this.#completed, webhooks: [...this.#current.values()], duplicates: remaining };
  }

  /** Records an API error instead of throwing it. Returns false when the steps of other events would fail too. */
  async #try(event: string | undefined, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      if (!(thrown instanceof CakemailApiError)) throw thrown;
      const error = thrown.with({ event: event ?? thrown.event });
      this.#failures.push(error);
      return affectsOneEvent(error);
    }
  }

  async #execute(step: Step, listed: readonly Webhook[]): Promise<void> {
    const { signal } = this;
    const existing = this.#activeOf(listed, step.event)[0];
    if (existing !== undefined && (step.action === 'create' || step.action === 'unarchive')) {
      return this.#record({ action: 'keep', event: step.event, webhook: existing }, existing);
    }
    switch (step.action) {
      case 'create': {
        const { url, rateLimit } = this.plan.desired;
        const known = [...this.plan.known, ...listed.map(({ id }) => id)];
        const created = await this.#webhooks.create({ event: step.event, url, rateLimit }, { known, signal });
        this.#created.add(step.event);
        return this.#record(step, created);
      }
      case 'unarchive':
        return this.#record(step, fillFrom(await this.#webhooks.unarchive(step.webhook.id, { signal }), step.webhook));
      case 'update': {
        const { rateLimit } = step;
        const webhook = this.#current.get(step.event) ?? step.webhook;
        return this.#record(
          step,
          fillFrom(await this.#webhooks.update(webhook.id, { rateLimit }, { signal }), webhook),
        );
      }
      case 'archive':
        if (step.duplicateOf !== undefined) return this.#archiveDuplicate(step, step.duplicateOf);
        return this.#record(step, fillFrom(await this.#webhooks.archive(step.webhook.id, { signal }), step.webhook));
      case 'keep':
        return this.#record(step, step.webhook);
    }
  }

  #record(step: Step, webhook: Webhook): void {
    if (step.action !== 'archive') this.#current.set(step.event, webhook);
    if (step.action !== 'keep') this.#completed.push(step);
    this.onStep(step, webhook);
  }

  /** Resolves conflicts even after a failed step. When that fails too, `uncompared` names the created webhooks. */
  async #tryToResolveConflicts(): Promise<{ readonly others: Webhook[]; readonly uncompared: { detail?: string } }> {
    let others: Webhook[] = [];
    if (this.#created.size === 0) return { others, uncompared: {} };
    const before = this.#failures.length;
    await this.#try(undefined, async () => {
      others = await this.#resolveConflicts();
    });
    if (this.#failures.length === before) return { others, uncompared: {} };
    const names = [...this.#created].map((event) => `${this.#current.get(event)?.id} (${event})`).join(', ');
    const detail = `created, but not compared with what other processes may have created: ${names}`;
    return { others, uncompared: { detail } };
  }

  /**
   * Finds webhooks that other processes created for the same events, and archives those of this run that have a greater id.
   * Returns the duplicates that are still active after the other processes had time to do the same.
   */
  async #resolveConflicts(): Promise<Webhook[]> {
    const own = [...this.#created].flatMap((event) => this.#current.get(event)?.id ?? []);
    const all = await this.#list((listed) => own.every((id) => listed.some((each) => each.id === id)));
    for (const event of this.#created) {
      const [kept] = this.#activeOf(all, event);
      const mine = this.#current.get(event);
      if (kept === undefined || mine === undefined || mine.id === kept.id) continue;
      const step: Step = { action: 'archive', event, webhook: mine, duplicateOf: kept };
      if (!(await this.#try(event, () => this.#archiveDuplicate(step, kept)))) return [];
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

  /** Archives a duplicate, and reverts that if the webhook to keep was archived in the meantime. */
  async #archiveDuplicate(step: Step & { readonly webhook: Webhook }, kept: Webhook): Promise<void> {
    const { signal } = this;
    const { event, webhook } = step;
    const archived = await this.#webhooks.archive(webhook.id, { signal });
    if ((await this.#statusOf(kept)) === 'archived') {
      const restored = fillFrom(await this.#webhooks.unarchive(webhook.id, { signal }), webhook);
      // An event that the plan only prunes has no current webhook.
      if (this.#current.has(event)) this.#current.set(event, restored);
      return;
    }
    // A duplicate from the plan is not the current webhook of its event, which may have been updated since.
    if (this.#current.get(event)?.id === webhook.id) this.#current.set(event, kept);
    this.#record(step, fillFrom(archived, webhook));
  }

  /** Reads the status of a webhook; the listed status when that fails. */
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
    const isActive = ({ id, status }: Webhook): boolean => id !== '' && status === 'active';
    return all
      .filter((each) => isActive(each) && each.event === event && sameUrl(each.url, this.plan.url))
      .sort((a, b) => compareIds(a.id, b.id));
  }
}

/** True when the steps of other events may still succeed. */
function affectsOneEvent({ code, apiStatus }: CakemailApiError): boolean {
  return code === 'ERR_API_REFUSED' && apiStatus !== 401 && apiStatus !== 403;
}

function warnAboutDuplicates(duplicates: readonly Webhook[]): void {
  if (duplicates.length === 0) return;
  const names = duplicates.map(({ id, event }) => `${id} (${event})`).join(', ');
  const message = `These webhooks deliver the same events as other active ones, so that each event arrives twice: ${names}.`;
  emitProcessWarning('WARN_DUPLICATES', message);
}

/** Fills members that a response lacks with those of the webhook before the change. */
function fillFrom(changed: Webhook, before: Webhook): Webhook {
  const { event, url, rateLimit } = changed;
  return { ...changed, event: event || before.event, url: url || before.url, rateLimit: rateLimit ?? before.rateLimit };
}
