import type { Delivery } from '../../src/index.js';
import type { CreateApp } from './adapters.js';
import type { TestApp } from './harness.js';
import { type Listening, listen } from './raw-http.js';

export interface RecordingApp extends TestApp, Listening {
  /** The deliveries that reached a handler. */
  readonly seen: Delivery[];
  /** The reasons of the rejections. */
  readonly reasons: string[];
}

/** Serves an app that records what it gets on a port, until `hangUp()`. */
export async function startRecordingApp(
  createApp: CreateApp,
  ...[options, mount]: Parameters<CreateApp>
): Promise<RecordingApp> {
  const app = createApp(options, mount);
  const seen: Delivery[] = [];
  const reasons: string[] = [];
  app.webhooks.on(['User.*', 'Email.*'], (_event, delivery) => seen.push(delivery));
  app.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
  return { ...app, seen, reasons, ...(await listen(app.listener)) };
}
