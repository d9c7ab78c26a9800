import { ConfigurationError } from '../../shared/errors.js';
import { rejectUnknownKeys } from '../../shared/option-checks.js';
import type { NamedSecret } from '../../signature/key-ring.js';
import { CakemailApiError, together } from '../client/api-errors.js';
import type { CakemailApi } from '../client/client.js';
import type { ShownWebhook, Webhook } from '../client/response-schemas.js';
import type { Cancellable } from '../client/webhooks.js';
import { differBySlash, sameUrl } from '../provisioning/urls.js';

/** How many keys are asked for at the same time. */
const CONCURRENT = 5;

/** A key, and the event that it is bound to. */
export interface BoundKey {
  readonly event: string;
  readonly key: string;
}

/** A key that is named by the id of its webhook. */
interface WebhookKey extends NamedSecret {
  readonly key: string;
}

export type ByEvent = Readonly<Record<string, readonly WebhookKey[]>>;

/** The result of reading the keys of a URL. */
export interface Fetched {
  readonly keys: ByEvent;
  /** The ids of all webhooks that were listed. */
  readonly ids: ReadonlySet<string>;
  /** The errors of the webhooks whose keys could not be read. */
  readonly failures: readonly CakemailApiError[];
}

export interface ExportKeysOptions extends Cancellable {
  readonly api: CakemailApi;
  /** The URL that the webhooks deliver to. */
  readonly url: string;
}

/**
 * Reads the keys of all active webhooks on a URL, for a file or a secret store: a plain object that maps each event to its keys.
 * The option `secret` takes it:
 *
 * ```ts
 * createWebhookRouter({ secret: JSON.parse(process.env.CAKEMAIL_WEBHOOK_SECRETS ?? 'null') });
 * ```
 *
 * @throws {ConfigurationError} when there is no active webhook on the URL.
 * @throws {CakemailApiError} when the API does, also when the key of a single webhook cannot be read: an app would refuse what
 * that webhook delivers. The error names the webhook and its event.
 */
export async function exportKeys(options: ExportKeysOptions): Promise<Record<string, string[]>> {
  rejectUnknownKeys('exportKeys() options', options, ['api', 'url', 'signal']);
  const { keys, failures } = await fetchKeys(options);
  const [first, ...others] = failures;
  if (first !== undefined) throw together([first, ...others]).with({ detail: 'no key was exported' });
  return Object.fromEntries(Object.entries(keys).map(([event, list]) => [event, list.map(({ key }) => key)]));
}

/**
 * The keys of the webhooks on a URL: one listing, and a call for each key that is not known yet. A webhook whose key cannot be
 * read does not cost the others theirs.
 *
 * @throws {ConfigurationError} when the URL does not have a webhook; then `known` is empty.
 * @throws {CakemailApiError} when the API does, and when no key at all could be read.
 */
export async function fetchKeys({
  api,
  url,
  known = new Map(),
  graceMs = 0,
  signal,
}: {
  readonly api: CakemailApi;
  readonly url: string;
  readonly known?: Map<string, BoundKey>;
  readonly graceMs?: number;
} & Cancellable): Promise<Fetched> {
  const all = await api.webhooks.all({ withArchived: graceMs > 0, signal });
  // A webhook with an unknown status may deliver.
  const mayDeliver = ({ status, archivedAt }: Webhook): boolean =>
    status !== 'archived' || Date.now() - (archivedAt?.getTime() ?? 0) < graceMs;
  const current = all.filter((webhook) => sameUrl(webhook.url, url) && mayDeliver(webhook));
  // Those that are gone are forgotten; a key that is asked for again is the same.
  for (const id of known.keys()) if (!current.some((each) => each.id === id)) known.delete(id);
  if (current.length === 0) throw noWebhook(all, url);

  const failures: CakemailApiError[] = [];
  const missing = current.filter(({ id }) => !known.has(id));
  for (let from = 0; from < missing.length; from += CONCURRENT) {
    const some = missing.slice(from, from + CONCURRENT);
    await Promise.all(
      some.map(async (webhook) => {
        try {
          known.set(webhook.id, await boundKeyOf(api, webhook, signal));
        } catch (thrown) {
          if (!(thrown instanceof CakemailApiError) || concernsAll(thrown)) throw thrown;
          failures.push(thrown.with({ event: webhook.event || undefined }));
        }
      }),
    );
  }
  const keys: Record<string, WebhookKey[]> = Object.create(null);
  for (const { id } of current) {
    const bound = known.get(id);
    if (bound === undefined) continue;
    keys[bound.event] ??= [];
    keys[bound.event]?.push({ id, key: bound.key });
  }
  const [failure] = failures;
  if (failure !== undefined && Object.keys(keys).length === 0) throw failure;
  return { keys: { ...keys }, ids: new Set(all.map(({ id }) => id)), failures };
}

async function boundKeyOf(
  api: CakemailApi,
  { id, event }: Webhook,
  signal: AbortSignal | undefined,
): Promise<BoundKey> {
  if (id === '')
    throw new CakemailApiError('ERR_API_RESPONSE', 'GET /webhooks', { what: 'lists a webhook without an id' });
  const shown = await api.webhooks.show(id, { signal });
  return { event: event || boundEvent(shown), key: keyOf(shown) };
}

function boundEvent({ id, event }: ShownWebhook): string {
  if (event !== '') return event;
  throw new CakemailApiError('ERR_API_RESPONSE', `GET /webhooks/${id}`, { what: 'the answer names no event' });
}

/** The key of a webhook that was read by its id. */
export function keyOf({ id, key }: ShownWebhook): string {
  if (key !== null) return key;
  const what = 'the answer shows no key; the token may lack the right to see it';
  throw new CakemailApiError('ERR_API_RESPONSE', `GET /webhooks/${id}`, { what });
}

function concernsAll({ code, apiStatus }: CakemailApiError): boolean {
  return code === 'ERR_API_MFA' || apiStatus === 401 || apiStatus === 403;
}

function noWebhook(all: readonly Webhook[], url: string): ConfigurationError {
  const similar = all.find((each) => each.status === 'active' && differBySlash(url, each.url));
  const hint = similar === undefined ? '' : ` There is one on ${similar.url}, which differs by a trailing slash.`;
  return new ConfigurationError('ERR_SECRET_MISSING', `Cakemail has no active webhook on this URL.${hint}`);
}
