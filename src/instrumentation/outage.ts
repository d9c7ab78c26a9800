import { messageOf } from '../shared/errors.js';
import type { Log } from './logger.js';

const MINUTE_MS = 60_000;
const CODE = 'ERR_INBOX_UNAVAILABLE';

/** The messages about an outage. `began` and `ended` are constant, so that a process without a logger is warned only once. */
export interface OutageMessages {
  /** Logged at the first failure. */
  readonly began: string;
  /** Logged once a minute, with the number of failures. */
  readonly continues: (count: string) => string;
  /** Logged at the first success. */
  readonly ended: string;
}

/**
 * Logs when an operation begins to fail, once a minute while it fails, and when it succeeds again, however often it is
 * called. Otherwise an unavailable inbox would cause one line per request.
 */
export class Outage {
  /** True when the last line reports a failure. */
  #isReported = false;
  /** The number of failures since the last line. */
  #failures = 0;
  #error: Error | undefined;
  /** True when an end was logged within the current minute. */
  #hasEnded = false;
  #minute: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: Log,
    /** Without a logger, only the first failure is reported, as a process warning. */
    private readonly hasLogger: boolean,
    private readonly messages: OutageMessages,
  ) {}

  failed(error: Error): void {
    this.#failures++;
    this.#error = error;
    // Within a minute of the last line, the failure waits for the summary, because an operation that fails every other
    // time would otherwise fill the log.
    if (this.#minute !== undefined) return;
    this.#begin(error);
    this.#minute = setInterval(() => this.#summarize(), MINUTE_MS).unref();
  }

  succeeded(): void {
    if (!this.#isReported || this.#hasEnded) return;
    this.#isReported = false;
    this.#hasEnded = true;
    this.log.write('warn', { code: CODE, count: this.#failures }, this.messages.ended);
    this.#failures = 0;
  }

  close(): void {
    clearInterval(this.#minute);
    this.#minute = undefined;
  }

  #begin(err: Error): void {
    this.#isReported = true;
    if (this.hasLogger) this.log.write('error', { code: CODE, err }, this.messages.began);
    else this.log.warnDeveloper(CODE, `${messageOf(CODE)} ${this.messages.began}`, err);
  }

  #summarize(): void {
    this.#hasEnded = false;
    const count = this.#failures;
    // After a minute without a failure, the next failure is logged at once, and the next success logs the end.
    if (count === 0) {
      this.close();
      return;
    }
    this.#failures = 0;
    this.#isReported = true;
    const message = this.messages.continues(count.toLocaleString('en'));
    this.log.write('error', { code: CODE, count, err: this.#error }, message);
  }
}
