import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OutcomeResponse } from '../delivery/responses.js';
import { linger } from './linger.js';

/** Writes a reply, and ends the connection when the request was refused before it was read to its end. */
export function respond(req: IncomingMessage, res: ServerResponse, reply: OutcomeResponse): void {
  // Somebody else answered (a request time limit, say), or nobody is there any more.
  if (res.headersSent || res.destroyed) return;
  if (req.complete || req.readableEnded) {
    res.writeHead(reply.status, reply.headers).end(reply.body);
    return;
  }
  res.writeHead(reply.status, { ...reply.headers, connection: 'close' });
  res.write(reply.body);
  void linger(req, () => res.end());
}
