import { type Plan, planWebhooks, type Step } from './plan.js';
import type { Webhook } from './schemas.js';

/** What applying a plan came to. */
export interface Applied {
  /** What was done, in that order. */
  readonly steps: readonly Step[];
  /** The active webhooks for the wanted events, one each. */
  readonly webhooks: readonly Webhook[];
  /** As in the plan. */
  readonly duplicates: readonly Webhook[];
}

export interface ApplyOptions {
  /** Told after each step. */
  readonly onStep?: ((step: Step, webhook: Webhook) => void) | undefined;
}

const APPLIED = new WeakSet<Plan>();

/**
 * Does what a plan says, a step after the other. It may be interrupted at any point: plan and apply again, and it goes on
 * from what is there. A plan that was applied before is made anew first.
 *
 * @throws {CakemailApiError} when the API does; what was done until then stays done.
 */
export async function applyPlan(plan: Plan, { onStep = () => {} }: ApplyOptions = {}): Promise<Applied> {
  const { steps, wanted, known, duplicates } = APPLIED.has(plan) ? await planWebhooks(plan.wanted) : plan;
  APPLIED.add(plan);
  const { api, url, rateLimit, signal } = wanted;
  const done: Step[] = [];
  const webhooks = new Map<string, Webhook>();

  async function carryOut(step: Step): Promise<Webhook> {
    switch (step.action) {
      case 'create':
        return api.webhooks.create({ event: step.event, url, rateLimit }, { known, signal });
      case 'unarchive':
        return api.webhooks.unarchive(step.webhook.id, { signal });
      case 'update':
        return api.webhooks.update(step.webhook.id, { rateLimit }, { signal });
      case 'archive':
        return api.webhooks.archive(step.webhook.id, { signal });
      case 'keep':
        return step.webhook;
    }
  }

  for (const step of steps) {
    signal?.throwIfAborted();
    const webhook = await carryOut(step);
    if (step.action === 'archive') webhooks.delete(step.event);
    else webhooks.set(step.event, webhook);
    if (step.action !== 'keep') done.push(step);
    onStep(step, webhook);
  }
  return { steps: done, webhooks: [...webhooks.values()], duplicates };
}
