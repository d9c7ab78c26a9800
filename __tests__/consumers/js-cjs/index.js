// A consumer in JavaScript, by require().
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { createWebhookRouter, WebhookError } = require('cakemail-webhooks');

const loaded = Object.keys(require.cache).filter((file) => /cakemail-webhooks[\\/]dist[\\/]/.test(file));
assert.notEqual(loaded.length, 0);
const more = loaded.filter((file) => /dist[\\/]\w+[\\/](testing|inbox|api|inspector|cli)[\\/]/.test(file));
assert.deepEqual(more, [], 'the core loads nothing of the other rooms');
const frameworks = Object.keys(require.cache).filter((file) => /node_modules[\\/]express[\\/]/.test(file));
assert.deepEqual(frameworks, [], 'the core needs no Express to be loaded');

const { sampleEvent, signedRequest } = require('cakemail-webhooks/testing');
const express = require('express');

const secret = 'the key of this consumer';
const logins = [];
const problems = [];
const webhooks = createWebhookRouter({ secret, errors: 'next' });
webhooks.on('User.*', (event) => logins.push(event.event));

const app = express();
app.post('/webhooks/cakemail', webhooks);
app.use((error, _req, res, _next) => {
  problems.push(error instanceof WebhookError && error.code);
  res.status(error.status).end();
});

async function main() {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/webhooks/cakemail`;

  const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret });
  assert.equal((await fetch(url, signed)).status, 200);
  assert.equal((await fetch(url, signedRequest(signed.body, { secret: 'another key' }))).status, 403);
  assert.deepEqual(logins, ['User.LoggedIn']);
  assert.deepEqual(problems, ['ERR_SIGNATURE']);
  server.close();
  await webhooks.close();
}

void main();
