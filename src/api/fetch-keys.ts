import { ConfigurationError } from '../errors.js';
import type { NamedSecret, SecretsByEvent } from '../signature/keys.js';
import type { CakemailApi } from './client.js';
import { CakemailApiError } from './errors.js';
import type { Webhook } from './schemas.js';
import { type Cancellable, sameUrl } from './webhooks.js';

/** How many keys are asked for at the same time. */
const CONCURRENT = 5;

/**
 * The keys of the webhooks on a URL: one listing, and a call for each key that is not known yet.
 *
 * @throws {ConfigurationError} when there is no webhook; then `known` is empty.
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
  readonly known?: Map<string, string>;
  readonly graceMs?: number;
} & Cancellable): Promise<SecretsByEvent> {
  const current: Webhook[] = [];
  for await (const webhook of api.webhooks.list({ withArchived: graceMs > 0, signal })) {
    const isCurrent = webhook.status === 'active' || Date.now() - (webhook.archivedAt?.getTime() ?? 0) < graceMs;
    if (isCurrent && sameUrl(webhook.url, url)) current.push(webhook);
  }
  // Those that are gone are forgotten; a key that is asked for again is the same.
  for (const id of known.keys()) if (!current.some((each) => each.id === id)) known.delete(id);
  if (current.length === 0) {
    throw new ConfigurationError('ERR_SECRET_MISSING', 'Cakemail has no active webhook on this URL.');
  }
  const missing = current.filter(({ id }) => !known.has(id));
  for (let from = 0; from < missing.length; from += CONCURRENT) {
    const some = missing.slice(from, from + CONCURRENT);
    for (const { id, key } of await Promise.all(some.map(({ id }) => api.webhooks.show(id, { signal })))) {
      if (key === null) throw withoutKey(id);
      known.set(id, key);
    }
  }
  const keys: Record<string, NamedSecret[]> = Object.create(null);
  for (const { id, event } of current) {
    keys[event] ??= [];
    keys[event].push({ id, key: known.get(id) as string });
  }
  return { ...keys };
}

function withoutKey(id: string): CakemailApiError {
  const what = 'the answer shows no key; the token may lack the right to see it';
  return new CakemailApiError('ERR_API_RESPONSE', `GET /webhooks/${id}`, { what });
}
