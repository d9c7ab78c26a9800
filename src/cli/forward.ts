import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AnyCakemailEvent, Delivery } from '../index.js';
import { SIGNATURE_HEADERS } from '../shared/headers.js';
import { truncate } from '../shared/truncate.js';
import { sign } from '../testing/index.js';
import { type Posted, post } from './post.js';
import type { GivenKey } from './read-secrets.js';

type Receive = (req: IncomingMessage, res: ServerResponse) => void;

/** Headers that are about one connection, or that fetch makes itself. */
const OF_THE_CONNECTION = new Set([
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

/** Names every `listen` that a delivery went through. */
const PASSED_BY = 'x-cakemail-webhooks-listen';

/** Passes deliveries on to an app as they came: the same bytes under the same signature. */
export function createForwarder(
  target: string,
  keys: readonly GivenKey[],
  onAnswer: (event: string, answer: Posted) => void,
) {
  const own = randomUUID();
  const original = new AsyncLocalStorage<IncomingHttpHeaders>();

  async function forward(event: AnyCakemailEvent, { rawBody, headers, signal }: Delivery): Promise<void> {
    const kept = Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.has(name));
    const plain = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
    const signature = signatureIn(original.getStore()) ?? signatureOf(rawBody, event.event);
    const route = { [PASSED_BY]: [headers[PASSED_BY] ?? [], own].flat().join() };
    const request = { headers: { ...plain, ...signature, ...route }, body: rawBody };
    const { status, body } = await post(target, request, signal);
    if (status < 200 || status > 299) throw new Error(`${target} answered ${status}: ${brief(body)}`);
    onAnswer(event.event, { status, body });
  }

  /** One that is replayed has none: it was verified, so signing it again gives the same. */
  function signatureOf(rawBody: Buffer, event: string): Record<string, string> {
    const key = keys.find((each) => each.event === null || each.event === event)?.key;
    return key === undefined ? {} : { [SIGNATURE_HEADERS[0]]: sign(rawBody, key) };
  }

  Object.defineProperty(forward, 'name', { value: `pass on to ${target}` });
  return {
    handler: forward,
    /** Has the handler know the headers of the request that it is called for, and takes nothing that it passed on. */
    around:
      (receive: Receive): Receive =>
      (req, res) => {
        if (`${req.headers[PASSED_BY] ?? ''}`.split(',').includes(own)) {
          res.writeHead(508).end('It was passed on from here: --forward-to leads back to this receiver.');
          return;
        }
        original.run(req.headers, () => receive(req, res));
      },
  };
}

/** An app may answer with a whole page. */
export function brief(body: string): string {
  return truncate(body.replace(/\s+/g, ' ').trim(), 120);
}

function signatureIn(headers: IncomingHttpHeaders | undefined): Record<string, string> | undefined {
  for (const name of SIGNATURE_HEADERS) {
    const value = headers?.[name];
    if (typeof value === 'string') return { [name]: value };
  }
  return undefined;
}
