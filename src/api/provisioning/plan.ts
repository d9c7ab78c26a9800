import { closestListed, EVENT_NAMES, isCatalogueName, patternOf } from '../../events/catalogue.js';
import { typoOf } from '../../shared/closest-match.js';
import { invalid, positiveInteger, rejectUnknownKeys } from '../../shared/option-checks.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import type { CakemailApi } from '../client/client.js';
import { compareIds, isNewer } from '../client/ids.js';
import type { RateLimit, Webhook } from '../client/response-schemas.js';
import type { Cancellable } from '../client/webhooks.js';
import { differBySlash, sameUrl } from './urls.js';

/** The webhooks that a URL should have. */
export interface DesiredState extends Cancellable {
  readonly api: CakemailApi;
  /** The URL that the webhooks deliver to. */
  readonly url: string;
  /** At least one name, or pattern such as `'Email.*'`. `webhooks.subscribedEvents()` returns the names that have handlers. */
  readonly events: readonly string[];
  /** The rate limit of every webhook. Default: existing webhooks keep theirs. */
  readonly rateLimit?: RateLimit | undefined;
  /** True archives the webhooks on this URL for all other events. Default false. */
  readonly prune?: boolean | undefined;
  /**
   * True archives those `duplicates` that are older according to `isNewer`. Default false. Do not use it during a rotation, because
   * it would archive the old webhook before the grace time is over.
   */
  readonly pruneDuplicates?: boolean | undefined;
}

/** One change to make, or a webhook to keep as it is. */
export type Step = { readonly event: string } & (
  | { readonly action: 'create' }
  | { readonly action: 'unarchive' | 'keep'; readonly webhook: Webhook }
  | { readonly action: 'update'; readonly webhook: Webhook; readonly rateLimit: RateLimit }
  | {
      readonly action: 'archive';
      readonly webhook: Webhook;
      /** The active webhook for the same event that is kept, when this one is its duplicate. */
      readonly duplicateOf?: Webhook;
    }
);

/** The steps from the current state of a URL to the desired one. */
export interface Plan {
  readonly url: string;
  readonly steps: readonly Step[];
  /** True when every step is `keep`. */
  readonly isEmpty: boolean;
  /**
   * Active webhooks for an event that has another active one on this URL, so that the event is delivered more than once. An
   * interrupted rotation leaves such a webhook, and running the rotation again archives it. Only `pruneDuplicates` archives the
   * others, and only those that are older according to `isNewer`. Where that is unknown, the last id in alphabetical order is
   * kept, and the others are listed here but never archived.
   */
  readonly duplicates: readonly Webhook[];
  /**
   * Webhooks on this URL whose status this package does not know, or whose id or event the API leaves out. They are never
   * changed. An event that has such a webhook and no active one gets no step, because a second webhook could deliver everything
   * twice. A process warning names them.
   */
  readonly unknownStatus: readonly Webhook[];
  /** Active webhooks whose URL differs from this one only by a trailing slash. They count as another URL, and are never changed. */
  readonly similar: readonly Webhook[];
  /** The input of the plan, for `applyPlan`. */
  readonly desired: DesiredState;
  /** The ids of all webhooks that existed, on any URL. */
  readonly known: readonly string[];
}

/**
 * Compares the webhooks on a URL with the desired ones. It lists the webhooks once and changes nothing. After an interruption,
 * planning and applying again continues from the current state.
 *
 * @throws {ConfigurationError} for an invalid option.
 * @throws {CakemailApiError} when the API fails.
 */
export async function planWebhooks(desired: DesiredState): Promise<Plan> {
  const { api, url, rateLimit, prune = false, pruneDuplicates = false, signal } = checkOptions(desired);
  const events = expandPatterns(desired.events);
  const all = await api.webhooks.all({ withArchived: true, signal });
  const here = all.filter((webhook) => sameUrl(webhook.url, url));
  const unknownStatus = here.filter(hasUnknownStatus);
  const knownStatus = here.filter((webhook) => !hasUnknownStatus(webhook));
  const active = knownStatus.filter(({ status }) => status === 'active').sort((a, b) => compareIds(a.id, b.id));

  const steps: Step[] = [];
  for (const event of events) {
    const current = active.findLast((each) => each.event === event);
    if (current === undefined && unknownStatus.some((each) => each.event === event)) continue;
    const webhook = current ?? latestArchived(knownStatus, event);
    if (webhook === undefined) {
      steps.push({ action: 'create', event });
      continue;
    }
    if (current === undefined) steps.push({ action: 'unarchive', event, webhook });
    if (rateLimit !== undefined && !hasRateLimit(webhook, rateLimit))
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
  warnAboutUnknownStatus(unknownStatus);
  const similar = all.filter((webhook) => webhook.status === 'active' && differBySlash(url, webhook.url));
  const isEmpty = steps.every(({ action }) => action === 'keep');
  return { url, steps, isEmpty, duplicates, unknownStatus, similar, desired, known: all.map(({ id }) => id) };
}

function hasUnknownStatus({ id, event, status }: Webhook): boolean {
  return status !== 'archived' && (status !== 'active' || id === '' || event === '');
}

/** Replaces each pattern with the names that it covers. */
function expandPatterns(events: readonly string[]): string[] {
  const names = events.flatMap((event) => {
    if (typeof event !== 'string' || event === '') throw invalid('`events` must be a list of names or patterns.');
    if (!event.endsWith('*')) return [event];
    const covered = EVENT_NAMES.filter((name) => patternOf(name) === event);
    if (covered.length > 0) return covered;
    throw invalid(`\`events\`: no published name matches '${event}'.${suggestion(event)}`);
  });
  // The API may know newer names, so only a probable typo of a published name is refused.
  const unlisted = [...new Set(names)].filter((name) => !isCatalogueName(name));
  for (const name of unlisted) {
    if (typoOf(name, EVENT_NAMES) !== undefined)
      throw invalid(`\`events\`: there is no event '${name}'.${suggestion(name)}`);
  }
  for (const name of unlisted) {
    const message = `\`events\`: '${name}' is not an event that Cakemail publishes.${suggestion(name)}`;
    emitProcessWarning('WARN_EVENT_NAME', message);
  }
  return [...new Set(names)];
}

function suggestion(name: string): string {
  const meant = closestListed(name);
  return meant === undefined ? '' : ` Did you mean '${meant}'?`;
}

const OPTION_NAMES = ['api', 'url', 'events', 'rateLimit', 'prune', 'pruneDuplicates', 'signal'];

function checkOptions(desired: DesiredState): DesiredState {
  rejectUnknownKeys('planWebhooks() options', desired, OPTION_NAMES);
  const { url, events, rateLimit } = desired;
  if (!URL.canParse(url) || !/^https?:/.test(url) || url.length > 2083) {
    throw invalid('`url` must be an http or https URL of at most 2,083 characters.');
  }
  if (!Array.isArray(events)) throw invalid('`events` must be a list of names or patterns.');
  // The app probably has no handlers yet, and `prune` would archive everything.
  if (events.length === 0) throw invalid('`events` is empty: name at least one event.');
  if (rateLimit !== undefined) {
    rejectUnknownKeys('rateLimit', rateLimit, ['limit', 'period']);
    positiveInteger('rateLimit.limit', rateLimit.limit, 1);
    if (!['second', 'minute'].includes(rateLimit.period))
      throw invalid("`rateLimit.period` must be 'second' or 'minute'.");
  }
  return desired;
}

/** The webhook that was archived last, so that its key stays in use. */
function latestArchived(here: readonly Webhook[], event: string): Webhook | undefined {
  return here
    .filter((webhook) => webhook.event === event && webhook.id !== '')
    .sort((a, b) => (b.archivedAt?.getTime() ?? 0) - (a.archivedAt?.getTime() ?? 0))[0];
}

function hasRateLimit({ rateLimit }: Webhook, desired: RateLimit): boolean {
  return rateLimit?.limit === desired.limit && rateLimit.period === desired.period;
}

function warnAboutUnknownStatus(webhooks: readonly Webhook[]): void {
  if (webhooks.length === 0) return;
  const names = webhooks.map(({ id, event }) => `${id || 'no id'} (${event || 'no event'})`).join(', ');
  const message = `These webhooks have an unknown status, or lack an id or an event, and are never changed: ${names}.`;
  emitProcessWarning('WARN_STATUS', message);
}
