import { invalid } from '../option-checks.js';
import type { Caller } from './call.js';
import { CakemailApiError } from './errors.js';
import { changedSchema, pageSchema, type RateLimit, type ShownWebhook, shownSchema, type Webhook } from './schemas.js';

const PER_PAGE = 50;

/** For calls that a caller may give up. */
export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** What a webhook is created with. */
export interface NewWebhook {
  /** One event: a webhook carries no more. */
  readonly event: string;
  /** At most 2,083 characters. */
  readonly url: string;
  /** Cakemail's default is 50 a second. */
  readonly rateLimit?: RateLimit | undefined;
}

/** What of a webhook can be changed; its event cannot. */
export interface WebhookChanges {
  readonly url?: string | undefined;
  readonly rateLimit?: RateLimit | undefined;
}

/** The operations on webhooks. Source: Cakemail's OpenAPI document 1.18.25, paths below `/webhooks`. */
export class Webhooks {
  constructor(private readonly call: Caller) {}

  /** All webhooks, page by page as they are asked for; each once, even when pages overlap. */
  async *list({
    withArchived = false,
    signal,
  }: { readonly withArchived?: boolean } & Cancellable = {}): AsyncGenerator<Webhook, void> {
    const seen = new Set<string>();
    for (let page = 1; ; page++) {
      const { data, isLast } = await this.#page(page, seen, withArchived, signal);
      for (const webhook of data) {
        if (seen.has(webhook.id)) continue;
        seen.add(webhook.id);
        yield webhook;
      }
      if (isLast) return;
    }
  }

  /** One webhook with its key: the only call that shows it. */
  show(id: string, { signal }: Cancellable = {}): Promise<ShownWebhook> {
    return this.call({ method: 'GET', path: pathOf(id), schema: shownSchema, signal });
  }

  /**
   * Creates a webhook. When it is not known whether the API did so, because the connection broke for instance, it looks
   * before it tries again: an active webhook for this event and URL that is not among `known` (ids) is taken for the new
   * one.
   */
  create(
    { event, url, rateLimit }: NewWebhook,
    { known = [], signal }: { readonly known?: Iterable<string> } & Cancellable = {},
  ): Promise<Webhook> {
    const json = { event, url, ...bodyOf(rateLimit) };
    const before = new Set(known);
    const find = async (): Promise<Webhook | undefined> => {
      for await (const webhook of this.list({ signal })) {
        const isIt = webhook.event === event && sameUrl(webhook.url, url) && !before.has(webhook.id);
        if (isIt && webhook.status === 'active') return webhook;
      }
      return undefined;
    };
    return this.call({ method: 'POST', path: '/webhooks', json, find, schema: changedSchema, signal });
  }

  update(id: string, { url, rateLimit }: WebhookChanges, { signal }: Cancellable = {}): Promise<Webhook> {
    const json = { ...(url !== undefined && { url }), ...bodyOf(rateLimit) };
    return this.call({ method: 'PATCH', path: pathOf(id), json, schema: changedSchema, signal });
  }

  /** Stops a webhook's deliveries. There is no delete. */
  archive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    return this.#post(`${pathOf(id)}/archive`, signal);
  }

  unarchive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    return this.#post(`${pathOf(id)}/unarchive`, signal);
  }

  #post(path: string, signal: AbortSignal | undefined): Promise<Webhook> {
    return this.call({ method: 'POST', path, schema: changedSchema, signal });
  }

  async #page(page: number, seen: ReadonlySet<string>, withArchived: boolean, signal: AbortSignal | undefined) {
    const query = { page, per_page: PER_PAGE, with_archived: withArchived };
    const call = { method: 'GET', path: '/webhooks', query, schema: pageSchema, signal } as const;
    for (let attempt = 1; ; attempt++) {
      const { data, pagination } = await this.call(call);
      const { page: given = page, per_page: perPage = 0 } = pagination;
      // What was asked for may have been cut down, so only what the API itself says tells a short page.
      const isLast = data.length === 0 || data.length < perPage;
      // Another page than the one that was asked for would leave a gap, and one without anything new may be another one.
      const isAnother = given !== page || (!isLast && data.every(({ id }) => seen.has(id)));
      if (!isAnother) return { data, isLast };
      if (attempt === MOST_PAGES) {
        const what = `answered page ${given} for page ${page}${given === page ? ', with nothing new in it' : ''}`;
        throw new CakemailApiError('ERR_API_RESPONSE', 'GET /webhooks', { what });
      }
    }
  }
}

const MOST_PAGES = 3;

/** Whether two addresses are the same once they are written alike. */
export function sameUrl(a: string, b: string): boolean {
  return normal(a) === normal(b);
}

function normal(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}

function pathOf(id: string): string {
  // Dots would leave the path, and nothing would ask for the list.
  if (typeof id !== 'string' || /^\.{0,2}$/.test(id)) throw invalid('The id of a webhook is missing.');
  return `/webhooks/${encodeURIComponent(id)}`;
}

function bodyOf(rateLimit: RateLimit | undefined) {
  return rateLimit && { rate_limit: rateLimit.limit, rate_limit_period: rateLimit.period };
}
