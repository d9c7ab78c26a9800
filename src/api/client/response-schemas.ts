import * as z from 'zod';
import { recordOf } from '../../shared/is-record.js';

// The shapes are those of Cakemail's OpenAPI document 1.18.25. Members that this package does not need are ignored, and an event
// name that the document does not list is accepted, because the API may be newer than the document.

/** The characters of a token. `fetch` would quote the whole value in its error if a header held any other. */
export const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Reads a webhook. The schema `api__services__webhooks__schemas__Webhook` marks no member as required, so a member that is absent
 * or has another type is taken from `known`, or is empty. One malformed webhook must not hide all others.
 */
export function parseWebhook(value: unknown, known: Partial<Webhook> = {}): Webhook {
  const { id, event, url, status, archived_at, rate_limit, rate_limit_period } = recordOf(value);
  const archivedAt = parseDate(archived_at);
  return {
    id: toText(id) || known.id || '',
    event: toText(event) || known.event || '',
    url: toText(url) || known.url || '',
    status: parseStatus(status) ?? known.status ?? (archivedAt === null ? 'active' : 'archived'),
    archivedAt,
    rateLimit: parseRateLimit(rate_limit, rate_limit_period) ?? known.rateLimit ?? null,
  };
}

/** Converts a string or number to text, and anything else to an empty string. */
function toText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The status as the API gives it; undefined when it is absent. */
function parseStatus(status: unknown): string | undefined {
  if (status === undefined || status === null) return undefined;
  return toText(status) || 'unknown';
}

function parseDate(seconds: unknown): Date | null {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

function parseRateLimit(limit: unknown, period: unknown = 'second'): RateLimit | null {
  const isKnown = typeof limit === 'number' && (period === 'second' || period === 'minute');
  return isKnown ? { limit, period } : null;
}

/** The response to a change, of which any part may be absent. */
export interface ChangeResponse {
  readonly webhook: Webhook;
  /** True when the response held the whole webhook, so that it need not be read again. */
  readonly isComplete: boolean;
}

/**
 * Reads the response to a change, and takes what it lacks from `known`. Source: schemas `CreateWebhookResponse`,
 * `PatchWebhookResponse`, `ArchiveWebhookResponse`, `UnArchiveWebhookResponse`.
 */
export function parseChange(body: unknown, known: Partial<Webhook>): ChangeResponse {
  const { id, data } = recordOf(body);
  const { event, url, status, rate_limit } = recordOf(data);
  const isComplete = [event, url, status].every((each) => toText(each) !== '') && rate_limit !== undefined;
  const webhook = parseWebhook(data, known);
  return { webhook: { ...webhook, id: known.id || toText(id) || webhook.id }, isComplete };
}

/** Source: schema `WebhookResponse`. `key` is not marked as required. */
export const webhookWithKeySchema = z
  .object({
    signature: z.object({ key: z.string().min(1).optional().catch(undefined), hash_function: z.literal('sha256') }),
    data: z.looseObject({}),
  })
  .transform(({ signature, data }): WebhookWithKey => ({ ...parseWebhook(data), key: signature.key ?? null }));

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
    webhooks: data.filter((each) => typeof each === 'object' && each !== null).map((each) => parseWebhook(each)),
  }));

/** Source: schemas `TokenResponse` and `ChallengeResponse`. */
export const tokenSchema = z.union([
  z.object({ access_token: z.string().regex(VISIBLE_ASCII), refresh_token: z.string().regex(VISIBLE_ASCII) }),
  z.object({ challenge: z.string() }),
]);

/** The maximum number of deliveries per period. */
export interface RateLimit {
  readonly limit: number;
  readonly period: 'second' | 'minute';
}

/** A webhook at Cakemail, which delivers one event to one URL. A member that the API leaves out is empty or null. */
export interface Webhook {
  readonly id: string;
  /** One of the published names, or a newer one. */
  readonly event: string;
  readonly url: string;
  /** The status as the API gives it. This package never changes a webhook that is neither `active` nor `archived`. */
  readonly status: 'active' | 'archived' | (string & {});
  readonly archivedAt: Date | null;
  /** Null when the API gives no rate limit, or one with an unknown period. */
  readonly rateLimit: RateLimit | null;
}

/** A webhook with the key that its deliveries are signed with. */
export interface WebhookWithKey extends Webhook {
  /** Null when the API does not show it. */
  readonly key: string | null;
}
