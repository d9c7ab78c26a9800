import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OutcomeResponse } from '../delivery/responses.js';
import { linger } from './linger.js';

/** Writes a response. Closes the connection when the request was refused before it was read to its end. */
export function respond(req: IncomingMessage, res: ServerResponse, response: OutcomeResponse): void {
  // Other middleware has responded, such as one that limits the time of requests, or the sender is gone.
  if (res.headersSent || res.destroyed) return;
  const { status, headers, body } = response;
  if (req.complete || req.readableEnded) {
    res.writeHead(status, headers).end(body);
    return;
  }
  res.writeHead(status, { ...headers, connection: 'close' });
  res.write(body);
  // Other middleware may have replaced end(), and what it throws must not end the process.
  linger(req)
    .then(() => res.end())
    .catch(() => res.destroy());
}
