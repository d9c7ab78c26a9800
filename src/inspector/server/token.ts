import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { invalid } from '../../shared/option-checks.js';

/** At least 128 bits, if it is hex, and short enough for every server's limit of a URL. */
const USABLE = /^[\x21-\x7e]{32,512}$/;

/** The secret that opens an inspector: first in the URL of the page, then in a cookie. */
export class AccessToken {
  readonly #text: string;
  /** Derived from the token, so that a stolen cookie does not reveal a token that the program's owner chose. */
  readonly #session: string;

  /** @throws {ConfigurationError} when the given token is too short or cannot be part of a URL as it is. */
  constructor(given: string | undefined) {
    if (given !== undefined && !(typeof given === 'string' && USABLE.test(given))) {
      throw invalid(
        '`token` must be 32 to 512 ASCII characters without spaces, such as the output of `openssl rand -hex 32`.',
      );
    }
    this.#text = given ?? randomBytes(32).toString('base64url');
    this.#session = createHmac('sha256', this.#text).update('cakemail-webhooks inspector session').digest('base64url');
  }

  /** The address of the page below this path, with the token. */
  urlBelow(path: string): string {
    return `${path.replace(/\/$/, '')}/?token=${encodeURIComponent(this.#text)}`;
  }

  matches(text: string): boolean {
    return isEqual(text, this.#text);
  }

  /** Checks whether a request carries the cookie. A browser sends two of one name when one mount is below another. */
  isInCookieOf({ headers }: IncomingMessage): boolean {
    const prefix = `${cookieName(headers.host)}=`;
    const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
    return pairs.some((pair) => pair.startsWith(prefix) && isEqual(pair.slice(prefix.length), this.#session));
  }

  /** Returns a `Set-Cookie` header for this host only (no `Domain`) and until the browser ends (no `Max-Age`). */
  cookie({ headers }: IncomingMessage, path: string, isSecure: boolean): string {
    const pair = `${cookieName(headers.host)}=${this.#session}`;
    return `${pair}; Path=${path}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
  }
}

/** Cookies ignore ports, so the name contains the port: two inspectors on one host keep separate cookies. */
function cookieName(host = ''): string {
  return `cakemail-webhooks-${/:(\d{1,5})$/.exec(host)?.[1] ?? 'default'}`;
}

/** Compares digests, so that the time does not depend on where the texts differ. */
function isEqual(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
