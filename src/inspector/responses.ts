import type { IncomingMessage, ServerResponse } from 'node:http';
import { assetOf } from './assets.js';
import type { Entry } from './entry.js';
import type { AccessToken } from './token.js';

export function send(res: ServerResponse, status: number, type: string, content: string | Buffer): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(content) }).end(content);
}

export function text(res: ServerResponse, status: number, message: string): void {
  send(res, status, 'text/plain; charset=utf-8', message);
}

/** Sends the page or one of its files. */
export async function page(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
  if (req.method !== 'GET') return text(res, 405, 'The page answers GET only.');
  // The page's own addresses are relative, so they need the slash.
  if (path === '' && !pathOf(req).endsWith('/')) {
    res.setHeader('location', withSlash(req));
    return text(res, 308, '');
  }
  const asset = await assetOf(path);
  if (asset === undefined) return text(res, 404, 'Not found.');
  send(res, 200, asset.type, asset.content);
}

/** Leads from the page's address with the token, which grants the cookie, to the address without it. */
export function leadToPage(req: IncomingMessage, res: ServerResponse, token: AccessToken): void {
  const mount = pathOf(req).replace(/\/$/, '') || '/';
  res.setHeader('set-cookie', token.cookie(req, mount, isOverTls(req)));
  const address = pathOf(req).endsWith('/') ? './' : withSlash(req);
  // A browser leaves a Strict cookie out of a redirect that began on another site, but not when this page leads on.
  if (req.headers['sec-fetch-site'] === 'cross-site') {
    res.setHeader('refresh', `0; url=${address}`);
    text(res, 200, 'The inspector opens …');
  } else {
    res.setHeader('location', address);
    text(res, 303, '');
  }
}

/** The path as the client sent it. Express keeps it in `originalUrl`, because `url` lacks the path of the mount. */
function pathOf(req: IncomingMessage): string {
  const { originalUrl = req.url ?? '/' } = req as { originalUrl?: string };
  return originalUrl.replace(/[?#].*$/, '');
}

/** A relative address, so that no path leads to another host. */
function withSlash(req: IncomingMessage): string {
  const path = pathOf(req);
  return `./${path.slice(path.lastIndexOf('/') + 1)}/`;
}

/** Express knows more than the socket, if the app trusts its proxy. */
function isOverTls(req: IncomingMessage & { readonly secure?: unknown }): boolean {
  return req.secure === true || ('encrypted' in req.socket && req.socket.encrypted === true);
}

/** The exact bytes, to keep as a file: for a test, say. */
export function download(res: ServerResponse, entry: Entry): void {
  const name = `${entry.event?.slice(0, 60) ?? 'unverified'}-${entry.id?.slice(0, 8)}`.replace(/[^\w.-]/g, '_');
  res.setHeader('content-disposition', `attachment; filename="${name}.json"`);
  send(res, 200, 'application/octet-stream', entry.rawBody);
}
