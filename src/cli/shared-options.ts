import { InvalidArgumentError, Option } from 'commander';
import type { RateLimit } from '../api/index.js';
import { EVENT_NAMES, isCatalogueName } from '../events/catalogue.js';
import { typoOf } from '../shared/closest-match.js';
import { emitProcessWarning } from '../shared/process-warning.js';

export const urlOption = () =>
  new Option('--url <url>', 'where Cakemail delivers').argParser(address).makeOptionMandatory();
export const jsonOption = () => new Option('--json', 'for programs');
export const secretOption = (use: 'sign' | 'verify') =>
  new Option('--secret <key>', `the key to ${use} with; otherwise from --keys or from the environment`);
export const keysOption = () =>
  new Option('--keys <file>', 'the keys of each event, as `keys --out` wrote them')
    .argParser(filled)
    .conflicts('secret');
export const rateOption = () =>
  new Option('--rate-limit <n/period>', 'at most so many deliveries, as in 50/second or 600/minute').argParser(
    rateLimit,
  );

function rateLimit(text: string): RateLimit {
  const [, limit, period] = /^([1-9]\d*)\/(second|minute)$/.exec(text) ?? [];
  if (period === 'second' || period === 'minute') return { limit: Number(limit), period };
  throw new InvalidArgumentError('As in 50/second or 600/minute.');
}

export function seconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number of seconds.');
}

/** A text that is there: what is empty was a variable that is not set. */
export function filled(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It is empty: is a variable not set?');
}

export function positive(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1.');
}

/** Names apart by commas or spaces. */
export function names(text: string, before: readonly string[] = []): string[] {
  const given = text.split(/[\s,]+/).filter((name) => name !== '');
  // No name at all would mean, with --prune, that every webhook is to go.
  if (given.length === 0) throw new InvalidArgumentError('It names no event: is a variable not set?');
  return [...before, ...given];
}

/** The name of one event. A slip of a published name is refused; another unpublished name is accepted with a warning. */
export function eventName(text: string): string {
  if (text.includes('*')) throw new InvalidArgumentError('It takes one event, without a pattern.');
  if (isCatalogueName(filled(text))) return text;
  const meant = typoOf(text, EVENT_NAMES);
  if (meant !== undefined) throw new InvalidArgumentError(`Cakemail publishes no such event. Did you mean '${meant}'?`);
  emitProcessWarning('WARN_EVENT_NAME', `'${text}' is not in the published list of events.`);
  return text;
}

/** An address with its scheme: `localhost:3000` alone would be an address of the scheme `localhost`. */
export function address(text: string): string {
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(filled(text))) return text;
  throw new InvalidArgumentError(
    'It must begin with http:// or https://, as in http://localhost:3000/webhooks/cakemail.',
  );
}

/** An address that fetch accepts: it refuses a user name and password in it. */
export function receiver(text: string): string {
  const url = URL.canParse(address(text)) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return text;
  throw new InvalidArgumentError('As in http://localhost:3000/webhooks/cakemail, without a user name.');
}
