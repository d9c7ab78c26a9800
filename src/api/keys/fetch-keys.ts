import { ConfigurationError } from '../../shared/errors.js';
import { rejectUnknownKeys } from '../../shared/option-checks.js';
import type { NamedSecret } from '../../signature/key-ring.js';
import { CakemailApiError, combineErrors } from '../client/api-errors.js';
import type { CakemailApi } from '../client/client.js';
import type { Webhook, WebhookWithKey } from '../client/response-schemas.js';
import type { Cancellable } from '../client/webhooks.js';
import { differBySlash, sameUrl } from '../provisioning/urls.js';

/** The number of keys that are read at the same time. */
const CONCURRENCY = 5;

/** A key with the event that it is bound to. */
export interface BoundKey {
  readonly event: string;
  readonly key: string;
}

/** A key with the id of its webhook. */
interface WebhookKey extends NamedSecret {
  readonly key: string;
}

export type KeysByEvent = Readonly<Record<string, readonly WebhookKey[]>>;

/** The result of reading the keys of a URL. */
export interface FetchedKeys {
  readonly keys: KeysByEvent;
  /** The ids of all listed webhooks, on any URL. */
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
 * Reads the keys of all active webhooks on a URL, for a file or a secret store. The result maps each event to its keys, as the
 * option `secret` takes them:
 *
 * ```ts
 * createWebhookRouter({ secret: JSON.parse(process.env.CAKEMAIL_WEBHOOK_SECRETS ?? 'null') });
 * ```
 *
 * @throws {ConfigurationError} when the URL has no active webhook.
 * @throws {CakemailApiError} when the API fails, even for a single key, because an app without that key would refuse the
 * webhook's deliveries. The error names the webhook and its event.
 */
export async function exportKeys(options: ExportKeysOptions): Promise<Record<string, string[]>> {
  rejectUnknownKeys('exportKeys() options', options, ['api', 'url', 'signal']);
  const { keys, failures } = await fetchKeys(options);
  const [first, ...others] = failures;
  if (first !== undefined) throw combineErrors([first, ...others]).with({ detail: 'no key was exported' });
  return Object.fromEntries(Object.entries(keys).map(([event, list]) => [event, list.map(({ key }) => key)]));
}

/**
 * Lists the webhooks and reads the keys of those on the URL, except keys that are `known` already. The new keys are added to `known`
 * and those of webhooks that are gone are removed. A key that cannot be read is reported in `failures`.
 *
 * @throws {ConfigurationError} when the URL has no webhook; then `known` is empty.
 * @throws {CakemailApiError} when the API fails, and when no key at all can be read.
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
} & Cancellable): Promise<FetchedKeys> {
  const all = await api.webhooks.all({ withArchived: graceMs > 0, signal });
  // A webhook with an unknown status may still deliver.
  const mayDeliver = ({ status, archivedAt }: Webhook): boolean =>
    status !== 'archived' || Date.now() - (archivedAt?.getTime() ?? 0) < graceMs;
  const current = all.filter((webhook) => sameUrl(webhook.url, url) && mayDeliver(webhook));
  for (const id of known.keys()) if (!current.some((each) => each.id === id)) known.delete(id);
  if (current.length === 0) throw noActiveWebhook(all, url);

  const failures: CakemailApiError[] = [];
  const missing = current.filter(({ id }) => !known.has(id));
  for (let from = 0; from < missing.length; from += CONCURRENCY) {
    const batch = missing.slice(from, from + CONCURRENCY);
    await Promise.all(
      batch.map(async (webhook) => {
        try {
          known.set(webhook.id, await readBoundKey(api, webhook, signal));
        } catch (thrown) {
          if (!(thrown instanceof CakemailApiError) || affectsEveryKey(thrown)) throw thrown;
          failures.push(thrown.with({ event: webhook.event || undefined }));
        }
      }),
    );
  }
  const keys = new Map<string, WebhookKey[]>();
  for (const { id } of current) {
    const bound = known.get(id);
    if (bound !== undefined) keys.set(bound.event, [...(keys.get(bound.event) ?? []), { id, key: bound.key }]);
  }
  const [failure] = failures;
  if (failure !== undefined && keys.size === 0) throw failure;
  return { keys: Object.fromEntries(keys), ids: new Set(all.map(({ id }) => id)), failures };
}

async function readBoundKey(
  api: CakemailApi,
  { id, event }: Webhook,
  signal: AbortSignal | undefined,
): Promise<BoundKey> {
  if (id === '') throw responseError('GET /webhooks', 'lists a webhook without an id');
  const webhook = await api.webhooks.show(id, { signal });
  const boundEvent = event || webhook.event;
  if (boundEvent === '') throw responseError(`GET /webhooks/${id}`, 'the answer names no event');
  return { event: boundEvent, key: keyOf(webhook) };
}

/**
 * Returns the key of a webhook that was read by its id.
 *
 * @throws {CakemailApiError} when the API left it out.
 */
export function keyOf({ id, key }: WebhookWithKey): string {
  if (key !== null) return key;
  throw responseError(`GET /webhooks/${id}`, 'the answer shows no key; the token may lack the permission to see it');
}

function responseError(operation: string, summary: string): CakemailApiError {
  return new CakemailApiError('ERR_API_RESPONSE', operation, { summary });
}

function affectsEveryKey({ code, apiStatus }: CakemailApiError): boolean {
  return code === 'ERR_API_MFA' || apiStatus === 401 || apiStatus === 403;
}

function noActiveWebhook(all: readonly Webhook[], url: string): ConfigurationError {
  const similar = all.find((each) => each.status === 'active' && differBySlash(url, each.url));
  const hint = similar === undefined ? '' : ` There is one on ${similar.url}, which differs by a trailing slash.`;
  return new ConfigurationError('ERR_SECRET_MISSING', `Cakemail has no active webhook on this URL.${hint}`);
}
