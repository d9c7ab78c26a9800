import type { Response } from 'supertest';
import type { AnyCakemailEvent, Delivery } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import type { CreateApp } from './adapters.js';
import { SECRET, startApp, type TestApp } from './harness.js';
import type { Listening } from './raw-http.js';

/** An app that records what it gets. It handles the events of users and mails. */
interface RecordingApp extends TestApp {
  /** The deliveries that reached a handler. */
  readonly seen: Delivery[];
  /** The events of these deliveries. */
  readonly events: AnyCakemailEvent[];
  /** The reasons of the rejections. */
  readonly reasons: string[];
  /** Sends exact bytes, correctly signed. */
  deliverBytes(bytes: Buffer | string, headers?: Record<string, string>): Promise<Response>;
}

export function recordingApp(createApp: CreateApp, ...[options, mount]: Parameters<CreateApp>): RecordingApp {
  const app = createApp(options, mount);
  const seen: Delivery[] = [];
  const events: AnyCakemailEvent[] = [];
  const reasons: string[] = [];
  app.webhooks.on(['User.*', 'Email.*'], () => {});
  app.webhooks.onAny((event, delivery) => {
    seen.push(delivery);
    events.push(event);
  });
  app.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
  const deliverBytes: RecordingApp['deliverBytes'] = (bytes, headers) =>
    app.post(bytes, { 'x-signature': sign(bytes, SECRET), ...headers });
  return { ...app, seen, events, reasons, deliverBytes };
}

/** Serves a recording app on a port, until `hangUp()`. */
export async function startRecordingApp(...args: Parameters<typeof recordingApp>): Promise<RecordingApp & Listening> {
  return startApp(recordingApp(...args));
}
