import { checkMembers, invalid, wholeNumber } from '../option-checks.js';
import type { WebhookRouter } from '../webhook-router.js';
import type { CakemailApi } from './client.js';
import type { CakemailKeys } from './keys.js';
import type { Webhook } from './schemas.js';
import { combined, pause, unlessAborted } from './signals.js';
import { type Cancellable, sameUrl } from './webhooks.js';

/** How far a rotation is. */
export type RotationStage = 'created' | 'found' | 'delivered' | 'grace over' | 'archived';

export interface RotateOptions extends Cancellable {
  readonly api: CakemailApi;
  /** The webhook whose key is to be replaced. */
  readonly id: string;
  /** The router's keys, when it runs in this process: told of the new key at once. */
  readonly keys?: CakemailKeys | undefined;
  /** The router, when it runs in this process with `cakemailKeys`: its first delivery under the new key ends the wait. */
  readonly webhooks?: Pick<WebhookRouter, 'events'> | undefined;
  /** Milliseconds after which the old webhook is archived even if the new one has delivered nothing. Default 5 minutes. */
  readonly graceMs?: number | undefined;
  /** Told how far it is. */
  readonly onStage?: ((stage: RotationStage, webhook: Webhook) => void) | undefined;
}

export interface Rotated {
  readonly archived: Webhook;
  readonly replacement: Webhook;
}

const MEMBERS = ['api', 'id', 'keys', 'webhooks', 'graceMs', 'onStage', 'signal'];

/**
 * Replaces a webhook by a new one for the same event and URL, and so its key: creates the new one, waits until it has delivered
 * or the grace time is over, and archives the old one. In between both deliver, and both keys are taken; deliveries that are
 * equal byte by byte run once.
 *
 * It may be interrupted and run again: a replacement that is there already is found, and an old one that is archived already
 * ends it.
 *
 * @throws {CakemailApiError} when the API does.
 */
export async function rotateWebhook(options: RotateOptions): Promise<Rotated> {
  checkMembers('rotateWebhook() options', options, MEMBERS);
  const { api, id, keys, webhooks, onStage = () => {}, signal } = options;
  const graceMs = wholeNumber('graceMs', options.graceMs, 5 * 60_000);
  const all: Webhook[] = [];
  for await (const webhook of api.webhooks.list({ withArchived: true, signal })) all.push(webhook);
  const old = all.find((webhook) => webhook.id === id);
  if (old === undefined) throw invalid(`There is no webhook ${id}.`);

  if (old.status === 'unknown') throw invalid(`The webhook ${id} has a status that this package does not know.`);

  const found = all.find((each) => each.id !== id && each.status === 'active' && isLike(each, old));
  if (old.status === 'archived' && found === undefined) throw invalid(`The webhook ${id} is archived.`);
  // It may deliver before its creation is answered.
  const isThere = found === undefined ? keys?.expectNew() : undefined;
  const replacement = found ?? (await create(api, old, all, signal).finally(isThere));
  onStage(found === undefined ? 'created' : 'found', replacement);
  if (old.status === 'archived') return { archived: old, replacement };

  const delivered = webhooks && firstDelivery(webhooks, replacement.id);
  try {
    if (keys !== undefined) await unlessAborted(keys.refresh(), signal);
    onStage(await firstOf(delivered?.seen, graceMs, signal), replacement);
  } finally {
    delivered?.stop();
  }
  const archived = await api.webhooks.archive(id, { signal });
  onStage('archived', archived);
  return { archived, replacement };
}

function create(
  api: CakemailApi,
  { event, url, rateLimit }: Webhook,
  all: readonly Webhook[],
  signal: AbortSignal | undefined,
): Promise<Webhook> {
  const like = { event, url, ...(rateLimit && { rateLimit }) };
  return api.webhooks.create(like, { known: all.map((each) => each.id), signal });
}

function isLike(a: Webhook, b: Webhook): boolean {
  return a.event === b.event && sameUrl(a.url, b.url);
}

function firstDelivery({ events }: Pick<WebhookRouter, 'events'>, id: string) {
  let listener: (notice: { readonly ids?: readonly string[] }) => void = () => {};
  const seen = new Promise<void>((resolve) => {
    listener = ({ ids }) => void (ids?.includes(id) && resolve());
    events.on('verified', listener);
  });
  return { seen, stop: () => events.off('verified', listener) };
}

async function firstOf(
  delivered: Promise<void> | undefined,
  graceMs: number,
  signal: AbortSignal | undefined,
): Promise<RotationStage> {
  const over = new AbortController();
  const either = combined(signal, over.signal);
  try {
    const grace = pause(graceMs, either.signal).then(() => 'grace over' as const);
    return await Promise.race([grace, ...(delivered ? [delivered.then(() => 'delivered' as const)] : [])]);
  } finally {
    over.abort();
    either.release();
  }
}
