import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { closestListed, type EVENT_NAMES, isCatalogueName } from '../../events/catalogue.js';
import { toError } from '../../shared/error-text.js';
import { sampleEvent, signedRequest } from '../../testing/index.js';
import { post } from '../post.js';
import { readInputFile } from '../read-input.js';
import { isEventName, type KeyOptions, readKeys, type SuppliedKey } from '../read-secrets.js';
import { jsonOption, keysOption, parsePositiveInteger, parseReceiverUrl, secretOption } from '../shared-options.js';
import { type Io, type Piece, paint } from '../terminal/io.js';
import { toJson, toShortLine } from '../terminal/text.js';
import { UsageError } from '../usage-error.js';

const FORGERIES = ['bad-signature', 'missing', 'tampered', 'other-key'] as const;
/** The only event whose data Cakemail has published. */
const DOCUMENTED_EVENT = 'User.LoggedIn';
/** The number of event names that an error lists. */
const MAX_NAMES = 10;

interface Options extends KeyOptions {
  readonly url: string;
  readonly set?: readonly Setting[];
  readonly data?: string;
  readonly count: number;
  readonly rate?: number;
  readonly forge?: (typeof FORGERIES)[number];
  readonly json?: boolean;
}

interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
}

interface Answer {
  readonly status: number | null;
  readonly body: string;
  readonly ms: number;
}

export function triggerCommand(io: Io, exit: (code: number) => void): Command {
  return new Command('trigger')
    .description('send a signed sample of an event, or a forgery')
    .addArgument(new Argument('<event>', 'one of the published names'))
    .addOption(
      new Option('--url <url>', 'the URL of the receiver')
        .argParser(parseReceiverUrl)
        .default('http://localhost:3000/webhooks/cakemail'),
    )
    .addOption(secretOption('sign'))
    .addOption(keysOption())
    .addOption(
      new Option('--set <path=value>', 'set a member, as in data.email=me@example.com; repeatable').argParser(
        parseSetting,
      ),
    )
    .addOption(new Option('--data <file>', 'a JSON file that replaces the data of the sample'))
    .addOption(new Option('--count <n>', 'the number of deliveries').argParser(parsePositiveInteger).default(1))
    .addOption(new Option('--rate <n>', 'the maximum number of deliveries per second').argParser(parsePositiveInteger))
    .addOption(new Option('--forge <how>', 'send a forged delivery, which the receiver must reject').choices(FORGERIES))
    .addOption(jsonOption())
    .action(async (event: string, options: Options) => {
      if (!isCatalogueName(event)) throw unknownEventError(event);
      if (event !== DOCUMENTED_EVENT && options.data === undefined) {
        io.err(paint('dim', `The data of this ${event} is invented: Cakemail has not published any.`));
      }
      const keys = needsKey(options) ? await readKeys(io, options) : [];
      const answers: Answer[] = [];
      for (let index = 0; index < options.count; index++) {
        io.signal.throwIfAborted();
        if (options.rate !== undefined && index > 0) await sleep(1000 / options.rate, undefined, { signal: io.signal });
        const answer = await send(io, options, keys, await payloadOf(event, options, index));
        answers.push(answer);
        if (!options.json) io.out(...formatAnswer(answer, options));
      }
      if (options.json) io.out(toJson(answers));
      for (const line of hintsFor(answers, options)) io.err(paint('dim', line));
      if (!answers.every((answer) => isExpected(answer, options))) exit(1);
    });
}

async function payloadOf(
  event: (typeof EVENT_NAMES)[number],
  { set = [], data }: Options,
  index: number,
): Promise<object> {
  // Each delivery has another time, because the receiver would treat equal ones as duplicates.
  const payload = { ...sampleEvent(event), created_on: Math.floor(Date.now() / 1000) + index };
  if (data !== undefined) Object.assign(payload, { data: parseJson(await readInputFile('--data', data)) });
  for (const { path, value } of set) setMember(payload, path, value);
  return payload;
}

async function send(io: Io, options: Options, keys: readonly SuppliedKey[], payload: object): Promise<Answer> {
  const { url, forge } = options;
  const { body, headers } = signedRequest(payload, { secret: signingKey(options, keys, payload) });
  const request = {
    'bad-signature': { body, headers: { ...headers, 'x-signature': randomBytes(32).toString('base64') } },
    missing: { body, headers: { 'content-type': 'application/json' } },
    tampered: { body: `${body.slice(0, -1)},"tampered":true}`, headers },
    'other-key': { body, headers },
    none: { body, headers },
  }[forge ?? 'none'];
  const before = performance.now();
  const elapsed = (): number => Math.round(performance.now() - before);
  try {
    return { ...(await post(url, request, io.signal)), ms: elapsed() };
  } catch (thrown) {
    io.signal.throwIfAborted();
    return { status: null, body: toError(thrown).message, ms: elapsed() };
  }
}

/** The other forgeries are invalid under any key. */
function needsKey({ forge }: Options): boolean {
  return forge === undefined || forge === 'tampered';
}

function signingKey(options: Options, keys: readonly SuppliedKey[], { event }: { event?: unknown }): string {
  if (!needsKey(options)) return randomBytes(24).toString('hex');
  const found = keys.find((each) => each.event === null || each.event === event);
  if (found !== undefined) return found.key;
  // The filter hides keys, which a map turned inside out has in place of names.
  const names = [...new Set(keys.map((each) => each.event))].filter(isEventName);
  const more = names.length - MAX_NAMES;
  throw new UsageError(
    `${options.keys === undefined ? 'CAKEMAIL_WEBHOOK_SECRETS' : 'The file of --keys'} has no key for ${isEventName(event) ? event : 'this event'}, so nothing was sent. ` +
      `It has keys for ${names.slice(0, MAX_NAMES).join(', ') || 'no event'}${more > 0 ? ` and ${more} more` : ''}. ` +
      'Add the key of the webhook for this event, or pass --secret.',
  );
}

/** A receiver must accept a genuine delivery and reject a forged one. */
function isExpected({ status }: Answer, { forge }: Options): boolean {
  return forge === undefined ? status !== null && status >= 200 && status < 300 : status === 403;
}

function formatAnswer(answer: Answer, options: Options): Piece[] {
  const colour = isExpected(answer, options) ? 'green' : 'red';
  const body = toShortLine(answer.body.replace(/\s/g, ' '), 300);
  return [paint(colour, String(answer.status ?? '---')), ` ${body} `, paint('dim', `${answer.ms} ms`)];
}

function hintsFor(answers: readonly Answer[], options: Options): string[] {
  const hints: string[] = [];
  if (answers.some(({ body }) => body === '{"status":"duplicate"}')) {
    hints.push('The receiver does not handle a duplicate again: wait one second, or pass another value with --set.');
  }
  if (options.forge !== undefined && answers.some((answer) => !isExpected(answer, options))) {
    hints.push('The receiver must answer a forged delivery with 403.');
  } else if (answers.some(({ status }) => status === 403) && options.forge === undefined) {
    hints.push('403: the delivery was signed with another key than the one of the receiver.');
  }
  return hints;
}

function unknownEventError(event: string): UsageError {
  if (event.endsWith('*')) return new UsageError('trigger sends one event. Patterns are not supported here.');
  const meant = closestListed(event);
  // A text that resembles no event name may be a misplaced key, so the message does not repeat it.
  return new UsageError(
    meant === undefined
      ? 'Cakemail publishes no such event.'
      : `Cakemail publishes no event '${event}'. Did you mean '${meant}'?`,
  );
}

/** Parses `data.email=x`. The value is JSON if it can be parsed, and otherwise text. */
function parseSetting(text: string, before: readonly Setting[] = []): Setting[] {
  const separator = text.indexOf('=');
  const path = text.slice(0, separator).split('.');
  if (separator <= 0 || path.some((name) => name === '' || name === '__proto__'))
    throw new InvalidArgumentError('Write it as in data.email=me@example.com.');
  const value = text.slice(separator + 1);
  try {
    return [...before, { path, value: JSON.parse(value) }];
  } catch {
    return [...before, { path, value }];
  }
}

function setMember(target: object, [name = '', ...rest]: readonly string[], value: unknown): void {
  const members = target as Record<string, unknown>;
  if (rest.length === 0) {
    members[name] = value;
    return;
  }
  const inner = members[name];
  members[name] = typeof inner === 'object' && inner !== null ? { ...inner } : {};
  setMember(members[name] as object, rest, value);
}

function parseJson(file: Buffer): unknown {
  try {
    return JSON.parse(file.toString());
  } catch {
    throw new UsageError('--data: the file is not valid JSON.');
  }
}
