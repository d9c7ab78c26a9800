import { closestListed, EVENT_NAMES, isCatalogueName, patternOf } from '../../events/catalogue.js';
import { typoOf } from '../../shared/closest-match.js';
import { invalid, positiveInteger, rejectUnknownKeys } from '../../shared/option-checks.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import type { CakemailApi } from '../client/client.js';
import { compareIds, isNewer } from '../client/ids.js';
import type { RateLimit, Webhook } from '../client/response-schemas.js';
import type { Cancellable } from '../client/webhooks.js';
import { differBySlash, sameUrl } from './urls.js';

/** Which webhooks there should be. */
export interface Wanted extends Cancellable {
  readonly api: CakemailApi;
  /** Where Cakemail shall deliver. */
  readonly url: string;
  /** At least one name, or pattern such as `'Email.*'`. `webhooks.subscribedEvents()` gives those that have handlers. */
  readonly events: readonly string[];
  /** For every one of them; left out, those that exist keep theirs. */
  readonly rateLimit?: RateLimit | undefined;
  /** Whether webhooks on this URL for events that are not wanted are archived. Default false. */
  readonly prune?: boolean | undefined;
  /**
   * True archives those of the `duplicates` that `isNewer` takes for older. Default false. Do not use it while a rotation runs,
   * because it would archive the old webhook before the grace time is over.
   */
  readonly pruneDuplicates?: boolean | undefined;
}

/** One thing to do, or to leave as it is. */
export type Step = { readonly event: string } & (
  | { readonly action: 'create' }
  | { readonly action: 'unarchive' | 'keep'; readonly webhook: Webhook }
  | { readonly action: 'update'; readonly webhook: Webhook; readonly rateLimit: RateLimit }
  | {
      readonly action: 'archive';
      readonly webhook: Webhook;
      /** The active webhook for the same event that stays, when this one is its duplicate. */
      readonly duplicateOf?: Webhook;
    }
);

/** What it takes to come from what is to what is wanted. */
export interface Plan {
  readonly url: string;
  readonly steps: readonly Step[];
  /** Whether there is nothing to do. */
  readonly isEmpty: boolean;
  /**
   * Active webhooks for an event that has a newer one on this URL: each delivers everything once more. An interrupted rotation
   * leaves one, and running it again archives it. Left alone unless `pruneDuplicates` is true. Which of several is newer is
   * assumed from their ids when both are numbers, see `isNewer`. Otherwise the last id in alphabetical order is kept, and the others
   * are named here but never archived.
   */
  readonly duplicates: readonly Webhook[];
  /**
   * Webhooks on this URL with a status that this package does not know, or of which the API does not tell the id or the event.
   * They are left alone. An event that has one of these and no active webhook gets no step, so that a second webhook does not
   * come into being. A process warning names them.
   */
  readonly unclear: readonly Webhook[];
  /** Active webhooks whose URL differs from this one by a trailing slash alone. It counts as another URL. Left alone. */
  readonly similar: readonly Webhook[];
  /** What it was made of, for `applyPlan`. */
  readonly wanted: Wanted;
  /** The ids of all webhooks that there were. */
  readonly known: readonly string[];
}

/**
 * Compares the webhooks on a URL with those that are wanted: one listing, and nothing is changed. Making and applying a plan
 * again, after an interruption for instance, goes on from what is there.
 *
 * @throws {ConfigurationError} for what cannot be wanted.
 * @throws {CakemailApiError} when the API does.
 */
export async function planWebhooks(wanted: Wanted): Promise<Plan> {
  const { api, url, rateLimit, prune = false, pruneDuplicates = false, signal } = check(wanted);
  const events = expand(wanted.events);
  const all = await api.webhooks.all({ withArchived: true, signal });
  const here = all.filter((webhook) => sameUrl(webhook.url, url));
  const unclear = here.filter(isUnclear);
  const clear = here.filter((webhook) => !isUnclear(webhook));
  const active = clear.filter(({ status }) => status === 'active').sort((a, b) => compareIds(a.id, b.id));

  const steps: Step[] = [];
  for (const event of events) {
    const current = active.findLast((each) => each.event === event);
    if (current === undefined && unclear.some((each) => each.event === event)) continue;
    const webhook = current ?? latestArchived(clear, event);
    if (webhook === undefined) {
      steps.push({ action: 'create', event });
      continue;
    }
    if (current === undefined) steps.push({ action: 'unarchive', event, webhook });
    if (rateLimit !== undefined && !hasLimit(webhook, rateLimit))
      steps.push({ action: 'update', event, webhook, rateLimit });
    else if (current !== undefined) steps.push({ action: 'keep', event, webhook });
  }
  const duplicates: Webhook[] = [];
  for (const webhook of active) {
    const { event } = webhook;
    const newest = active.findLast((each) => each.event === event);
    if (prune && !events.includes(event)) steps.push({ action: 'archive', event, webhook });
    else if (newest !== undefined && newest !== webhook) {
      duplicates.push(webhook);
      if (pruneDuplicates && isNewer(newest.id, webhook.id) === true)
        steps.push({ action: 'archive', event, webhook, duplicateOf: newest });
    }
  }
  warnOf(unclear);
  const similar = all.filter((webhook) => webhook.status === 'active' && differBySlash(url, webhook.url));
  const isEmpty = steps.every(({ action }) => action === 'keep');
  return { url, steps, isEmpty, duplicates, unclear, similar, wanted, known: all.map(({ id }) => id) };
}

function isUnclear({ id, event, status }: Webhook): boolean {
  return status !== 'archived' && (status !== 'active' || id === '' || event === '');
}

/** Names and patterns as names. */
export function expand(events: readonly string[]): string[] {
  const names = events.flatMap((event) => {
    if (typeof event !== 'string' || event === '') throw invalid('`events` must be a list of names or patterns.');
    if (!event.endsWith('*')) return [event];
    const covered = EVENT_NAMES.filter((name) => patternOf(name) === event);
    if (covered.length > 0) return covered;
    throw invalid(`\`events\`: no published name fits '${event}'.${hint(event)}`);
  });
  // The API may know further names, so only a name that differs from a published one by a slip of the keyboard is refused.
  const unlisted = [...new Set(names)].filter((name) => !isCatalogueName(name));
  for (const name of unlisted) {
    if (typoOf(name, EVENT_NAMES) !== undefined) throw invalid(`\`events\`: there is no '${name}'.${hint(name)}`);
  }
  for (const name of unlisted) {
    const message = `\`events\`: '${name}' is not in the list of events that Cakemail publishes.${hint(name)}`;
    emitProcessWarning('WARN_EVENT_NAME', message);
  }
  return [...new Set(names)];
}

function hint(name: string): string {
  const meant = closestListed(name);
  return meant === undefined ? '' : ` Did you mean '${meant}'?`;
}

const MEMBERS = ['api', 'url', 'events', 'rateLimit', 'prune', 'pruneDuplicates', 'signal'];

function check(wanted: Wanted): Wanted {
  rejectUnknownKeys('planWebhooks() options', wanted, MEMBERS);
  const { url, events, rateLimit } = wanted;
  if (!URL.canParse(url) || !/^https?:/.test(url) || url.length > 2083) {
    throw invalid('`url` must be an http or https address of at most 2,083 characters.');
  }
  if (!Array.isArray(events)) throw invalid('`events` must be a list of names or patterns.');
  // No handlers, most likely, and with `prune` everything would go.
  if (events.length === 0) throw invalid('`events` is empty: name at least one event.');
  if (rateLimit !== undefined) {
    rejectUnknownKeys('rateLimit', rateLimit, ['limit', 'period']);
    positiveInteger('rateLimit.limit', rateLimit.limit, 1);
    if (!['second', 'minute'].includes(rateLimit.period)) throw invalid("`rateLimit.period` is 'second' or 'minute'.");
  }
  return wanted;
}

/** The one that was archived last comes back, so that its key stays in use. */
function latestArchived(here: readonly Webhook[], event: string): Webhook | undefined {
  return here
    .filter((webhook) => webhook.event === event && webhook.id !== '')
    .sort((a, b) => (b.archivedAt?.getTime() ?? 0) - (a.archivedAt?.getTime() ?? 0))[0];
}

function hasLimit({ rateLimit }: Webhook, wanted: RateLimit): boolean {
  return rateLimit?.limit === wanted.limit && rateLimit.period === wanted.period;
}

function warnOf(unclear: readonly Webhook[]): void {
  if (unclear.length === 0) return;
  const names = unclear.map(({ id, event }) => `${id || 'no id'} (${event || 'no event'})`).join(', ');
  const message = `These webhooks have a status that this package does not know, or lack an id or an event. They are left alone: ${names}.`;
  emitProcessWarning('WARN_STATUS', message);
}
