import { invalid } from '../../shared/option-checks.js';
import { sameUrl } from '../provisioning/urls.js';
import { CakemailApiError } from './api-errors.js';
import type { Call, Caller, HttpSettings } from './call.js';
import { compareIds } from './ids.js';
import {
  type ChangeResponse,
  pageSchema,
  parseChange,
  type RateLimit,
  type Webhook,
  type WebhookWithKey,
  webhookWithKeySchema,
} from './response-schemas.js';
import { pollUntilFound } from './transport.js';

const PAGE_SIZE = 50;
const MAX_PAGE_ATTEMPTS = 3;

/** Options of a call that can be cancelled. */
export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** The properties of a webhook to create. */
export interface NewWebhook {
  /** The only event that the webhook delivers. */
  readonly event: string;
  /** At most 2,083 characters. */
  readonly url: string;
  /** Default at Cakemail: 50 per second. */
  readonly rateLimit?: RateLimit | undefined;
}

/** The properties of a webhook that can be changed. Its event cannot. */
export interface WebhookChanges {
  readonly url?: string | undefined;
  readonly rateLimit?: RateLimit | undefined;
}

/** The operations on webhooks. Source: Cakemail's OpenAPI document 1.18.25, paths below `/webhooks`. */
export class Webhooks {
  /** Webhooks that this client created and the API does not list yet, by id. */
  readonly #unlisted = new Map<string, Webhook>();
  /** Ids of webhooks that this client created and has not read back yet. */
  readonly #unread = new Set<string>();

  constructor(
    private readonly call: Caller,
    private readonly settings: HttpSettings,
  ) {}

  /** Yields all webhooks, and fetches pages on demand. Yields each webhook once, even when pages overlap. */
  async *list({
    withArchived = false,
    signal,
  }: { readonly withArchived?: boolean } & Cancellable = {}): AsyncGenerator<Webhook, void> {
    const seen = new Set<string>();
    for (let page = 1; ; page++) {
      const { webhooks, isLast } = await this.#page(page, seen, withArchived, signal);
      for (const webhook of webhooks) {
        const { id } = webhook;
        // Two webhooks without an id may be different ones.
        if (id !== '' && seen.has(id)) continue;
        seen.add(id);
        this.#unlisted.delete(id);
        yield webhook;
      }
      if (isLast) return;
    }
  }

  /**
   * Lists all webhooks, including those that this client created and the API does not list yet. With `until` it lists again,
   * with growing pauses, until the function returns true or `attempts` listings were made.
   */
  async all({
    withArchived = false,
    until = () => true,
    signal,
  }: {
    readonly withArchived?: boolean;
    readonly until?: (listed: readonly Webhook[]) => boolean;
  } & Cancellable = {}): Promise<Webhook[]> {
    let listed: Webhook[] = [];
    const listAll = async (): Promise<true | undefined> => {
      listed = [];
      for await (const webhook of this.list({ withArchived, signal })) listed.push(webhook);
      return until(listed) || undefined;
    };
    await pollUntilFound(listAll, this.settings, signal);
    return [...listed, ...this.#unlisted.values()];
  }

  /**
   * Reads one webhook with its key, which no other call returns. It repeats the call for a webhook that this client has just
   * created and the API does not find yet.
   */
  async show(id: string, { signal }: Cancellable = {}): Promise<WebhookWithKey> {
    const call: Call<WebhookWithKey> = { method: 'GET', path: pathOf(id), id, schema: webhookWithKeySchema, signal };
    let missing: unknown;
    const read = (): Promise<WebhookWithKey | undefined> =>
      this.call(call).catch((thrown) => {
        if (!this.#unread.has(id) || !isNotFound(thrown)) throw thrown;
        missing = thrown;
        return undefined;
      });
    const shown = await pollUntilFound(read, this.settings, signal);
    if (shown === undefined) throw missing;
    this.#unread.delete(id);
    return { ...shown, id };
  }

  /**
   * Creates a webhook exactly once. A 2xx response is final; members that it lacks are read by the id, and a missing id is
   * searched for in the list. After an ambiguous failure, such as a broken connection, it searches the list before it tries again.
   * The search takes the newest active webhook for this event and URL whose id is not in `known`.
   *
   * @throws {CakemailApiError} `ERR_API_RESPONSE` when the webhook was created and its id cannot be found.
   */
  async create(
    { event, url, rateLimit }: NewWebhook,
    { known = [], signal }: { readonly known?: Iterable<string> } & Cancellable = {},
  ): Promise<Webhook> {
    const requested = { event, url, ...(rateLimit && { rateLimit }) };
    const knownIds = new Set(known);
    const find = async (): Promise<Webhook | undefined> => {
      const candidates: Webhook[] = [];
      for await (const webhook of this.list({ signal })) {
        const { id, status } = webhook;
        const isNew = status === 'active' && id !== '' && !knownIds.has(id);
        if (isNew && webhook.event === event && sameUrl(webhook.url, url)) candidates.push(webhook);
      }
      return candidates.sort((a, b) => compareIds(a.id, b.id)).at(-1);
    };
    const created = await this.call<ChangeResponse & { readonly status?: number }>({
      method: 'POST',
      path: '/webhooks',
      event,
      json: { event, url, ...rateLimitJson(rateLimit) },
      find: async () => {
        const webhook = await find();
        return webhook && { webhook, isComplete: true };
      },
      read: (body, status) => ({ ...parseChange(body, requested), status }),
      signal,
    });
    const webhook =
      created.webhook.id === '' ? await this.#identify(find, event, created.status, signal) : created.webhook;
    if (created.status === undefined || created.webhook.id === '') return webhook;
    this.#unlisted.set(webhook.id, webhook);
    this.#unread.add(webhook.id);
    return created.isComplete ? webhook : this.#complete(webhook, {}, signal);
  }

  /** Changes a webhook's URL or rate limit. */
  async update(id: string, { url, rateLimit }: WebhookChanges, { signal }: Cancellable = {}): Promise<Webhook> {
    const json = { ...(url !== undefined && { url }), ...rateLimitJson(rateLimit) };
    const applied = { ...(url !== undefined && { url }), ...(rateLimit && { rateLimit }) };
    return this.#change({ method: 'PATCH', path: pathOf(id), json }, id, applied, signal);
  }

  /** Stops a webhook's deliveries. The API cannot delete webhooks. */
  async archive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    const call = { method: 'POST', path: `${pathOf(id)}/archive` } as const;
    const archived = await this.#change(call, id, { status: 'archived' }, signal);
    this.#unlisted.delete(id);
    return archived;
  }

  /** Resumes the deliveries of an archived webhook. */
  async unarchive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    const call = { method: 'POST', path: `${pathOf(id)}/unarchive` } as const;
    return this.#change(call, id, { status: 'active' }, signal);
  }

  /** Makes a change. After a 2xx response the webhook has the `applied` properties, even if the response lacks them. */
  async #change(
    call: Pick<Call<ChangeResponse>, 'method' | 'path' | 'json'>,
    id: string,
    applied: Partial<Webhook>,
    signal: AbortSignal | undefined,
  ): Promise<Webhook> {
    const read = (body: unknown): ChangeResponse => parseChange(body, { ...applied, id });
    const { webhook, isComplete } = await this.call<ChangeResponse>({ ...call, id, read, signal });
    return isComplete ? webhook : this.#complete(webhook, applied, signal);
  }

  /** Reads the members that a response lacked. Returns the webhook unchanged if that fails, because the change itself was made. */
  async #complete(webhook: Webhook, applied: Partial<Webhook>, signal: AbortSignal | undefined): Promise<Webhook> {
    try {
      const { key: _key, ...shown } = await this.show(webhook.id, { signal });
      const { event, url, rateLimit } = webhook;
      const rest = { event: shown.event || event, url: shown.url || url, rateLimit: shown.rateLimit ?? rateLimit };
      return { ...shown, ...rest, ...applied };
    } catch {
      return webhook;
    }
  }

  /** Searches for a webhook whose creation was answered without its id. */
  async #identify(
    find: () => Promise<Webhook | undefined>,
    event: string,
    apiStatus: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Webhook> {
    let cause: unknown;
    const found = await pollUntilFound(find, this.settings, signal).catch((thrown) => {
      if (!(thrown instanceof CakemailApiError)) throw thrown;
      cause = thrown;
      return undefined;
    });
    if (found !== undefined) return found;
    const summary = `answered ${apiStatus}, so the webhook was created, but neither the answer nor the list shows its id; check with \`list\` before you create it again`;
    throw new CakemailApiError('ERR_API_RESPONSE', 'POST /webhooks', { summary, event, apiStatus, cause });
  }

  async #page(page: number, seen: ReadonlySet<string>, withArchived: boolean, signal: AbortSignal | undefined) {
    const query = { page, per_page: PAGE_SIZE, with_archived: withArchived };
    const call = { method: 'GET', path: '/webhooks', query, schema: pageSchema, signal } as const;
    for (let attempt = 1; ; attempt++) {
      const { webhooks, size, pagination } = await this.call(call);
      const { page: returned = page, per_page: pageSize = 0 } = pagination;
      // The API may use a smaller page size than the requested one, so only its own `per_page` identifies a short page.
      const isLast = size === 0 || size < pageSize;
      // A page with another number would leave a gap, and a page without new webhooks may be an earlier one.
      const isWrongPage = returned !== page || (!isLast && webhooks.every(({ id }) => seen.has(id)));
      if (!isWrongPage) return { webhooks, isLast };
      if (attempt === MAX_PAGE_ATTEMPTS) {
        const summary = `answered page ${returned} for page ${page}${returned === page ? ', with nothing new in it' : ''}`;
        throw new CakemailApiError('ERR_API_RESPONSE', 'GET /webhooks', { summary });
      }
    }
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof CakemailApiError && thrown.code === 'ERR_API_REFUSED' && thrown.apiStatus === 404;
}

function pathOf(id: string): string {
  // An empty id would address the list, and dots would leave the path.
  if (typeof id !== 'string' || /^\.{0,2}$/.test(id)) throw invalid('The id of a webhook is missing.');
  return `/webhooks/${encodeURIComponent(id)}`;
}

function rateLimitJson(rateLimit: RateLimit | undefined) {
  return rateLimit && { rate_limit: rateLimit.limit, rate_limit_period: rateLimit.period };
}
