import { createHmac } from 'node:crypto';

export const SECRET = 'bench-secret-0123456789abcdef';
export const PATH = '/webhooks';

/** Invented event names for measurements that need many. */
export const eventName = (index) => `Email.X${String(index).padStart(5, '0')}`;

/** Cakemail's signature. */
export function cakemailHeaders(body, secret) {
  return { 'x-signature': createHmac('sha256', secret).update(body).digest('base64') };
}

/** Every contender's handler. It reads the event, so that no contender can skip parsing it. */
export const seen = { events: 0 };
export function handle(event) {
  if (event.event !== undefined || event.name !== undefined || event.type !== undefined) seen.events++;
}
