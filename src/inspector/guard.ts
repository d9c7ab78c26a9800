import type { IncomingMessage } from 'node:http';
import type { Awaitable } from '../time.js';

/** Says whether a request may look. What it throws means no. */
export interface Authorize {
  authorize(req: IncomingMessage): Awaitable<unknown>;
}

/** What proxies and tunnels add: what they pass on came from elsewhere, even where they say `localhost` in its name. */
const PROXIED = /^(x-forwarded-.+|forwarded|via|(x-real|x-client|true-client|cf-connecting)-ip)$/;

/** Whether a request comes from this machine, and asked for it by a name of its own: no page of the web can do both. */
export function isLocal({ socket, headers }: IncomingMessage): boolean {
  return (
    isLoopback(socket.remoteAddress ?? '') &&
    isLoopbackName(headers.host) &&
    !Object.keys(headers).some((name) => PROXIED.test(name))
  );
}

/**
 * Why a request may not look, or undefined. Without `authorize` only this machine may. With it or without, no other
 * site's page: not by a form, not by a script, not by a name of its own that leads here.
 */
export async function refusal(req: IncomingMessage, { authorize }: Partial<Authorize>): Promise<string | undefined> {
  if (isForeign(req)) return 'A page of another site asked for this.';
  if (req.method !== 'GET' && req.headers['content-type']?.split(';')[0]?.trim() !== 'application/json') {
    return 'Only JSON is taken: no other site can send that.';
  }
  if (authorize === undefined) {
    return isLocal(req) ? undefined : 'The inspector answers this machine only, unless it is given `authorize`.';
  }
  try {
    return (await authorize(req)) ? undefined : 'Not authorized.';
  } catch {
    return 'Not authorized.';
  }
}

function isForeign({ method, headers }: IncomingMessage): boolean {
  const { host, origin } = headers;
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase()) return true;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  // A link to the page from elsewhere may be followed.
  return method !== 'GET' || headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document';
}

/** Undefined for `null` and whatever else is no web origin. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@]+)$/i.exec(origin)?.[1]?.toLowerCase();
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address);
}

function isLoopbackName(host = ''): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host);
}
