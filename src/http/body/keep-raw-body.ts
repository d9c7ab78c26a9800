import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Keeps the exact bytes that a global parser reads, for apps that must run one first:
 *
 * ```ts
 * app.use(express.json({ verify: keepRawBody }));
 * app.use('/webhooks/cakemail', webhooks);
 * ```
 *
 * The bytes stay on `req.rawBody` until the request is done.
 */
export function keepRawBody(req: IncomingMessage, _res: ServerResponse, bytes: Buffer): void {
  (req as IncomingMessage & { rawBody?: Buffer }).rawBody = bytes;
}
