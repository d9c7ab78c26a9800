// What the README's shorter snippets take for granted: names that an earlier snippet, or the reader's app, has.
import type { Server } from 'node:http';
import type * as core from 'cakemail-webhooks';
import type { Inbox } from 'cakemail-webhooks/inbox';
import type { Express } from 'express';

declare global {
  const createWebhookRouter: typeof core.createWebhookRouter;
  const webhooks: core.WebhookRouter;
  const app: Express;
  const server: Server;
  const secret: string;
  const store: core.DedupeStore;
  const inbox: Inbox;
  const db: { query(sql: string, values: unknown[]): Promise<unknown> };
  function readSecret(name: string, options: { cache: boolean }): Promise<string>;
  function count(metric: string, labels: Record<string, unknown>): void;
  function time(metric: string, ms: number, label: string): void;
}
