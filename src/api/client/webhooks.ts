import { invalid } from '../../shared/option-checks.js';
import { sameUrl } from '../provisioning/urls.js';
import { CakemailApiError } from './api-errors.js';
import type { Call, Caller, HttpSettings } from './call.js';
import { compareIds } from './ids.js';
import {
  type Change,
  changeOf,
  pageSchema,
  type RateLimit,
  type ShownWebhook,
  shownSchema,
  type Webhook,
} from './response-schemas.js';
import { eventually } from './transport.js';

const PER_PAGE = 50;
const MOST_PAGES = 3;

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
  /** Webhooks that this client created and that the list does not show yet, by their ids. */
  readonly #unlisted = new Map<string, Webhook>();
  /** The ids of webhooks that this client created and has not read yet. */
  readonly #unread = new Set<string>();

  constructor(
    private readonly call: Caller,
    private readonly settings: HttpSettings,
  ) {}

  /** All webhooks, page by page as they are asked for; each once, even when pages overlap. */
  async *list({
    withArchived = false,
    signal,
  }: { readonly withArchived?: boolean } & Cancellable = {}): AsyncGenerator<Webhook, void> {
    const seen = new Set<string>();
    for (let page = 1; ; page++) {
      const { webhooks, isLast } = await this.#page(page, seen, withArchived, signal);
      for (const webhook of webhooks) {
        const { id } = webhook;
        // Two webhooks without an id need not be the same.
        if (id !== '' && seen.has(id)) continue;
        seen.add(id);
        this.#unlisted.delete(id);
        yield webhook;
      }
      if (isLast) return;
    }
  }

  /**
   * All webhooks in one list, and those that this client created, even if the API does not list them yet. With `until` it lists
   * again, with growing pauses, until the listing is as it should be or `attempts` are over.
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
    const look = async (): Promise<true | undefined> => {
      listed = [];
      for await (const webhook of this.list({ withArchived, signal })) listed.push(webhook);
      return until(listed) || undefined;
    };
    await eventually(look, this.settings, signal);
    return [...listed, ...this.#unlisted.values()];
  }

  /**
   * One webhook with its key: the only call that shows it. One that this client has just created is asked for again when the
   * API does not find it yet.
   */
  async show(id: string, { signal }: Cancellable = {}): Promise<ShownWebhook> {
    const call: Call<ShownWebhook> = { method: 'GET', path: pathOf(id), id, schema: shownSchema, signal };
    let missing: unknown;
    const look = (): Promise<ShownWebhook | undefined> =>
      this.call(call).catch((thrown) => {
        if (!this.#unread.has(id) || !isNotFound(thrown)) throw thrown;
        missing = thrown;
        return undefined;
      });
    const shown = await eventually(look, this.settings, signal);
    if (shown === undefined) throw missing;
    this.#unread.delete(id);
    return { ...shown, id };
  }

  /**
   * Creates a webhook, once: an answer of 2xx is final, whatever it says. What it leaves out is read by the id, or looked for in
   * the list. When there was no such answer, because the connection broke for instance, it is looked for before it is tried
   * again. An active webhook for this event and URL that is not among `known` (ids) is then taken for the new one, the newest if
   * there are several.
   *
   * @throws {CakemailApiError} `ERR_API_RESPONSE` when the webhook was created and nothing tells its id.
   */
  async create(
    { event, url, rateLimit }: NewWebhook,
    { known = [], signal }: { readonly known?: Iterable<string> } & Cancellable = {},
  ): Promise<Webhook> {
    const sent = { event, url, ...(rateLimit && { rateLimit }) };
    const before = new Set(known);
    const find = async (): Promise<Webhook | undefined> => {
      const fitting: Webhook[] = [];
      for await (const webhook of this.list({ signal })) {
        const isIt = webhook.event === event && sameUrl(webhook.url, url) && !before.has(webhook.id);
        if (isIt && webhook.status === 'active' && webhook.id !== '') fitting.push(webhook);
      }
      return fitting.sort((a, b) => compareIds(a.id, b.id)).at(-1);
    };
    const created = await this.call<Change & { readonly status?: number }>({
      method: 'POST',
      path: '/webhooks',
      event,
      json: { event, url, ...bodyOf(rateLimit) },
      find: async () => {
        const webhook = await find();
        return webhook && { webhook, isWhole: true };
      },
      read: (body, status) => ({ ...changeOf(body, sent), status }),
      signal,
    });
    const webhook =
      created.webhook.id === '' ? await this.#identify(find, event, created.status, signal) : created.webhook;
    if (created.status === undefined || created.webhook.id === '') return webhook;
    this.#unlisted.set(webhook.id, webhook);
    this.#unread.add(webhook.id);
    return created.isWhole ? webhook : this.#complete(webhook, {}, signal);
  }

  async update(id: string, { url, rateLimit }: WebhookChanges, { signal }: Cancellable = {}): Promise<Webhook> {
    const json = { ...(url !== undefined && { url }), ...bodyOf(rateLimit) };
    const done = { ...(url !== undefined && { url }), ...(rateLimit && { rateLimit }) };
    return this.#change({ method: 'PATCH', path: pathOf(id), json }, id, done, signal);
  }

  /** Stops a webhook's deliveries. There is no delete. */
  async archive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    const call = { method: 'POST', path: `${pathOf(id)}/archive` } as const;
    const archived = await this.#change(call, id, { status: 'archived' }, signal);
    this.#unlisted.delete(id);
    return archived;
  }

  async unarchive(id: string, { signal }: Cancellable = {}): Promise<Webhook> {
    const call = { method: 'POST', path: `${pathOf(id)}/unarchive` } as const;
    return this.#change(call, id, { status: 'active' }, signal);
  }

  /** Makes a change, which is done once it is answered 2xx: then `done` holds, whatever the answer leaves out. */
  async #change(
    call: Pick<Call<Change>, 'method' | 'path' | 'json'>,
    id: string,
    done: Partial<Webhook>,
    signal: AbortSignal | undefined,
  ): Promise<Webhook> {
    const read = (body: unknown): Change => changeOf(body, { ...done, id });
    const { webhook, isWhole } = await this.call<Change>({ ...call, id, read, signal });
    return isWhole ? webhook : this.#complete(webhook, done, signal);
  }

  /** Reads what an answer left out. What is known holds when that cannot be read: the change itself is done. */
  async #complete(webhook: Webhook, done: Partial<Webhook>, signal: AbortSignal | undefined): Promise<Webhook> {
    try {
      const { key: _key, ...shown } = await this.show(webhook.id, { signal });
      const { event, url, rateLimit } = webhook;
      const rest = { event: shown.event || event, url: shown.url || url, rateLimit: shown.rateLimit ?? rateLimit };
      return { ...shown, ...rest, ...done };
    } catch {
      return webhook;
    }
  }

  async #identify(
    find: () => Promise<Webhook | undefined>,
    event: string,
    apiStatus: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Webhook> {
    let cause: unknown;
    const found = await eventually(find, this.settings, signal).catch((thrown) => {
      if (!(thrown instanceof CakemailApiError)) throw thrown;
      cause = thrown;
      return undefined;
    });
    if (found !== undefined) return found;
    const what = `answered ${apiStatus}, so the webhook was created, but neither the answer nor the list shows its id; look with \`list\` before you create it again`;
    throw new CakemailApiError('ERR_API_RESPONSE', 'POST /webhooks', { what, event, apiStatus, cause });
  }

  async #page(page: number, seen: ReadonlySet<string>, withArchived: boolean, signal: AbortSignal | undefined) {
    const query = { page, per_page: PER_PAGE, with_archived: withArchived };
    const call = { method: 'GET', path: '/webhooks', query, schema: pageSchema, signal } as const;
    for (let attempt = 1; ; attempt++) {
      const { webhooks, size, pagination } = await this.call(call);
      const { page: given = page, per_page: perPage = 0 } = pagination;
      // What was asked for may have been cut down, so only what the API itself says tells a short page.
      const isLast = size === 0 || size < perPage;
      // Another page than the one that was asked for would leave a gap, and one without anything new may be another one.
      const isAnother = given !== page || (!isLast && webhooks.every(({ id }) => seen.has(id)));
      if (!isAnother) return { webhooks, isLast };
      if (attempt === MOST_PAGES) {
        const what = `answered page ${given} for page ${page}${given === page ? ', with nothing new in it' : ''}`;
        throw new CakemailApiError('ERR_API_RESPONSE', 'GET /webhooks', { what });
      }
    }
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof CakemailApiError && thrown.code === 'ERR_API_REFUSED' && thrown.apiStatus === 404;
}

function pathOf(id: string): string {
  // Dots would leave the path, and nothing would ask for the list.
  if (typeof id !== 'string' || /^\.{0,2}$/.test(id)) throw invalid('The id of a webhook is missing.');
  return `/webhooks/${encodeURIComponent(id)}`;
}

function bodyOf(rateLimit: RateLimit | undefined) {
  return rateLimit && { rate_limit: rateLimit.limit, rate_limit_period: rateLimit.period };
}
