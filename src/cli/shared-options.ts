import { InvalidArgumentError, Option } from 'commander';
import type { RateLimit } from '../api/index.js';
import { EVENT_NAMES, isCatalogueName } from '../events/catalogue.js';
import { typoOf } from '../shared/closest-match.js';
import { emitProcessWarning } from '../shared/process-warning.js';

export const urlOption = () =>
  new Option('--url <url>', 'the URL that Cakemail delivers to').argParser(parseUrl).makeOptionMandatory();
export const jsonOption = () => new Option('--json', 'print JSON for programs');
export const secretOption = (use: 'sign' | 'verify') =>
  new Option('--secret <key>', `the key to ${use} with; default: from --keys or the environment`);
export const keysOption = () =>
  new Option('--keys <file>', 'the keys of each event, as `keys --out` wrote them')
    .argParser(parseNonEmpty)
    .conflicts('secret');
export const rateOption = () =>
  new Option('--rate-limit <n/period>', 'the maximum number of deliveries, as in 50/second or 600/minute').argParser(
    parseRateLimit,
  );

function parseRateLimit(text: string): RateLimit {
  const [, limit, period] = /^([1-9]\d*)\/(second|minute)$/.exec(text) ?? [];
  if (period === 'second' || period === 'minute') return { limit: Number(limit), period };
  throw new InvalidArgumentError('Write it as in 50/second or 600/minute.');
}

export function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of seconds.');
}

/** Refuses an empty text, which usually comes from an unset shell variable. */
export function parseNonEmpty(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It is empty. A shell variable may be unset.');
}

export function parsePositiveInteger(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

/** Splits names at commas and spaces. */
export function parseNames(text: string, before: readonly string[] = []): string[] {
  const given = text.split(/[\s,]+/).filter((name) => name !== '');
  // With --prune, an empty list would archive every webhook.
  if (given.length === 0) throw new InvalidArgumentError('It names no event. A shell variable may be unset.');
  return [...before, ...given];
}

/** Accepts the name of one event. A typo of a published name is refused; any other unpublished name causes a warning. */
export function parseEventName(text: string): string {
  if (text.includes('*')) throw new InvalidArgumentError('Name one event. Patterns are not supported here.');
  if (isCatalogueName(parseNonEmpty(text))) return text;
  const meant = typoOf(text, EVENT_NAMES);
  if (meant !== undefined) throw new InvalidArgumentError(`Cakemail publishes no such event. Did you mean '${meant}'?`);
  emitProcessWarning('WARN_EVENT_NAME', `'${text}' is not an event that Cakemail publishes.`);
  return text;
}

/** Requires `//`, because `localhost:3000` alone is a URL with the scheme `localhost`. */
export function parseUrl(text: string): string {
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(parseNonEmpty(text))) return text;
  throw new InvalidArgumentError(
    'It must begin with http:// or https://, as in http://localhost:3000/webhooks/cakemail.',
  );
}

/** Accepts a URL that `fetch` accepts, which is http or https without a user name and password. */
export function parseReceiverUrl(text: string): string {
  const url = URL.canParse(parseUrl(text)) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return text;
  throw new InvalidArgumentError('Write it as in http://localhost:3000/webhooks/cakemail, without a user name.');
}
