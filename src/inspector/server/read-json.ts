import type { IncomingMessage } from 'node:http';
import { captureBody } from '../../http/body/capture.js';
import type { CapturableRequest } from '../../http/body/captured-body.js';

/** Larger than the largest body of a delivery, which is longer when it is quoted as JSON text. */
const LIMITS = { limit: 4 * 1024 * 1024, timeoutMs: 10_000 };

/** Reads the JSON object that the page posted. Returns undefined when the body is not a JSON object. */
export async function readJson(req: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  // A parser of the app may have read the body. In Express 4, a parser that skips the body leaves an empty object.
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
