import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../../shared/is-loopback.js';
import { invalid } from '../../shared/option-checks.js';
import type { Awaitable } from '../../shared/promises.js';
import type { AccessToken } from './token.js';

/** Decides whether a request may see the inspector. A thrown error means no. */
export type Authorize = (req: IncomingMessage) => Awaitable<unknown>;

/** The check that admitted a request. */
export type Admission = 'token' | 'authorize';

export class Guard {
  readonly #token: AccessToken;
  readonly #authorize: Authorize | undefined;
  readonly #hosts: ReadonlySet<string>;

  /** @throws {ConfigurationError} when `hosts` is not a list of host names. */
  constructor(token: AccessToken, authorize: Authorize | undefined, hosts: readonly string[]) {
    if (!Array.isArray(hosts) || !hosts.every((host) => typeof host === 'string' && HOST.test(host))) {
      throw invalid('`hosts` must be a list of host names, each with or without a port: `ops.example.com`.');
    }
    this.#token = token;
    this.#authorize = authorize;
    this.#hosts = new Set(hosts.map((host) => host.toLowerCase()));
  }

  /**
   * Returns why a request is refused before its sender is identified, or undefined. This stops pages of other sites: their
   * forms, their scripts, and host names of their own that resolve to this machine (DNS rebinding).
   */
  refusal(req: IncomingMessage): string | undefined {
    if (!this.#isOurHost(req.headers.host)) {
      return 'The inspector does not answer under this host name. The option `hosts` of inspector() adds host names.';
    }
    if (isForeign(req)) return 'The inspector does not answer requests from pages of other sites.';
    if (req.method !== 'GET' && req.headers['content-type']?.split(';')[0]?.trim() !== 'application/json') {
      return 'The inspector accepts only JSON, because a form of another site cannot send it.';
    }
    return undefined;
  }

  /**
   * Returns which check admitted a request, or undefined when none did. Only a secret or the app's own function can decide:
   * behind a proxy or a tunnel, every request comes from this machine, with any host name and any forwarding headers.
   */
  async admit(req: IncomingMessage): Promise<Admission | undefined> {
    if (this.#token.isInCookieOf(req)) return 'token';
    try {
      return (await this.#authorize?.(req)) ? 'authorize' : undefined;
    } catch {
      return undefined;
    }
  }

  #isOurHost(header = ''): boolean {
    const host = header.toLowerCase();
    const name = host.replace(/:\d{1,5}$/, '');
    return isLoopback(name) || this.#hosts.has(host) || this.#hosts.has(name);
  }
}

/** A name, an IPv4 address or an IPv6 address in brackets, with or without a port. */
const HOST = /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i;

function isForeign({ method, headers }: IncomingMessage): boolean {
  const { host, origin } = headers;
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase()) return true;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  // A link on another site may open the page.
  return method !== 'GET' || headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document';
}

/** Returns undefined for `null` and for anything else that is not a web origin. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
