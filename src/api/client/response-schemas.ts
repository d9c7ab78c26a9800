import * as z from 'zod';
import { recordOf } from '../../shared/record-of.js';

// The shapes are those of Cakemail's OpenAPI document 1.18.25. Members that this package does not need are let through
// unread, and a name that the document does not list is no error: the API is newer than the document.

/** What a token is made of: anything else would end up, as a whole, in fetch's complaint about the header. */
export const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Reads a webhook. Source: schema `api__services__webhooks__schemas__Webhook`, of which no member is marked as required, so that
 * any may be absent or of another kind: it is then taken from what is known already, or is empty. One odd webhook must not
 * hide all the others.
 */
export function webhookOf(value: unknown, known: Partial<Webhook> = {}): Webhook {
  const { id, event, url, status, archived_at, rate_limit, rate_limit_period } = recordOf(value);
  const archivedAt = dateOf(archived_at);
  return {
    id: textOf(id) || known.id || '',
    event: textOf(event) || known.event || '',
    url: textOf(url) || known.url || '',
    status: statusOf(status) ?? known.status ?? (archivedAt === null ? 'active' : 'archived'),
    archivedAt,
    rateLimit: rateLimitOf(rate_limit, rate_limit_period) ?? known.rateLimit ?? null,
  };
}

/** A text, or a number as one. Empty for anything else. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The status as the API gives it; undefined when it is absent. */
function statusOf(status: unknown): string | undefined {
  if (status === undefined || status === null) return undefined;
  return textOf(status) || 'unknown';
}

function dateOf(seconds: unknown): Date | null {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

function rateLimitOf(limit: unknown, period: unknown = 'second'): RateLimit | null {
  const isKnown = typeof limit === 'number' && (period === 'second' || period === 'minute');
  return isKnown ? { limit, period } : null;
}

/** A webhook as read from the answer to a change, of which any part may be absent. */
export interface Change {
  readonly webhook: Webhook;
  /** True when the answer was complete, so that the webhook need not be read again. */
  readonly isWhole: boolean;
}

/**
 * Reads the answer to a change, which may be anything, in view of what is known of the webhook. Source: schemas
 * `CreateWebhookResponse`, `PatchWebhookResponse`, `ArchiveWebhookResponse`, `UnArchiveWebhookResponse`.
 */
export function changeOf(body: unknown, known: Partial<Webhook>): Change {
  const { id, data } = recordOf(body);
  const { event, url, status, rate_limit } = recordOf(data);
  const isWhole = [event, url, status].every((each) => textOf(each) !== '') && rate_limit !== undefined;
  const webhook = webhookOf(data, known);
  return { webhook: { ...webhook, id: known.id || textOf(id) || webhook.id }, isWhole };
}

/** Source: schema `WebhookResponse`. `key` is not marked as required. */
export const shownSchema = z
  .object({
    signature: z.object({ key: z.string().min(1).optional().catch(undefined), hash_function: z.literal('sha256') }),
    data: z.looseObject({}),
  })
  .transform(({ signature, data }): ShownWebhook => ({ ...webhookOf(data), key: signature.key ?? null }));

/** Source: schema `ListWebhooksResponse`. */
export const pageSchema = z
  .object({
    pagination: z.object({
      page: z.number().optional().catch(undefined),
      per_page: z.number().optional().catch(undefined),
    }),
    data: z.array(z.unknown()),
  })
  .transform(({ pagination, data }) => ({
    pagination,
    size: data.length,
    webhooks: data.filter((each) => typeof each === 'object' && each !== null).map((each) => webhookOf(each)),
  }));

/** Source: schemas `TokenResponse` and `ChallengeResponse`. */
export const tokenSchema = z.union([
  z.object({ access_token: z.string().regex(VISIBLE_ASCII), refresh_token: z.string().regex(VISIBLE_ASCII) }),
  z.object({ challenge: z.string() }),
]);

/** How many deliveries Cakemail makes at most. */
export interface RateLimit {
  readonly limit: number;
  readonly period: 'second' | 'minute';
}

/** A webhook at Cakemail: it carries one event to one URL. Whatever the API does not tell is empty, or null. */
export interface Webhook {
  readonly id: string;
  /** One of the published names, or one that is newer. */
  readonly event: string;
  readonly url: string;
  /** As the API gives it. A webhook that is neither `active` nor `archived` is left alone. */
  readonly status: 'active' | 'archived' | (string & {});
  readonly archivedAt: Date | null;
  /** Null when the API does not tell, or in a way that this package does not know. */
  readonly rateLimit: RateLimit | null;
}

/** A webhook with the key that its deliveries are signed with. */
export interface ShownWebhook extends Webhook {
  /** Null when the API does not show it. */
  readonly key: string | null;
}
