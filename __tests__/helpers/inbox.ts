import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Inbox, type InboxOptions, openInbox } from '../../src/inbox/index.js';
import {
  createWebhookRouter,
  type LifecycleNotices,
  type WebhookRouter,
  type WebhookRouterOptions,
} from '../../src/index.js';
import { signedRequest } from '../../src/testing/index.js';
import { SECRET } from './app.js';

/** A place for an inbox that nobody else uses, and what takes it away afterwards. */
export interface Place {
  readonly address: string;
  clear(): Promise<void>;
}

export interface Engine {
  readonly name: string;
  place(): Promise<Place>;
}

const sqlite: Engine = {
  name: 'SQLite',
  async place() {
    const folder = mkdtempSync(join(tmpdir(), 'inbox-'));
    return { address: `file:${join(folder, 'inbox.db')}`, clear: async () => rmSync(folder, { recursive: true }) };
  },
};

/** Every engine that this machine has. */
export const ENGINES: readonly Engine[] = [sqlite];

/** Retries that a test can wait for. */
export const QUICK: InboxOptions = { retries: { attempts: 3, baseMs: 1, maxMs: 1 }, pollMs: 10 };

/** What a test opened, for `closeAll`. */
const opened: { close(): Promise<unknown> }[] = [];
const places: Place[] = [];

export async function newPlace(engine: Engine): Promise<string> {
  const place = await engine.place();
  places.push(place);
  return place.address;
}

export async function open(address: string, options: InboxOptions = QUICK): Promise<Inbox> {
  const inbox = await openInbox(address, options);
  opened.push(inbox);
  return inbox;
}

/** A router on an inbox. Its failures are expected. */
export function routerOn(inbox: Inbox, options: Partial<WebhookRouterOptions> = {}): WebhookRouter {
  const webhooks = createWebhookRouter({ secret: SECRET, inbox, logger: {}, ...options });
  opened.push(webhooks);
  return webhooks;
}

export function send(webhooks: WebhookRouter, payload: object | string): ReturnType<WebhookRouter['receive']> {
  return webhooks.receive(signedRequest(payload, { secret: SECRET }));
}

/** Resolves with the next notice of this name. */
export function next<N extends keyof LifecycleNotices>(webhooks: WebhookRouter, name: N): Promise<LifecycleNotices[N]> {
  return new Promise((resolve) => webhooks.events.once(name, resolve as never));
}

/** Resolves when the inbox has nothing waiting or active. */
export async function drained(inbox: Inbox): Promise<void> {
  for (;;) {
    const { waiting, active } = await inbox.stats();
    if (waiting + active === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Closes what a test opened, the last first, and clears up. */
export async function closeAll(): Promise<void> {
  for (const each of opened.splice(0).reverse()) await each.close().catch(() => {});
  for (const place of places.splice(0)) await place.clear();
}
