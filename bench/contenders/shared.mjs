import { createHmac } from 'node:crypto';

export const SECRET = 'bench-secret-0123456789abcdef';
export const PATH = '/webhooks';

/** Returns an invented event name, for measurements that need many names. */
export const eventName = (index) => `Email.X${String(index).padStart(5, '0')}`;

/** Returns the headers of a Cakemail delivery. */
export function cakemailHeaders(body, secret) {
  return { 'x-signature': createHmac('sha256', secret).update(body).digest('base64') };
}

/** Handles an event for every contender, so that none can skip parsing it. */
export const seen = { events: 0 };
export function handle(event) {
  if (event.event !== undefined || event.name !== undefined || event.type !== undefined) seen.events++;
}
