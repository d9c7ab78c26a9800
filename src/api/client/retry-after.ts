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
/** A century: a longer wait would exceed what a Date can hold. */
const LONGEST_WAIT_MS = 100 * 365 * 24 * 60 * 60 * 1000;

/**
 * The milliseconds that an answer asks to wait for, by its Retry-After: seconds, or an HTTP-date, which is compared with the
 * answer's own Date, because the two clocks may differ. Undefined when there is none, or when it is malformed.
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(value)
    ? Number(value) * 1000
    : millisecondsOf(value) - (millisecondsOf(headers.get('date') ?? '') || Date.now());
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_WAIT_MS);
}

/** NaN for what is not an HTTP-date. */
function millisecondsOf(date: string): number {
  const match = DATES.exec(date);
  // The oldest form does not name its time zone, which is GMT too.
  return match === null ? Number.NaN : Date.parse(match[1] === undefined ? date : `${date} GMT`);
}
