// A consumer in TypeScript, as an ES module, that adds its own knowledge of the events.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createWebhookRouter } from 'cakemail-webhooks';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';
import express from 'express';

declare module 'cakemail-webhooks' {
  interface CakemailEventData {
    'Email.Bounced': { email: string; bounce_type: 'hard' | 'soft' };
    'Campaign.Sent': { campaign_id: number };
  }
}

const secret = 'the key of this consumer';
const seen: string[] = [];
const webhooks = createWebhookRouter({ secret: { 'Campaign.Sent': secret, 'User.LoggedIn': [secret] } });

webhooks.on('Email.Bounced', (event) => {
  const type: 'hard' | 'soft' = event.data.bounce_type;
  // @ts-expect-error the merge says nothing of it
  seen.push(type, event.data.reason);
});
webhooks.on('Campaign.*', (event) => {
  if (event.event === 'Campaign.Sent') seen.push(event.data.campaign_id.toFixed(1));
});
webhooks.onAny((event) => {
  if (event.event === 'User.LoggedIn') seen.push(event.data.email);
});

const app = express();
app.use('/webhooks/cakemail', webhooks);
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/cakemail`;

const sent = signedRequest(sampleEvent('Campaign.Sent', { data: { campaign_id: 7 } }), { secret });
assert.equal((await fetch(url, sent)).status, 200);
const login = signedRequest(sampleEvent('User.LoggedIn'), { secret });
assert.equal((await fetch(url, login)).status, 200);
assert.equal((await fetch(url, signedRequest(login.body, { secret: 'another key' }))).status, 403);
// The right key, bound to other events.
assert.equal((await webhooks.receive(signedRequest(sampleEvent('Email.Bounced'), { secret }))).status, 403);
assert.deepEqual(seen, ['7.0', 'johndoe1@example.com']);
server.close();
await webhooks.close();
