import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Keeps the exact bytes that a global parser reads, for apps that must run one before the router:
 *
 * ```ts
 * app.use(express.json({ verify: keepRawBody }));
 * app.use('/webhooks/cakemail', webhooks);
 * ```
 *
 * The bytes stay on `req.rawBody` until the request ends.
 */
export function keepRawBody(req: IncomingMessage, _res: ServerResponse, bytes: Buffer): void {
  (req as IncomingMessage & { rawBody?: Buffer }).rawBody = bytes;
}
