const [DAY, LONG_DAY, MONTH] = [
  '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)',
  '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day',
  '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)',
];
const TIME = '\\d\\d:\\d\\d:\\d\\d';
/** The three forms of an HTTP-date. Source: RFC 9110, section 5.6.7. */
const DATES = new RegExp(
  `^(?:${DAY}, \\d\\d ${MONTH} \\d{4} ${TIME} GMT|${LONG_DAY}, \\d\\d-${MONTH}-\\d\\d ${TIME} GMT|(${DAY} ${MONTH} [ \\d]\\d ${TIME} \\d{4}))$`,
);
/** One century, because the sum of a longer wait and the current time may exceed the range of a Date. */
const MAX_RETRY_AFTER_MS = 100 * 365 * 24 * 60 * 60 * 1000;

/**
 * Reads Retry-After, in seconds or as an HTTP-date, and returns milliseconds. An HTTP-date is compared with the response's own
 * Date header, because the two clocks may differ. Undefined when the header is absent or malformed.
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(value)
    ? Number(value) * 1000
    : parseHttpDate(value) - (parseHttpDate(headers.get('date') ?? '') || Date.now());
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

/** Returns Unix time in milliseconds, or NaN for a text that is not an HTTP-date. */
function parseHttpDate(date: string): number {
  const match = DATES.exec(date);
  // The oldest form leaves out its time zone, which is always GMT.
  return match === null ? Number.NaN : Date.parse(match[1] === undefined ? date : `${date} GMT`);
}
