import * as z from 'zod';

// The shapes are those of Cakemail's OpenAPI document 1.18.25. Members that this package does not need are let through
// unread, and a name that the document does not list is no error: the API is newer than the document.

/** What a token is made of: anything else would end up, as a whole, in fetch's complaint about the header. */
export const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Source: schema `api__services__webhooks__schemas__Webhook`, of which no member is marked as required. A webhook that has
 * something new about it must not hide all the others.
 */
export const webhookSchema = z
  .object({
    id: z.string().min(1),
    event: z.string(),
    url: z.string(),
    status: z.unknown().optional(),
    archived_at: z.unknown().optional(),
    rate_limit: z.unknown().optional(),
    rate_limit_period: z.unknown().optional(),
  })
  .transform(({ id, event, url, status, archived_at, rate_limit, rate_limit_period }): Webhook => {
    const archivedAt = dateOf(archived_at);
    return {
      id,
      event,
      url,
      status: statusOf(status, archivedAt),
      archivedAt,
      rateLimit: rateLimitOf(rate_limit, rate_limit_period),
    };
  });

function statusOf(status: unknown, archivedAt: Date | null): Webhook['status'] {
  if (status === 'active' || status === 'archived') return status;
  if (status !== undefined && status !== null) return 'unknown';
  return archivedAt === null ? 'active' : 'archived';
}

function dateOf(seconds: unknown): Date | null {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

function rateLimitOf(limit: unknown, period: unknown = 'second'): RateLimit | null {
  const isKnown = typeof limit === 'number' && (period === 'second' || period === 'minute');
  return isKnown ? { limit, period } : null;
}

/** Source: schemas `CreateWebhookResponse`, `PatchWebhookResponse`, `ArchiveWebhookResponse`, `UnArchiveWebhookResponse`. */
export const changedSchema = z.object({ data: webhookSchema }).transform(({ data }) => data);

/** Source: schema `WebhookResponse`. `key` is not marked as required. */
export const shownSchema = z
  .object({
    signature: z.object({ key: z.string().min(1).optional(), hash_function: z.literal('sha256') }),
    data: webhookSchema,
  })
  .transform(({ signature, data }): ShownWebhook => ({ ...data, key: signature.key ?? null }));

/** Source: schema `ListWebhooksResponse`. */
export const pageSchema = z.object({
  pagination: z.object({
    page: z.number().optional().catch(undefined),
    per_page: z.number().optional().catch(undefined),
  }),
  data: z.array(webhookSchema),
});

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

/** A webhook at Cakemail: it carries one event to one URL. */
export interface Webhook {
  readonly id: string;
  /** One of the published names, or one that is newer. */
  readonly event: string;
  readonly url: string;
  /** `unknown`: one that this package does not know. Such a webhook counts as not active, and is left alone. */
  readonly status: 'active' | 'archived' | 'unknown';
  readonly archivedAt: Date | null;
  /** Null when the API does not tell, or in a way that this package does not know. */
  readonly rateLimit: RateLimit | null;
}

/** A webhook with the key that its deliveries are signed with. */
export interface ShownWebhook extends Webhook {
  /** Null when the API does not show it. */
  readonly key: string | null;
}
