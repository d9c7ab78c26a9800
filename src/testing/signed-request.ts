import { sign } from './sign.js';

/** A signed delivery in the forms that test tools accept. */
export interface SignedRequest {
  readonly method: 'POST';
  /** `content-type` and the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, exactly as signed. */
  readonly body: string;
  /** The body as bytes, for `webhooks.receive(request)`. */
  readonly rawBody: Buffer;
  /** Returns a command that sends the delivery from a POSIX shell. */
  curl(url: string): string;
}

export interface SignOptions {
  /** The key to sign with. */
  readonly secret: string | Uint8Array;
  /** The header that carries the signature. Default `x-signature`. */
  readonly signatureHeader?: string;
}

/**
 * Signs a payload as Cakemail does. A string is sent unchanged, an object as JSON.
 *
 * ```ts
 * const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret });
 * await request(app).post(path).set(signed.headers).send(signed.body); // supertest
 * await fetch(url, signed);                                            // fetch
 * console.log(signed.curl(url));                                       // shell
 * await webhooks.receive(signed);                                      // without HTTP
 * ```
 *
 * @throws {TypeError} without a payload or a secret.
 */
export function signedRequest(payload: object | string, options: SignOptions): SignedRequest {
  const { secret, signatureHeader = 'x-signature' } = options ?? {};
  if (secret === undefined || secret === null)
    throw new TypeError('signedRequest() needs the key to sign with: { secret }.');
  if (payload === undefined) throw new TypeError('signedRequest() needs a payload: an object or text.');
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const rawBody = Buffer.from(body, 'utf8');
  const headers = { 'content-type': 'application/json', [signatureHeader]: sign(rawBody, secret) };
  return { method: 'POST', headers, body, rawBody, curl: (url) => curlCommand(url, headers, body) };
}

function curlCommand(url: string, headers: Readonly<Record<string, string>>, body: string): string {
  const options = Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  return ['curl', '-i', '-X', 'POST', ...options, '--data-raw', quote(body), quote(url)].join(' ');
}

/** Quotes a text as one word of a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
