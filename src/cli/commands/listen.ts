import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { createWebhookRouter, EVENT_NAMES, type LifecycleEmitter, type WebhookRouter } from '../../index.js';
import { inspector } from '../../inspector/index.js';
import { toOneLine } from '../../shared/control-chars.js';
import { isLoopback } from '../../shared/is-loopback.js';
import { createForwarder, excerpt } from '../forward.js';
import { displayEventName, type KeyOptions, readKeys, type SuppliedKey } from '../read-secrets.js';
import { onRejection } from '../rejections.js';
import { keysOption, parseNonEmpty, parseReceiverUrl, secretOption } from '../shared-options.js';
import { type Io, paint } from '../terminal/io.js';
import { toShortLine } from '../terminal/text.js';
import { UsageError } from '../usage-error.js';

const PAGE_PATH = '/_webhooks';
/** The width of the time and the status at the start of a line. */
const INDENT = ' '.repeat(13);

interface Options extends KeyOptions {
  readonly port: number;
  readonly forwardTo?: string;
  readonly history?: string;
}

export function listenCommand(io: Io): Command {
  return new Command('listen')
    .description('receive deliveries on this machine, show them on a page, and forward them')
    .addOption(
      new Option('--port <n>', 'the port to listen on; 0 for any free port').argParser(parsePort).default(4040),
    )
    .addOption(
      new Option('--forward-to <url>', 'forward every verified delivery to this URL').argParser(parseReceiverUrl),
    )
    .addOption(secretOption('verify'))
    .addOption(keysOption())
    .addOption(
      new Option('--history <file>', 'keep deliveries across restarts in a SQLite file (needs libsql)').argParser(
        parseNonEmpty,
      ),
    )
    .action(async (options: Options) => {
      const { port, forwardTo, history } = options;
      const keys = await readKeys(io, options);
      warnAboutWhitespace(io, keys);
      // Duplicates are forwarded too, so that the developer sees how the app handles them.
      const webhooks = createWebhookRouter({ secret: toSecretOption(keys), dedupe: false, logger: {} });
      if (forwardTo !== undefined) refuseOwnUrl(forwardTo, port);
      const forwarder =
        forwardTo === undefined
          ? undefined
          : createForwarder(forwardTo, keys, (event, { status, body }) =>
              io.out(
                now(),
                paint('green', ` ${status} `),
                `${toShortLine(event)} forwarded: ${toOneLine(excerpt(body))}`,
              ),
            );
      if (forwarder !== undefined) {
        webhooks.on(EVENT_NAMES, forwarder.handler);
        webhooks.onUnhandled(forwarder.handler);
      }
      const page = inspector(webhooks, { path: PAGE_PATH, endpoint: '/', historyFile: history });
      reportOutcomes(io, webhooks.lifecycle, forwarder === undefined);
      reportRejections(io, webhooks, keys);

      const receive = forwarder === undefined ? webhooks : forwarder.wrap(webhooks);
      const server = createServer((req, res) => {
        if (req.url === PAGE_PATH || req.url?.startsWith(`${PAGE_PATH}/`) || req.url?.startsWith(`${PAGE_PATH}?`)) {
          return page(withoutPrefix(PAGE_PATH, req), res);
        }
        if (req.method === 'GET') return res.writeHead(302, { location: `${PAGE_PATH}/` }).end();
        return receive(req, res);
      });
      const url = `http://localhost:${await listen(server, port)}`;
      io.out('Receiving at ', paint('bold', `${url}/`), forwardTo === undefined ? '' : `, forwarding to ${forwardTo}`);
      io.out(`Inspector at ${url}${page.url}`);
      io.out(paint('dim', `Try: cakemail-webhooks trigger User.LoggedIn --url ${url}/    Ctrl-C stops it.`));

      await untilAborted(io.signal);
      const closed = once(server, 'close');
      server.close();
      await webhooks.close();
      page.close();
      server.closeAllConnections();
      await closed;
    });
}

/** Prints one line per request. A forwarded delivery has a line of its own. */
function reportOutcomes(io: Io, lifecycle: LifecycleEmitter, hasNoApp: boolean): void {
  lifecycle.on(
    'unhandled',
    ({ delivery }) => hasNoApp && io.out(now(), paint('green', ' 200 '), `${toShortLine(delivery.eventName)} received`),
  );
  lifecycle.on('failed', ({ delivery, error }) => {
    const [{ message } = error] = error.errors;
    io.out(
      now(),
      paint('red', ' 500 '),
      `${toShortLine(delivery.eventName)} NOT FORWARDED: ${toShortLine(message, 500)}`,
    );
    io.out(paint('red', `${INDENT}The delivery is kept: fix the error, and replay it on the page.`));
  });
}

/** Prints one line per rejected request, followed by the explanation of an invalid signature. */
function reportRejections(io: Io, webhooks: WebhookRouter, keys: readonly SuppliedKey[]): void {
  onRejection(webhooks, keys, ({ reason, status, eventName }, explanation) => {
    io.out(
      now(),
      paint('red', ` ${status} `),
      `${toShortLine(eventName ?? 'unverified')} rejected: ${reason}; see the page`,
    );
    for (const line of explanation) io.out(INDENT, line);
  });
}

function warnAboutWhitespace(io: Io, keys: readonly SuppliedKey[]): void {
  for (const { key, event } of keys) {
    if (key.trim() === key) continue;
    const subject = event === null ? 'The key' : `The key for ${displayEventName(event)}`;
    io.err(
      paint('yellow', `${subject} begins or ends with white space, such as a line break.`),
      ' It is used unchanged; if deliveries get 403, remove the white space.',
    );
  }
}

function now(): ReturnType<typeof paint> {
  return paint('dim', new Date().toLocaleTimeString([], { hour12: false }));
}

/** Catches the obvious mistake at the start. The forwarder detects every other loop when a delivery arrives. */
function refuseOwnUrl(target: string, port: number): void {
  const { protocol, hostname, port: targetPort } = new URL(target);
  const isThisMachine = protocol === 'http:' && isLoopback(hostname);
  if (isThisMachine && Number(targetPort || 80) === port) {
    throw new UsageError('--forward-to names this receiver itself: pass the URL of your app.');
  }
}

function toSecretOption(keys: readonly SuppliedKey[]): string | Record<string, string[]> {
  const [only] = keys;
  if (only?.event === null) return only.key;
  const map: Record<string, string[]> = {};
  for (const { event, key } of keys) map[event as string] = [...(map[event as string] ?? []), key];
  return map;
}

/** Removes the path of a mounted middleware from a request's URL, as Express does. */
function withoutPrefix(path: string, req: IncomingMessage): IncomingMessage {
  const { url = '/' } = req;
  return Object.assign(req, { originalUrl: url, url: url.slice(path.length).replace(/^(?!\/)/, '/') });
}

/** Listens on the loopback address, so that only this machine can connect. Returns the port. */
async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    throw code === 'EADDRINUSE'
      ? new UsageError(`Port ${port} is in use: choose another one with --port, or 0 for any.`)
      : new Error(`Cannot listen: ${message}`);
  }
  return (server.address() as AddressInfo).port;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be a number from 0 to 65535.');
}
