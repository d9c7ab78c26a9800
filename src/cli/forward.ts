import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AnyCakemailEvent, Delivery } from '../index.js';
import { SIGNATURE_HEADERS } from '../shared/headers.js';
import { truncate } from '../shared/truncate.js';
import { sign } from '../testing/index.js';
import { type PostResult, post } from './post.js';
import type { SuppliedKey } from './read-secrets.js';

type Receive = (req: IncomingMessage, res: ServerResponse) => void;

/** Headers that describe a single connection, or that `fetch` sets itself. */
const HOP_BY_HOP_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A header that lists every `listen` process that a delivery passed through, so that loops are detected. */
const FORWARDED_BY = 'x-cakemail-webhooks-listen';

/** Forwards deliveries to an app with the same bytes and the same signature. */
export function createForwarder(
  target: string,
  keys: readonly SuppliedKey[],
  onForwarded: (event: string, result: PostResult) => void,
) {
  const ownId = randomUUID();
  const originalHeaders = new AsyncLocalStorage<IncomingHttpHeaders>();

  async function forward(event: AnyCakemailEvent, { rawBody, headers, signal }: Delivery): Promise<void> {
    const endToEnd = Object.entries(headers).filter(([name]) => !HOP_BY_HOP_HEADERS.has(name));
    const copied = Object.fromEntries(endToEnd.map(([name, value]) => [name, String(value)]));
    const signature = signatureIn(originalHeaders.getStore()) ?? signAgain(rawBody, event.event);
    const forwardedBy = { [FORWARDED_BY]: [headers[FORWARDED_BY] ?? [], ownId].flat().join() };
    const request = { headers: { ...copied, ...signature, ...forwardedBy }, body: rawBody };
    const { status, body } = await post(target, request, signal);
    if (status < 200 || status > 299) throw new Error(`${target} answered ${status}: ${excerpt(body)}`);
    onForwarded(event.event, { status, body });
  }

  /** Signs a replayed delivery, which has no signature header. It was verified before, so its signature is the same. */
  function signAgain(rawBody: Buffer, event: string): Record<string, string> {
    const key = keys.find((each) => each.event === null || each.event === event)?.key;
    return key === undefined ? {} : { [SIGNATURE_HEADERS[0]]: sign(rawBody, key) };
  }

  Object.defineProperty(forward, 'name', { value: `forward to ${target}` });
  return {
    handler: forward,
    /** Wraps a receiver so that the handler sees the headers of its request, and so that a forwarding loop ends with 508. */
    wrap:
      (receive: Receive): Receive =>
      (req, res) => {
        if (`${req.headers[FORWARDED_BY] ?? ''}`.split(',').includes(ownId)) {
          res.writeHead(508).end('This delivery was forwarded from here: --forward-to leads back to this receiver.');
          return;
        }
        originalHeaders.run(req.headers, () => receive(req, res));
      },
  };
}

/** The beginning of a response in one line, because an app may answer with a whole page. */
export function excerpt(body: string): string {
  return truncate(body.replace(/\s+/g, ' ').trim(), 120);
}

function signatureIn(headers: IncomingHttpHeaders | undefined): Record<string, string> | undefined {
  for (const name of SIGNATURE_HEADERS) {
    const value = headers?.[name];
    if (typeof value === 'string') return { [name]: value };
  }
  return undefined;
}
