import { createHmac } from 'node:crypto';

/** Returns the `x-signature` of a body: the base64 of its HMAC-SHA256 under the key. Source: Cakemail's guide "Using webhooks". */
export function sign(body: string | Uint8Array, secret: string | Uint8Array): string {
  return createHmac('sha256', secret).update(body).digest('base64');
}
