import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { closestListed, type EVENT_NAMES, isCatalogueName } from '../../events/catalogue.js';
import { toError } from '../../shared/error-text.js';
import { sampleEvent, signedRequest } from '../../testing/index.js';
import { UsageError } from '../environment.js';
import { post } from '../post.js';
import { fileOf } from '../read-input.js';
import { type GivenKey, givenKeys, type KeyOptions } from '../read-secrets.js';
import { jsonOption, keysOption, positive, receiver, secretOption } from '../shared-options.js';
import { type Io, type Piece, paint } from '../terminal/io.js';
import { json, oneLine } from '../terminal/text.js';

const FORGERIES = ['bad-signature', 'missing', 'tampered', 'other-key'] as const;
const DOCUMENTED = 'User.LoggedIn';
/** Names that an error lists. */
const MOST_NAMES = 10;

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
    .description('send a signed sample of an event, or a forged one')
    .addArgument(new Argument('<event>', 'one of the published names'))
    .addOption(
      new Option('--url <url>', 'where to').argParser(receiver).default('http://localhost:3000/webhooks/cakemail'),
    )
    .addOption(secretOption('sign'))
    .addOption(keysOption())
    .addOption(
      new Option('--set <path=value>', 'a member, as in data.email=me@example.com; again for more').argParser(setting),
    )
    .addOption(new Option('--data <file>', 'JSON to take in place of the sample’s data'))
    .addOption(new Option('--count <n>', 'how many').argParser(positive).default(1))
    .addOption(new Option('--rate <n>', 'how many a second at most').argParser(positive))
    .addOption(new Option('--forge <how>', 'send one that must be refused').choices(FORGERIES))
    .addOption(jsonOption())
    .action(async (event: string, options: Options) => {
      if (!isCatalogueName(event)) throw unknownName(event);
      if (event !== DOCUMENTED && options.data === undefined) {
        io.err(paint('dim', `The data of this ${event} is invented: Cakemail has not published any.`));
      }
      const keys = needsKey(options) ? await givenKeys(io, options) : [];
      const answers: Answer[] = [];
      for (let index = 0; index < options.count; index++) {
        io.signal.throwIfAborted();
        if (options.rate !== undefined && index > 0) await sleep(1000 / options.rate, undefined, { signal: io.signal });
        const answer = await send(io, options, keys, await payloadOf(event, options, index));
        answers.push(answer);
        if (!options.json) io.out(...lineOf(answer, options));
      }
      if (options.json) io.out(json(answers));
      for (const line of hintsFor(answers, options)) io.err(paint('dim', line));
      if (!answers.every((answer) => isExpected(answer, options))) exit(1);
    });
}

async function payloadOf(
  event: (typeof EVENT_NAMES)[number],
  { set = [], data }: Options,
  index: number,
): Promise<object> {
  // Another second for each, or the receiver would take them for one delivery.
  const payload = { ...sampleEvent(event), created_on: Math.floor(Date.now() / 1000) + index };
  if (data !== undefined) Object.assign(payload, { data: parse(await fileOf('--data', data)) });
  for (const { path, value } of set) put(payload, path, value);
  return payload;
}

async function send(io: Io, options: Options, keys: readonly GivenKey[], payload: object): Promise<Answer> {
  const { url, forge } = options;
  const { body, headers } = signedRequest(payload, { secret: signingKey(options, keys, payload) });
  const sent = {
    'bad-signature': { body, headers: { ...headers, 'x-signature': randomBytes(32).toString('base64') } },
    missing: { body, headers: { 'content-type': 'application/json' } },
    tampered: { body: `${body.slice(0, -1)},"tampered":true}`, headers },
    'other-key': { body, headers },
    none: { body, headers },
  }[forge ?? 'none'];
  const before = performance.now();
  const elapsed = (): number => Math.round(performance.now() - before);
  try {
    return { ...(await post(url, sent, io.signal)), ms: elapsed() };
  } catch (thrown) {
    io.signal.throwIfAborted();
    return { status: null, body: toError(thrown).message, ms: elapsed() };
  }
}

/** The other forgeries are refused under any key. */
function needsKey({ forge }: Options): boolean {
  return forge === undefined || forge === 'tampered';
}

function signingKey(options: Options, keys: readonly GivenKey[], { event }: { event?: unknown }): string {
  if (!needsKey(options)) return randomBytes(24).toString('hex');
  const found = keys.find((each) => each.event === null || each.event === event);
  if (found !== undefined) return found.key;
  // A map that is inside out has keys where its names should be.
  const names = [...new Set(keys.map((each) => each.event))].filter(isName);
  const more = names.length - MOST_NAMES;
  throw new UsageError(
    `${options.keys === undefined ? 'CAKEMAIL_WEBHOOK_SECRETS' : 'The file of --keys'} has no key for ${isName(event) ? event : 'this event'}, so nothing was sent. ` +
      `It has keys for ${names.slice(0, MOST_NAMES).join(', ') || 'no event'}${more > 0 ? ` and ${more} more` : ''}. ` +
      'Add the key of the webhook for this event, or pass --secret.',
  );
}

function isName(event: unknown): event is string {
  return typeof event === 'string' && /^\w{1,40}\.\w{1,40}$/.test(event);
}

/** A genuine one is taken, a forged one refused. */
function isExpected({ status }: Answer, { forge }: Options): boolean {
  return forge === undefined ? status !== null && status >= 200 && status < 300 : status === 403;
}

function lineOf(answer: Answer, options: Options): Piece[] {
  const colour = isExpected(answer, options) ? 'green' : 'red';
  const body = oneLine(answer.body.replace(/\s/g, ' '), 300);
  return [paint(colour, String(answer.status ?? '---')), ` ${body} `, paint('dim', `${answer.ms} ms`)];
}

function hintsFor(answers: readonly Answer[], options: Options): string[] {
  const hints: string[] = [];
  if (answers.some(({ body }) => body === '{"status":"duplicate"}')) {
    hints.push('A duplicate is not handled again: times are in seconds, so wait one, or --set another value.');
  }
  if (options.forge !== undefined && answers.some((answer) => !isExpected(answer, options))) {
    hints.push('A forged delivery must be answered 403.');
  } else if (answers.some(({ status }) => status === 403) && options.forge === undefined) {
    hints.push('403: the receiver has another key than the one that this was signed with.');
  }
  return hints;
}

function unknownName(event: string): UsageError {
  if (event.endsWith('*')) return new UsageError('trigger sends one event: name it, without a pattern.');
  const meant = closestListed(event);
  // What is like no name may be a key in the wrong place, so it is not repeated.
  return new UsageError(
    meant === undefined
      ? 'Cakemail publishes no such event.'
      : `Cakemail publishes no event '${event}'. Did you mean '${meant}'?`,
  );
}

/** `data.email=x`. The value is JSON where it can be read as that, and text otherwise. */
function setting(text: string, before: readonly Setting[] = []): Setting[] {
  const at = text.indexOf('=');
  const path = text.slice(0, at).split('.');
  if (at <= 0 || path.some((name) => name === '' || name === '__proto__'))
    throw new InvalidArgumentError('As in data.email=me@example.com.');
  const given = text.slice(at + 1);
  try {
    return [...before, { path, value: JSON.parse(given) }];
  } catch {
    return [...before, { path, value: given }];
  }
}

function put(target: object, [name = '', ...rest]: readonly string[], value: unknown): void {
  const members = target as Record<string, unknown>;
  if (rest.length === 0) {
    members[name] = value;
    return;
  }
  const inner = members[name];
  members[name] = typeof inner === 'object' && inner !== null ? { ...inner } : {};
  put(members[name] as object, rest, value);
}

function parse(file: Buffer): unknown {
  try {
    return JSON.parse(file.toString());
  } catch {
    throw new UsageError('--data: the file is no JSON.');
  }
}
