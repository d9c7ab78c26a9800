import type { Response } from 'supertest';
import {
  type DedupeStore,
  MemoryDedupeStore,
  type RejectionReason,
  type WebhookRouterOptions,
} from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import type { CreateApp } from './adapters.js';
import { PATH, SECRET, type TestApp } from './harness.js';
import { dial, listen, statusOf } from './raw-http.js';

export const BODY = JSON.stringify(sampleEvent('User.LoggedIn'));
export const RIGHT = sign(BODY, SECRET);
export const WRONG = sign(BODY, 'the-key-of-another-sender');

export interface Watched extends TestApp {
  /** The reason of each rejection. */
  readonly reasons: RejectionReason[];
  /** The handlers and the dedupe store, which forged requests must not reach. */
  readonly touched: string[];
}

export function watch(createApp: CreateApp, options: Partial<WebhookRouterOptions> = {}): Watched {
  const reasons: RejectionReason[] = [];
  const touched: string[] = [];
  const memory = new MemoryDedupeStore();
  const dedupe: DedupeStore = {
    reserve(id) {
      touched.push('stored');
      return memory.reserve(id);
    },
    finish: (id) => memory.finish(id),
    release: (id) => memory.release(id),
  };
  const testApp = createApp({ dedupe, ...options });
  testApp.webhooks.onAny(() => touched.push('handled'));
  testApp.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
  return { ...testApp, reasons, touched };
}

export async function expectRefused(
  { reasons, touched }: Watched,
  answer: Promise<{ readonly status: number }>,
  reason: RejectionReason,
): Promise<void> {
  const { status } = await answer;
  expect({ status, reasons, touched }).toEqual({ status: 403, reasons: [reason], touched: [] });
}

export async function expectAccepted({ reasons, touched }: Watched, answer: Promise<Response>): Promise<void> {
  const { status } = await answer;
  expect({ status, reasons, touched }).toEqual({ status: 200, reasons: [], touched: ['stored', 'handled'] });
}

/** A valid request still gets through: nothing the forgery did outlives it. */
export async function expectAlive(app: Watched): Promise<void> {
  const { status } = await app.post(BODY, { 'x-signature': RIGHT });
  expect(status).toBe(200);
}

/** Sends header lines exactly as given, which supertest would check or join. Resolves to the whole response. */
export async function postRaw({ listener }: TestApp, lines: readonly string[], encoding: 'latin1' | 'utf8' = 'latin1') {
  const { port, close } = await listen(listener);
  const head = [
    `POST ${PATH} HTTP/1.1`,
    'Host: receiver.test',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(BODY)}`,
    'Connection: close',
    ...lines,
  ];
  const bytes = await dial(port, Buffer.from(`${head.join('\r\n')}\r\n\r\n${BODY}`, encoding)).answer;
  await close();
  return { status: statusOf(bytes), bytes };
}
