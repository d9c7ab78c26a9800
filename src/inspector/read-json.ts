import type { IncomingMessage } from 'node:http';
import { captureBody } from '../body/capture.js';
import type { CapturableRequest } from '../body/request.js';

/** A body of the largest size, as JSON text, is somewhat larger. */
const LIMITS = { limit: 4 * 1024 * 1024, timeoutMs: 10_000, inflate: false };

/** What the page posts; undefined for what is no JSON object. */
export async function readJson(req: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  // The app's own parser may have been there first. One that was, and did not care, leaves an empty object with Express 4.
  const { body, readableEnded } = req as CapturableRequest & IncomingMessage;
  if (readableEnded && isPlain(body)) return body;
  const captured = await captureBody(req, LIMITS);
  if ('reason' in captured) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.concat(captured.pieces).toString());
    return isPlain(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
