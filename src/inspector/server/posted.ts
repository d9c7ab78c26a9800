import type { IncomingMessage } from 'node:http';
import { type NodeRequest, readNodeBody } from '../../http/body/read-node.js';

/** A body of the largest size, as JSON text, is somewhat larger. */
const LIMITS = { limit: 4 * 1024 * 1024, timeoutMs: 10_000 };

/** What the page posts; undefined for what is no JSON object. */
export async function readJson(req: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  // The app's own parser may have been there first. One that was, and did not care, leaves an empty object with Express 4.
  const { body, readableEnded } = req as NodeRequest;
  if (readableEnded && isPlain(body)) return body;
  const read = await readNodeBody(req, LIMITS);
  if ('reason' in read) return undefined;
  try {
    const value: unknown = JSON.parse(read.bytes.toString());
    return isPlain(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
