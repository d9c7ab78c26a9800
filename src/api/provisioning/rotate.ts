import { pause } from '../../shared/abort-signals.js';
import { invalid, positiveInteger, rejectUnknownKeys } from '../../shared/option-checks.js';
import { LONGEST_DELAY_MS } from '../../shared/promises.js';
import type { CakemailApi } from '../client/client.js';
import { compareIds, isNewer } from '../client/ids.js';
import type { Webhook } from '../client/response-schemas.js';
import type { Cancellable } from '../client/webhooks.js';
import type { CakemailKeys } from '../keys/cakemail-keys.js';
import { keyOf } from '../keys/fetch-keys.js';
import { sameUrl } from './urls.js';

/** How far a rotation is. */
export type RotationStage = 'created' | 'found' | 'grace over' | 'archived';

export interface RotateOptions extends Cancellable {
  readonly api: CakemailApi;
  /** The webhook whose key is to be replaced. */
  readonly id: string;
  /** The router's keys, when it runs in this process: it has the new key before the grace time begins. */
  readonly keys?: CakemailKeys | undefined;
  /**
   * Milliseconds after which the old webhook is archived, never earlier. Default 5 minutes. Each app that receives needs the new
   * key by then: one with `cakemailKeys` looks for it at most once in its `renewMs`, so choose a longer time than that; one with
   * keys from a file has to be given a new file and restarted.
   */
  readonly graceMs?: number | undefined;
  /** Told how far it is. */
  readonly onStage?: ((stage: RotationStage, webhook: Webhook) => void) | undefined;
}

export interface Rotated {
  readonly archived: Webhook;
  readonly replacement: Webhook;
}

const MEMBERS = ['api', 'id', 'keys', 'graceMs', 'onStage', 'signal'];

/**
 * Replaces a webhook by a new one for the same event and URL, and so its key: creates the new one, reads its key, hands it to
 * `keys`, waits for the grace time, and archives the old one. In between both deliver, and both keys are taken; deliveries that
 * are equal byte by byte run once. Nothing is archived when the new key cannot be read.
 *
 * It may be interrupted and run again: a replacement that is there already is found, and an old one that is archived already
 * ends it.
 *
 * @throws {ConfigurationError} when the webhook does not exist, when it is archived without a replacement, when it has an unknown
 * status, when the API does not tell its event or URL, when it seems to be the replacement of an older one whose rotation was
 * interrupted (see `isNewer`), and when its replacement was archived during the grace time.
 * @throws {CakemailApiError} when the API does.
 */
export async function rotateWebhook(options: RotateOptions): Promise<Rotated> {
  rejectUnknownKeys('rotateWebhook() options', options, MEMBERS);
  const { api, id, keys, onStage = () => {}, signal } = options;
  const graceMs = positiveInteger('graceMs', options.graceMs, 5 * 60_000, LONGEST_DELAY_MS);
  const all = await api.webhooks.all({ withArchived: true, signal });
  const old = all.find((webhook) => webhook.id === id);
  if (old === undefined) throw invalid(`There is no webhook ${id}.`);
  const found = all
    .filter((each) => each.id !== id && each.status === 'active' && isLike(each, old))
    .sort((a, b) => compareIds(a.id, b.id))
    .at(-1);
  check(old, found);

  // It may deliver before its creation is answered and its key is read.
  const isAdded = keys?.expectNew();
  let replacement: Webhook;
  try {
    replacement = found ?? (await create(api, old, all, signal));
    onStage(found === undefined ? 'created' : 'found', replacement);
    const shown = await api.webhooks.show(replacement.id, { signal });
    keyOf(shown);
    keys?.add({ ...shown, event: old.event });
  } finally {
    isAdded?.();
  }
  if (old.status === 'archived') return { archived: old, replacement };
  await pause(graceMs, signal);
  const { status } = await api.webhooks.show(replacement.id, { signal });
  if (status !== 'active') {
    const { id: gone, event } = replacement;
    throw invalid(
      `The replacement ${gone} was archived during the grace time, so ${id} stays: only it delivers ${event}.`,
    );
  }
  onStage('grace over', replacement);
  const archived = await api.webhooks.archive(id, { signal });
  onStage('archived', archived);
  return { archived, replacement };
}

function check({ id, event, url, status }: Webhook, found: Webhook | undefined): void {
  if (status === 'archived' && found === undefined) throw invalid(`The webhook ${id} is archived.`);
  if (status !== 'archived' && status !== 'active') {
    throw invalid(`The webhook ${id} has the status '${status}', which this package does not know.`);
  }
  if (event === '' || url === '') throw invalid(`The API does not tell the event and the URL of the webhook ${id}.`);
  if (status === 'active' && found !== undefined && isNewer(id, found.id) === true) {
    const { id: older } = found;
    throw invalid(
      `The webhook ${id} seems to be the replacement of ${older}, whose rotation was interrupted: rotate ${older} first.`,
    );
  }
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
