// Ours in front, with an inbox.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { openInbox } from 'cakemail-webhooks/inbox';
import express from 'express';
import { receiver } from './ours.mjs';
import { cakemailHeaders, PATH } from './shared.mjs';

export const sign = cakemailHeaders;

export async function listen(options) {
  // Beside the project, not in the system's folder for temporary files: that one may be memory.
  const folder = mkdtempSync(join(import.meta.dirname, '../.inbox-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const inbox = await openInbox(`file:${join(folder, 'inbox.db')}`);
  return createServer(receiver({ inbox, ...options }).inFrontOf(express(), { path: PATH }));
}
