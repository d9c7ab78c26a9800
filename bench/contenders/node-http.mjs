// A handwritten receiver on node:http, as the lower bound. It has no limits, no deduplication, no schema and one event.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { cakemailHeaders, handle, SECRET } from './shared.mjs';

export const sign = cakemailHeaders;

export function listen() {
  return createServer((req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const expected = createHmac('sha256', SECRET).update(body).digest();
      const given = Buffer.from(String(req.headers['x-signature']), 'base64');
      if (given.length !== 32 || !timingSafeEqual(expected, given)) {
        res.writeHead(403, { 'content-length': 0 }).end();
        return;
      }
      handle(JSON.parse(body.toString('utf8')));
      res.writeHead(200, { 'content-length': 2 }).end('ok');
    });
  });
}
