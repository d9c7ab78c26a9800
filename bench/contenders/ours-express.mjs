import { createServer } from 'node:http';
import express from 'express';
import { receiver } from './ours.mjs';
import { cakemailHeaders, PATH } from './shared.mjs';

export const sign = cakemailHeaders;

export function listen(options) {
  const app = express();
  app.use(PATH, receiver(options));
  return createServer(app);
}
