import type { UnderlyingSource } from 'node:stream/web';
import { createWebhookRouter, type WebhookRouter, type WebhookRouterOptions } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import { PATH, SECRET, SIGNED } from './harness.js';

// Fetch requests of every kind, and a router that records what it gets.

export const ADDRESS = `https://receiver.test${PATH}`;
export const BYTES = new Uint8Array(SIGNED.rawBody);

export interface RecordingRouter {
  readonly webhooks: WebhookRouter;
  /** The exact text of each delivery that reached a handler. */
  readonly seen: string[];
  /** The reasons of the rejections. */
  readonly reasons: string[];
}

export function recordingRouter(options: Partial<WebhookRouterOptions> = {}): RecordingRouter {
  const webhooks = createWebhookRouter({ ...(options.secrets ? {} : { secret: SECRET }), logger: {}, ...options });
  const seen: string[] = [];
  const reasons: string[] = [];
  webhooks.on(['User.*', 'Email.*'], (_event, { rawBody }) => seen.push(rawBody.toString()));
  webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
  return { webhooks, seen, reasons };
}

/** A signed POST, except for what `init` replaces. */
export function post(init: RequestInit = {}): Request {
  return new Request(ADDRESS, { method: 'POST', headers: SIGNED.headers, body: SIGNED.body, ...init });
}

/** A POST of this text, correctly signed. */
export function signed(text: string, headers: Record<string, string> = {}): Request {
  return post({ body: text, headers: { 'x-signature': sign(text, SECRET), ...headers } });
}

/** A POST whose body is a stream with this source. */
export function streamed(source: UnderlyingSource<unknown>, headers: Record<string, string> = {}): Request {
  const body = new ReadableStream(source) as NonNullable<RequestInit['body']>;
  return post({ body, headers: { ...SIGNED.headers, ...headers }, duplex: 'half' });
}

/** A source of these chunks, which calls `last` after them. */
export function chunks(all: readonly unknown[], last: (controller: ReadableStreamDefaultController) => unknown) {
  const left = [...all];
  const pull = (controller: ReadableStreamDefaultController): unknown =>
    left.length > 0 ? controller.enqueue(left.shift()) : last(controller);
  return { pull: pull as (controller: ReadableStreamDefaultController) => void };
}

export const ends = (controller: ReadableStreamDefaultController): void => controller.close();
export const waits = (): Promise<never> => new Promise(() => {});

export const broken = (): never => {
  throw new Error('do-not-tell');
};

/** Resolves when everything that is about to happen has happened, in streams as well. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
}
