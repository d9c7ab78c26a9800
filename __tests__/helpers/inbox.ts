import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPostgresBackend, createRedisBackend, Queue } from 'bullmq';
import { type Inbox, type InboxOptions, openInbox } from '../../src/inbox/index.js';
import { createWebhookRouter, type WebhookRouter, type WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { SECRET } from './harness.js';

/** A place for an inbox of one test. */
export interface Place {
  readonly address: string;
  readonly options: Pick<InboxOptions, 'name'>;
  clear(): Promise<unknown>;
}

interface Engine {
  readonly name: string;
  /** Empty for a server that this machine does not have. */
  readonly address: string;
  place(): Promise<Place>;
}

export const SQLITE: Engine = {
  name: 'SQLite',
  address: 'file:',
  async place() {
    const folder = mkdtempSync(join(tmpdir(), 'inbox-'));
    const address = `file:${join(folder, 'inbox.db')}`;
    return { address, options: {}, clear: async () => rmSync(folder, { recursive: true }) };
  },
};

/** BullMQ on a server. */
function onServer(name: string, address = ''): Engine {
  return {
    name,
    address,
    async place() {
      const options = { name: `test-${randomUUID()}` };
      return { address, options, clear: () => obliterate(address, options.name) };
    },
  };
}

async function obliterate(address: string, name: string): Promise<void> {
  const isRedis = address.startsWith('redis');
  const connection = isRedis ? { url: address } : { connectionString: address };
  const queue = new Queue(name, { connection }, (isRedis ? createRedisBackend : createPostgresBackend) as never);
  await queue.obliterate({ force: true });
  await queue.close();
}

const ENGINES: readonly Engine[] = [
  SQLITE,
  onServer('Redis', process.env['REDIS_URL']),
  onServer('Postgres', process.env['DATABASE_URL']),
];

/** Tests that must hold on every engine. Those of a server that is not there are reported as skipped. */
export function onEachEngine(tests: (engine: Engine) => void): void {
  for (const engine of ENGINES) {
    (engine.address === '' ? describe.skip : describe)(`an inbox in ${engine.name}`, () => tests(engine));
  }
}

/** Retries that a test can wait for. */
export const QUICK: InboxOptions = { retries: { attempts: 3, baseMs: 1, maxMs: 1 }, pollMs: 10 };

export const LOGIN = sampleEvent('User.LoggedIn');
/** Returns an event that differs from those with other account ids. */
export const login = (account_id: number) => ({ ...LOGIN, account_id });
/** A handler that always fails. */
export const fail = (): never => {
  throw new Error('not today');
};

/** The inboxes and routers that a test opened, for `closeAll`. */
const opened: { close(): Promise<unknown> }[] = [];
const places: Place[] = [];

export async function newPlace(engine: Engine): Promise<Place> {
  const place = await engine.place();
  places.push(place);
  return place;
}

export async function open({ address, options }: Place, more: InboxOptions = QUICK): Promise<Inbox> {
  const inbox = await openInbox(address, { ...options, ...more });
  opened.push(inbox);
  return inbox;
}

/** Creates a router on an inbox. Its log is silent, because tests expect failures. */
export function routerOn(inbox: Inbox, options: Partial<WebhookRouterOptions> = {}): WebhookRouter {
  const webhooks = createWebhookRouter({ secret: SECRET, inbox, logger: {}, ...options });
  opened.push(webhooks);
  return webhooks;
}

export function send(webhooks: WebhookRouter, payload: object | string): ReturnType<WebhookRouter['receive']> {
  return webhooks.receive(signedRequest(payload, { secret: SECRET }));
}

/**
 * Resolves when the inbox has nothing waiting or active. It asks twice, because Redis counts one state after another, and a
 * delivery whose lease expired may move from the second to the first meanwhile.
 */
export async function drained(inbox: Inbox, pollMs = 5): Promise<void> {
  for (let empty = 0; empty < 2; ) {
    const { waiting, active } = await inbox.stats();
    empty = waiting + active === 0 ? empty + 1 : 0;
    if (empty < 2) await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Closes the routers and inboxes that a test opened, the last one first, and deletes their data. */
export async function closeAll(): Promise<void> {
  for (const each of opened.splice(0).reverse()) await each.close().catch(() => {});
  for (const place of places.splice(0)) await place.clear();
}
