// A consumer in JavaScript, as an ES module, with a global parser that keeps the bytes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createWebhookRouter, keepRawBody } from 'cakemail-webhooks';
import { sampleEvent, sign, signedRequest } from 'cakemail-webhooks/testing';
import express from 'express';

const secret = 'the key of this consumer';
const logins = [];
const webhooks = createWebhookRouter({ secret });
webhooks.on('User.LoggedIn', (event) => logins.push(event.data.email));

const app = express();
app.use(express.json({ verify: keepRawBody }));
app.use('/webhooks/cakemail', webhooks);
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}/webhooks/cakemail`;

const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret });
assert.equal(signed.headers['x-signature'], sign(signed.body, secret));
const accepted = await fetch(url, signed);
assert.equal(accepted.status, 200);
assert.deepEqual(await accepted.json(), { status: 'handled' });

const forged = await fetch(url, signedRequest(signed.body, { secret: 'another key' }));
assert.equal(forged.status, 403);
assert.equal((await forged.json()).error.code, 'ERR_SIGNATURE');
assert.deepEqual(logins, ['johndoe1@example.com']);

assert.throws(() => createWebhookRouter({ secret: '' }), { name: 'ConfigurationError', code: 'ERR_SECRET_MISSING' });
server.close();
await webhooks.close();
