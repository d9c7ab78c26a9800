import type { RequestListener } from 'node:http';
import express from 'express';
import { type Adapter, createApp, type Mount, PATH } from './harness.js';

/** Every Express that is supported, oldest last. The aliases are real releases. */
export const FRAMEWORKS: readonly (readonly [name: string, framework: typeof express])[] = [
  ['Express 5', express],
  ['Express 4', jest.requireActual<typeof express>('express4')],
  ['Express 4.18.0', jest.requireActual<typeof express>('express418')],
];

/** As `createApp`. */
export type CreateApp = (...args: Parameters<typeof createApp>) => ReturnType<typeof createApp>;
type Adapters = readonly (readonly [name: string, createApp: CreateApp])[];

const alone: Adapter = (webhooks, _app, before) => behind(before, webhooks);
const inFront: Adapter = (webhooks, app, before) => behind(before, webhooks.inFrontOf(app, { path: PATH }));

/** Every way to serve the router over Node's HTTP, as a `createApp` that serves it so. */
export const ADAPTERS: Adapters = [
  ...FRAMEWORKS.map(([name, framework]) => [name, by({ framework })] as const),
  ['http.createServer(webhooks)', by({ adapter: alone })],
  ['inFrontOf(app)', by({ adapter: inFront })],
];

/** The two that have the least in common, for tests that are slow or that run on every Express elsewhere. */
export const TWO_ADAPTERS: Adapters = [
  ['Express', createApp],
  ['inFrontOf(app)', by({ adapter: inFront })],
];

function by(own: Mount): CreateApp {
  return (options, mount) => createApp(options, { ...own, ...mount });
}

/** A listener behind middlewares that need nothing of Express. */
function behind(before: readonly express.RequestHandler[], listener: RequestListener): RequestListener {
  return before.reduceRight<RequestListener>(
    (next, middleware) => (req, res) =>
      void middleware(req as express.Request, res as express.Response, () => next(req, res)),
    listener,
  );
}
