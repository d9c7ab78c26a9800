// The same receiver in front of Express.
import { createServer } from 'node:http';
import express from 'express';
import { receiver } from './ours.mjs';
import { cakemailHeaders, PATH } from './shared.mjs';

export const sign = cakemailHeaders;

export function listen(options) {
  return createServer(receiver(options).inFrontOf(express(), { path: PATH }));
}
