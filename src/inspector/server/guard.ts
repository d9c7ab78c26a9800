import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../../shared/is-loopback.js';
import { invalid } from '../../shared/option-checks.js';
import type { Awaitable } from '../../shared/promises.js';
import type { AccessToken } from './token.js';

/** Says whether a request may see the inspector. A thrown error means no. */
export type Authorize = (req: IncomingMessage) => Awaitable<unknown>;

/** The proof that admitted a request. */
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
   * Why a request is refused before anything shows who sent it, or undefined. The page of another site cannot get past:
   * neither by a form, nor by a script, nor by a host name of its own that leads here (DNS rebinding).
   */
  refusal(req: IncomingMessage): string | undefined {
    if (!this.#isOurHost(req.headers.host)) {
      return 'The inspector does not answer under this host name. The option `hosts` of inspector() adds host names.';
    }
    if (isForeign(req)) return 'The inspector does not answer the pages of other sites.';
    if (req.method !== 'GET' && req.headers['content-type']?.split(';')[0]?.trim() !== 'application/json') {
      return 'The inspector takes only JSON, which a form of another site cannot send.';
    }
    return undefined;
  }

  /**
   * By what a request is admitted; undefined when it is not. Only a secret or the app's own function can tell: behind a
   * proxy or a tunnel every request comes from this machine, under any host name, with or without forwarding headers.
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
  // A link from another site may lead to the page.
  return method !== 'GET' || headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document';
}

/** Undefined for `null` and for anything else that is not a web origin. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
