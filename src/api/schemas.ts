import * as z from 'zod';

// The shapes are those of Cakemail's OpenAPI document 1.18.25. Members that this package does not need are let through
// unread, and a name that the document does not list is no error: the API is newer than the document.

const period = z.enum(['second', 'minute']);

/** Source: schema `api__services__webhooks__schemas__Webhook`, of which no member is marked as required. */
export const webhookSchema = z
  .object({
    id: z.string().min(1),
    event: z.string(),
    url: z.string(),
    status: z.enum(['active', 'archived']).optional(),
    archived_at: z.number().nullish(),
    rate_limit: z.number().optional(),
    rate_limit_period: period.optional(),
  })
  .transform(
    ({ id, event, url, status, archived_at, rate_limit, rate_limit_period }): Webhook => ({
      id,
      event,
      url,
      status: status ?? (archived_at == null ? 'active' : 'archived'),
      archivedAt: archived_at == null ? null : new Date(archived_at * 1000),
      rateLimit: rate_limit === undefined ? null : { limit: rate_limit, period: rate_limit_period ?? 'second' },
    }),
  );

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
  pagination: z.object({ page: z.number().optional(), per_page: z.number().optional() }),
  data: z.array(webhookSchema),
});

/** Source: schemas `TokenResponse` and `ChallengeResponse`. */
export const tokenSchema = z.union([
  z.object({ access_token: z.string().min(1), refresh_token: z.string().min(1) }),
  z.object({ challenge: z.string() }),
]);

/** Source: schemas `HTTPBadRequestError`, `HTTPUnauthorizedError`, `HTTPForbiddenError` and `HTTPValidationError`. */
export const failureSchema = z.object({
  detail: z.array(z.object({ loc: z.array(z.union([z.string(), z.number()])).optional(), msg: z.string() })),
});

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
  readonly status: 'active' | 'archived';
  readonly archivedAt: Date | null;
  /** Null when the API does not tell. */
  readonly rateLimit: RateLimit | null;
}

/** A webhook with the key that its deliveries are signed with. */
export interface ShownWebhook extends Webhook {
  /** Null when the API does not show it. */
  readonly key: string | null;
}
