import type { RequestListener } from 'node:http';
import type express from 'express';
import { createApp, type Face, type Mount, PATH } from './app.js';
import { FRAMEWORKS } from './wire.js';

/** As `createApp`. */
export type CreateApp = (...args: Parameters<typeof createApp>) => ReturnType<typeof createApp>;
type Faces = readonly (readonly [name: string, createApp: CreateApp])[];

const alone: Face = (webhooks, _app, before) => behind(before, webhooks);
const inFront: Face = (webhooks, app, before) => behind(before, webhooks.inFrontOf(app, { path: PATH }));

/** Every way to serve the router over Node's HTTP, as a `createApp` that serves it so. */
export const FACES: Faces = [
  ...FRAMEWORKS.map(([name, framework]) => [name, by({ framework })] as const),
  ['http.createServer(webhooks)', by({ face: alone })],
  ['inFrontOf(app)', by({ face: inFront })],
];

/** The two that share the least, for what takes long or has been seen on every Express elsewhere. */
export const TWO_FACES: Faces = [
  ['Express', createApp],
  ['inFrontOf(app)', by({ face: inFront })],
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
