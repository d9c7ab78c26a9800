// Our receiver in front of Express, with many handlers and remembered deliveries.
import { createServer } from 'node:http';
import express from 'express';
import { payload } from '../payload.mjs';
import { receiver } from './ours.mjs';
import { cakemailHeaders, eventName, handle, PATH, SECRET } from './shared.mjs';

export const sign = cakemailHeaders;

export async function listen({ names = 0, remembered = 0, ...options }) {
  const webhooks = receiver(options);
  for (let index = 0; index < names; index++) webhooks.on(eventName(index), handle);
  for (let index = 0; index < remembered; index++) {
    const rawBody = Buffer.from(payload(300, `remembered-${index}`));
    const { kind } = await webhooks.receive({ rawBody, headers: cakemailHeaders(rawBody, SECRET) });
    if (kind !== 'handled') throw new Error(`a delivery to remember was ${kind}`);
  }
  return createServer(webhooks.inFrontOf(express(), { path: PATH }));
}
