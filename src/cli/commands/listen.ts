import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { createWebhookRouter, EVENT_NAMES, type LifecycleEmitter, type WebhookRouter } from '../../index.js';
import { inspector } from '../../inspector/index.js';
import { isLoopback } from '../../shared/is-loopback.js';
import { shownName } from '../../signature/key-ring.js';
import { UsageError } from '../environment.js';
import { brief, createForwarder } from '../forward.js';
import { type GivenKey, givenKeys, type KeyOptions } from '../read-secrets.js';
import { onRefusal } from '../refusals.js';
import { filled, keysOption, receiver, secretOption } from '../shared-options.js';
import { type Io, paint } from '../terminal/io.js';
import { oneLine, printable } from '../terminal/text.js';

const PAGE = '/_webhooks';
/** As wide as the time and the status at the start of a line. */
const INDENT = ' '.repeat(13);

interface Options extends KeyOptions {
  readonly port: number;
  readonly forwardTo?: string;
  readonly history?: string;
}

export function listenCommand(io: Io): Command {
  return new Command('listen')
    .description('receive deliveries on this machine, show them on a page, and pass them on')
    .addOption(new Option('--port <n>', 'the port to listen on; 0 for any').argParser(port).default(4040))
    .addOption(new Option('--forward-to <url>', 'pass every verified delivery on to here').argParser(receiver))
    .addOption(secretOption('verify'))
    .addOption(keysOption())
    .addOption(
      new Option('--history <file>', 'keep deliveries over restarts in a SQLite file (needs libsql)').argParser(filled),
    )
    .action(async (options: Options) => {
      const { port, forwardTo, history } = options;
      const keys = await givenKeys(io, options);
      warnAboutSpace(io, keys);
      // Whatever comes again is passed on again: what to do with it is for the app to show.
      const webhooks = createWebhookRouter({ secret: secretsOf(keys), dedupe: false, logger: {} });
      if (forwardTo !== undefined) checkTarget(forwardTo, port);
      const forwarder =
        forwardTo === undefined
          ? undefined
          : createForwarder(forwardTo, keys, (event, { status, body }) =>
              io.out(now(), paint('green', ` ${status} `), `${oneLine(event)} passed on: ${printable(brief(body))}`),
            );
      if (forwarder !== undefined) {
        webhooks.on(EVENT_NAMES, forwarder.handler);
        webhooks.onUnhandled(forwarder.handler);
      }
      const panel = inspector(webhooks, { path: PAGE, endpoint: '/', historyFile: history });
      report(io, webhooks.lifecycle, forwarder === undefined);
      reportRefusals(io, webhooks, keys);

      const receive = forwarder === undefined ? webhooks : forwarder.around(webhooks);
      const server = createServer((req, res) => {
        if (req.url === PAGE || req.url?.startsWith(`${PAGE}/`) || req.url?.startsWith(`${PAGE}?`)) {
          return panel(below(PAGE, req), res);
        }
        if (req.method === 'GET') return res.writeHead(302, { location: `${PAGE}/` }).end();
        return receive(req, res);
      });
      const url = `http://localhost:${await listening(server, port)}`;
      io.out('Receiving at ', paint('bold', `${url}/`), forwardTo === undefined ? '' : `, passing on to ${forwardTo}`);
      io.out(`Inspector at ${url}${panel.url}`);
      io.out(paint('dim', `Try: cakemail-webhooks trigger User.LoggedIn --url ${url}/    Ctrl-C ends it.`));

      await until(io.signal);
      const closed = once(server, 'close');
      server.close();
      await webhooks.close();
      panel.close();
      server.closeAllConnections();
      await closed;
    });
}

/** Prints one line per request. A forwarded delivery has a line of its own. */
function report(io: Io, events: LifecycleEmitter, isAlone: boolean): void {
  events.on(
    'unhandled',
    ({ delivery }) => isAlone && io.out(now(), paint('green', ' 200 '), `${oneLine(delivery.eventName)} received`),
  );
  events.on('failed', ({ delivery, error }) => {
    const [{ message } = error] = error.errors;
    io.out(now(), paint('red', ' 500 '), `${oneLine(delivery.eventName)} NOT PASSED ON: ${oneLine(message, 500)}`);
    io.out(paint('red', `${INDENT}It is kept: fix what failed, and replay it on the page.`));
  });
}

/** A line for each refused request, and below it what explains a signature that does not hold. */
function reportRefusals(io: Io, webhooks: WebhookRouter, keys: readonly GivenKey[]): void {
  onRefusal(webhooks, keys, ({ reason, status, eventName }, why) => {
    io.out(
      now(),
      paint('red', ` ${status} `),
      `${oneLine(eventName ?? 'unverified')} refused: ${reason}; see the page`,
    );
    for (const line of why) io.out(INDENT, line);
  });
}

function warnAboutSpace(io: Io, keys: readonly GivenKey[]): void {
  for (const { key, event } of keys) {
    if (key.trim() === key) continue;
    const which = event === null ? 'The key' : `The key for ${shownName(event)}`;
    io.err(
      paint('yellow', `${which} has white space around it, a line break for instance.`),
      ' It is used as it is; if deliveries get 403, remove the space.',
    );
  }
}

function now(): ReturnType<typeof paint> {
  return paint('dim', new Date().toLocaleTimeString([], { hour12: false }));
}

/** The slip of the pen. Other ways back to here show when something comes. */
function checkTarget(target: string, port: number): void {
  const { protocol, hostname, port: targetPort } = new URL(target);
  const isHere = protocol === 'http:' && isLoopback(hostname);
  if (isHere && Number(targetPort || 80) === port) {
    throw new UsageError('--forward-to names this receiver itself: give the address of your app.');
  }
}

function secretsOf(keys: readonly GivenKey[]): string | Record<string, string[]> {
  const [only] = keys;
  if (only?.event === null) return only.key;
  const map: Record<string, string[]> = {};
  for (const { event, key } of keys) map[event as string] = [...(map[event as string] ?? []), key];
  return map;
}

/** The request as a middleware below a path sees it. */
function below(path: string, req: IncomingMessage): IncomingMessage {
  const { url = '/' } = req;
  return Object.assign(req, { originalUrl: url, url: url.slice(path.length).replace(/^(?!\/)/, '/') });
}

/** Only programs of this machine can reach it. */
async function listening(server: Server, port: number): Promise<number> {
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

async function until(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('A number from 0 to 65535.');
}
