import type { IncomingMessage, ServerResponse } from 'node:http';
import { assetOf } from './assets.js';
import type { Entry } from './entry.js';
import type { AccessToken } from './token.js';

export function send(res: ServerResponse, status: number, type: string, content: string | Buffer): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(content) }).end(content);
}

export function sendText(res: ServerResponse, status: number, message: string): void {
  send(res, status, 'text/plain; charset=utf-8', message);
}

/** Sends the page or one of its files. */
export async function sendPage(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
  if (req.method !== 'GET') return sendText(res, 405, 'The page answers GET only.');
  // The page's links are relative, so its address must end with a slash.
  if (path === '' && !pathOf(req).endsWith('/')) {
    res.setHeader('location', withSlash(req));
    return sendText(res, 308, '');
  }
  const asset = await assetOf(path);
  if (asset === undefined) return sendText(res, 404, 'Not found.');
  send(res, 200, asset.type, asset.content);
}

/** Grants the cookie, and redirects from the address with the token to the address without it. */
export function redirectToPage(req: IncomingMessage, res: ServerResponse, token: AccessToken): void {
  const mount = pathOf(req).replace(/\/$/, '') || '/';
  res.setHeader('set-cookie', token.cookie(req, mount, isOverTls(req)));
  const address = pathOf(req).endsWith('/') ? './' : withSlash(req);
  // After a redirect that began on another site, the browser would not send a Strict cookie. After a refresh it does.
  if (req.headers['sec-fetch-site'] === 'cross-site') {
    res.setHeader('refresh', `0; url=${address}`);
    sendText(res, 200, 'The inspector opens …');
  } else {
    res.setHeader('location', address);
    sendText(res, 303, '');
  }
}

/** The path as the client sent it. Express keeps it in `originalUrl`, because it removes the mount path from `url`. */
function pathOf(req: IncomingMessage): string {
  const { originalUrl = req.url ?? '/' } = req as { originalUrl?: string };
  return originalUrl.replace(/[?#].*$/, '');
}

/** The address is relative, so that no path redirects to another host. */
function withSlash(req: IncomingMessage): string {
  const path = pathOf(req);
  return `./${path.slice(path.lastIndexOf('/') + 1)}/`;
}

/** An Express app that trusts its proxy sets `secure` from the proxy's header. */
function isOverTls(req: IncomingMessage & { readonly secure?: unknown }): boolean {
  return req.secure === true || ('encrypted' in req.socket && req.socket.encrypted === true);
}

/** Sends the exact bytes of a body, so that they can be saved as a fixture. */
export function sendDownload(res: ServerResponse, entry: Entry): void {
  const name = `${entry.event?.slice(0, 60) ?? 'unverified'}-${entry.id?.slice(0, 8)}`.replace(/[^\w.-]/g, '_');
  res.setHeader('content-disposition', `attachment; filename="${name}.json"`);
  send(res, 200, 'application/octet-stream', entry.rawBody);
}
