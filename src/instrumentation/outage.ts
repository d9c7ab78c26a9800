import { messageOf } from '../shared/errors.js';
import type { Log } from './logger.js';

const MINUTE_MS = 60_000;

/** The lines of an outage. Fixed texts, so that a process without a logger is warned once. */
export interface OutageTexts {
  /** The first failure. */
  readonly began: string;
  /** Once a minute, with how many failures there were. */
  readonly goesOn: (count: string) => string;
  /** The first success. */
  readonly ended: string;
}

/**
 * Writes one line when something begins to fail, one a minute while it fails, and one when it works again, however often it
 * is tried. An inbox whose server is away would otherwise write a line for every request.
 */
export class Outage {
  /** The last line said that it fails. */
  #isReported = false;
  /** Since the last line. */
  #failures = 0;
  #error: Error | undefined;
  /** Within this minute. */
  #hasEnded = false;
  #minute: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: Log,
    /** Without a logger there is one process warning, and no further line. */
    private readonly hasLogger: boolean,
    private readonly texts: OutageTexts,
  ) {}

  failed(error: Error): void {
    this.#failures++;
    this.#error = error;
    // Within a minute of another line it can wait for the summary: what comes and goes would fill the log as well.
    if (this.#minute !== undefined) return;
    this.#begin(error);
    this.#minute = setInterval(() => this.#summarize(), MINUTE_MS).unref();
  }

  succeeded(): void {
    if (!this.#isReported || this.#hasEnded) return;
    this.#isReported = false;
    this.#hasEnded = true;
    this.log.write('warn', { code: CODE, count: this.#failures }, this.texts.ended);
    this.#failures = 0;
  }

  close(): void {
    clearInterval(this.#minute);
    this.#minute = undefined;
  }

  #begin(err: Error): void {
    this.#isReported = true;
    if (this.hasLogger) this.log.write('error', { code: CODE, err }, this.texts.began);
    else this.log.warnDeveloper(CODE, `${messageOf(CODE)} ${this.texts.began}`, err);
  }

  #summarize(): void {
    this.#hasEnded = false;
    const count = this.#failures;
    // Nothing failed for a minute. Whether it works shows with the next success, and the next failure is logged at once.
    if (count === 0) {
      this.close();
      return;
    }
    this.#failures = 0;
    this.#isReported = true;
    const message = this.texts.goesOn(count.toLocaleString('en'));
    this.log.write('error', { code: CODE, count, err: this.#error }, message);
  }
}

const CODE = 'ERR_INBOX_UNAVAILABLE';
