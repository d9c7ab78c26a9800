import { invalid } from '../option-checks.js';
import { CakemailApiError } from './errors.js';
import type { Caller } from './http.js';
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
      const { pagination, data } = await this.#page(page, withArchived, signal);
      for (const webhook of data) {
        if (seen.has(webhook.id)) continue;
        seen.add(webhook.id);
        yield webhook;
      }
      if (data.length < (pagination.per_page ?? PER_PAGE)) return;
    }
  }

  /** One webhook with its key: the only call that shows it. */
  show(id: string, { signal }: Cancellable = {}): Promise<ShownWebhook> {
    return this.call({ method: 'GET', path: pathOf(id), repeatable: true, schema: shownSchema, signal });
  }

  /**
   * Creates a webhook. When it is not known whether the API did so, because the connection broke for instance, it looks
   * before it tries again: an active webhook for this event and URL that is not among `known` (ids) is taken for the new
   * one.
   */
  async create(
    { event, url, rateLimit }: NewWebhook,
    { known = [], signal }: { readonly known?: Iterable<string> } & Cancellable = {},
  ): Promise<Webhook> {
    const json = { event, url, ...bodyOf(rateLimit) };
    const call = { method: 'POST', path: '/webhooks', json, repeatable: false, schema: changedSchema, signal } as const;
    const before = new Set(known);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.call(call);
      } catch (thrown) {
        const isOpen = thrown instanceof CakemailApiError && OPEN.has(thrown.code);
        if (!isOpen) throw thrown;
        for await (const webhook of this.list({ signal })) {
          const isIt = webhook.event === event && sameUrl(webhook.url, url) && !before.has(webhook.id);
          if (isIt && webhook.status === 'active') return webhook;
        }
        if (attempt === MOST_CREATES) throw thrown;
      }
    }
  }

  update(id: string, { url, rateLimit }: WebhookChanges, { signal }: Cancellable = {}): Promise<Webhook> {
    const json = { ...(url !== undefined && { url }), ...bodyOf(rateLimit) };
    return this.call({ method: 'PATCH', path: pathOf(id), json, repeatable: true, schema: changedSchema, signal });
  }

  /** Stops a webhook's deliveries. There is no delete. */
  archive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    return this.#post(`${pathOf(id)}/archive`, signal);
  }

  unarchive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    return this.#post(`${pathOf(id)}/unarchive`, signal);
  }

  #post(path: string, signal: AbortSignal | undefined): Promise<Webhook> {
    return this.call({ method: 'POST', path, repeatable: true, schema: changedSchema, signal });
  }

  async #page(page: number, withArchived: boolean, signal: AbortSignal | undefined) {
    const query = { page, per_page: PER_PAGE, with_archived: withArchived };
    const call = { method: 'GET', path: '/webhooks', query, repeatable: true, schema: pageSchema, signal } as const;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.call(call);
      // Another page than the one that was asked for would leave a gap.
      if ((answer.pagination.page ?? page) === page) return answer;
      if (attempt === MOST_PAGES) {
        const what = `answered page ${answer.pagination.page} for page ${page}`;
        throw new CakemailApiError('ERR_API_RESPONSE', 'GET /webhooks', { what });
      }
    }
  }
}

/** After these it is not known whether the API did what it was asked. */
const OPEN: ReadonlySet<string> = new Set(['ERR_API_UNAVAILABLE', 'ERR_API_RESPONSE']);
const MOST_CREATES = 4;
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
