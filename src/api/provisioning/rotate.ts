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

/** The progress of a rotation. `found` means that an earlier run created the replacement. */
export type RotationStage = 'created' | 'found' | 'grace over' | 'archived';

export interface RotateOptions extends Cancellable {
  readonly api: CakemailApi;
  /** The id of the webhook whose key is to be replaced. */
  readonly id: string;
  /** The keys of a router in this process, which gets the new key before the grace time begins. */
  readonly keys?: CakemailKeys | undefined;
  /**
   * The time until the old webhook is archived, in milliseconds. Default 5 minutes. Every app that receives needs the new key by
   * then. An app with `cakemailKeys` renews its keys at most once per `renewMs`, so choose a longer time than that. An app that
   * reads its keys from a file needs a new file and a restart.
   */
  readonly graceMs?: number | undefined;
  /** Called at each stage, with the webhook that it concerns. */
  readonly onStage?: ((stage: RotationStage, webhook: Webhook) => void) | undefined;
}

export interface RotationResult {
  readonly archived: Webhook;
  readonly replacement: Webhook;
}

const OPTION_NAMES = ['api', 'id', 'keys', 'graceMs', 'onStage', 'signal'];

/**
 * Replaces a webhook, and so its key, with a new one for the same event and URL. It creates the new webhook, reads its key, passes
 * it to `keys`, waits for the grace time, and archives the old webhook. During the grace time both deliver and both keys are valid;
 * deliveries with identical bytes run once. When the new key cannot be read, nothing is archived.
 *
 * An interrupted rotation can be run again: it finds the replacement that exists, and returns at once when the old webhook is
 * archived already.
 *
 * @throws {ConfigurationError} when the webhook does not exist, is archived without a replacement, has an unknown status, lacks its
 * event or URL, or seems to be the replacement in an interrupted rotation (see `isNewer`), and when the replacement was archived
 * during the grace time.
 * @throws {CakemailApiError} when the API fails.
 */
export async function rotateWebhook(options: RotateOptions): Promise<RotationResult> {
  rejectUnknownKeys('rotateWebhook() options', options, OPTION_NAMES);
  const { api, id, keys, onStage = () => {}, signal } = options;
  const graceMs = positiveInteger('graceMs', options.graceMs, 5 * 60_000, LONGEST_DELAY_MS);
  const all = await api.webhooks.all({ withArchived: true, signal });
  const old = all.find((webhook) => webhook.id === id);
  if (old === undefined) throw invalid(`The webhook ${id} does not exist.`);
  const found = all
    .filter((each) => each.id !== id && each.status === 'active' && isSameTarget(each, old))
    .sort((a, b) => compareIds(a.id, b.id))
    .at(-1);
  checkRotatable(old, found);

  // The replacement may deliver before its key is read.
  const stopWatching = keys?.watchForNewKeys();
  let replacement: Webhook;
  try {
    replacement = found ?? (await createReplacement(api, old, all, signal));
    onStage(found === undefined ? 'created' : 'found', replacement);
    const shown = await api.webhooks.show(replacement.id, { signal });
    keyOf(shown);
    keys?.add({ ...shown, event: old.event });
  } finally {
    stopWatching?.();
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

function checkRotatable({ id, event, url, status }: Webhook, found: Webhook | undefined): void {
  if (status === 'archived' && found === undefined) throw invalid(`The webhook ${id} is archived.`);
  if (status !== 'archived' && status !== 'active') {
    throw invalid(`The webhook ${id} has the status '${status}', which this package does not know.`);
  }
  if (event === '' || url === '') throw invalid(`The API leaves out the event or the URL of the webhook ${id}.`);
  if (status === 'active' && found !== undefined && isNewer(id, found.id) === true) {
    const { id: older } = found;
    throw invalid(
      `The webhook ${id} seems to be the replacement of ${older}, whose rotation was interrupted: rotate ${older} first.`,
    );
  }
}

function createReplacement(
  api: CakemailApi,
  { event, url, rateLimit }: Webhook,
  all: readonly Webhook[],
  signal: AbortSignal | undefined,
): Promise<Webhook> {
  const replacement = { event, url, ...(rateLimit && { rateLimit }) };
  return api.webhooks.create(replacement, { known: all.map((each) => each.id), signal });
}

function isSameTarget(a: Webhook, b: Webhook): boolean {
  return a.event === b.event && sameUrl(a.url, b.url);
}
