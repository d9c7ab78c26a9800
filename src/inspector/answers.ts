import type { IncomingMessage, ServerResponse } from 'node:http';
import { assetOf } from './assets.js';
import type { Entry } from './entry.js';

export function send(res: ServerResponse, status: number, type: string, content: string | Buffer): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(content) }).end(content);
}

export function text(res: ServerResponse, status: number, message: string): void {
  send(res, status, 'text/plain; charset=utf-8', message);
}

/** The page or one of its files. */
export async function page(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
  if (req.method !== 'GET') return text(res, 405, 'The page is for looking.');
  // Relative addresses need the slash. Express tells of the path above.
  const { originalUrl = req.url ?? '/' } = req as { originalUrl?: string };
  const whole = originalUrl.replace(/[?#].*$/, '');
  if (path === '' && !whole.endsWith('/')) {
    // Relative, so that no address leads to another host.
    res.setHeader('location', `./${whole.slice(whole.lastIndexOf('/') + 1)}/`);
    return text(res, 308, '');
  }
  const asset = await assetOf(path);
  if (asset === undefined) return text(res, 404, 'There is nothing here.');
  send(res, 200, asset.type, asset.content);
}

/** The exact bytes, to keep as a file: for a test, say. */
export function download(res: ServerResponse, entry: Entry): void {
  const name = `${entry.event?.slice(0, 60) ?? 'unverified'}-${entry.id?.slice(0, 8)}`.replace(/[^\w.-]/g, '_');
  res.setHeader('content-disposition', `attachment; filename="${name}.json"`);
  send(res, 200, 'application/octet-stream', entry.rawBody);
}
