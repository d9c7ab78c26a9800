// Our receiver with an inbox.
import { openInbox } from 'cakemail-webhooks/inbox';
import * as inExpress from './ours-express.mjs';
import * as inFrontOf from './ours-in-front.mjs';

export const { sign } = inExpress;

export async function listen({ address, name, inFront, worker }) {
  const inbox = await openInbox(address, { name });
  return (inFront ? inFrontOf : inExpress).listen({ inbox, worker, logger: {} });
}
