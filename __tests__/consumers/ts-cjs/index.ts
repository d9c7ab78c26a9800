// A consumer in TypeScript that compiles to require().
import assert = require('node:assert/strict');

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type CakemailEvent, createWebhookRouter, type Delivery, type Outcome, WebhookError } from 'cakemail-webhooks';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';

import express = require('express');

const secret = 'the key of this consumer';
const logins: string[] = [];
const webhooks = createWebhookRouter({ secret });

function onLogin(event: CakemailEvent<'User.LoggedIn'>, delivery: Delivery): void {
  logins.push(`${event.data.email} ${delivery.attempt}`);
}
webhooks.on('User.LoggedIn', onLogin);
webhooks.lifecycle.on('rejected', ({ reason }) => logins.push(reason));
// @ts-expect-error misspelt
webhooks.on('User.LogedIn', () => {}); // this project does not check the warning at run time

const app = express();
app.use('/webhooks/cakemail', webhooks);

async function main(): Promise<void> {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/cakemail`;

  const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret });
  assert.equal((await fetch(url, signed)).status, 200);
  const duplicate: Outcome = await webhooks.receive(signed);
  assert.equal(duplicate.kind, 'duplicate');
  assert.equal((await fetch(url, signedRequest(signed.body, { secret: 'another key' }))).status, 403);
  assert.deepEqual(logins, ['johndoe1@example.com 1', 'mismatch']);
  assert.throws(() => createWebhookRouter({ secret: undefined }), WebhookError);
  server.close();
  await webhooks.close();
}

void main();
