import { InvalidArgumentError, Option } from 'commander';
import type { RateLimit } from '../api/index.js';

export const urlOption = () => new Option('--url <url>', 'where Cakemail delivers').makeOptionMandatory();
export const jsonOption = () => new Option('--json', 'for programs');
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

/** Names apart by commas or spaces. */
export function names(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(/[\s,]+/).filter((name) => name !== '')];
}
