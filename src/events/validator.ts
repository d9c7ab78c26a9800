import { toError } from '../shared/error-text.js';
import { isPromiseLike, withTimeout } from '../shared/promises.js';
import { findDrift, type Issue } from './documented.js';
import type { AnyCakemailEvent } from './event-types.js';
import type { ParsedEvent } from './parse.js';
import { checkData, type DataResult, SchemaIssuesError, type Schemas } from './schemas.js';

/** An event that its handlers may receive. */
export interface ValidEvent {
  readonly event: AnyCakemailEvent;
  /** The deviations from what Cakemail publishes, and from the application's schema under `'deliver'`. */
  readonly drift: readonly Issue[];
}

/** The reason why its handlers must not receive an event. */
export interface InvalidEvent {
  readonly reason: 'schema_mismatch' | 'schema_failed';
  readonly cause: Error;
}

type Validation = ValidEvent | InvalidEvent;

/** Checks `data` with the application's schema, and compares the event with what Cakemail publishes. */
export class Validator {
  constructor(
    private readonly schemas: Schemas,
    private readonly options: {
      readonly timeoutMs: number;
      readonly onMismatch: 'reject' | 'deliver';
    },
  ) {}

  /** Returns a promise only when the schema is asynchronous. Never throws or rejects. */
  validate(parsed: ParsedEvent): Validation | Promise<Validation> {
    const schema = this.schemas.get(parsed.event);
    const valid = { event: parsed as unknown as AnyCakemailEvent, drift: findDrift(parsed) };
    if (schema === undefined) return valid;
    try {
      const result = checkData(schema, parsed.data);
      return isPromiseLike(result) ? this.#awaitResult(valid, result) : this.#toValidation(valid, result);
    } catch (thrown) {
      return { reason: 'schema_failed', cause: toError(thrown) };
    }
  }

  async #awaitResult(valid: ValidEvent, result: PromiseLike<DataResult>): Promise<Validation> {
    const { timeoutMs } = this.options;
    try {
      const late = (): Error => new Error(`The schema did not finish within ${timeoutMs} ms`);
      return this.#toValidation(valid, await withTimeout(timeoutMs, result, late));
    } catch (thrown) {
      return { reason: 'schema_failed', cause: toError(thrown) };
    }
  }

  #toValidation({ event, drift }: ValidEvent, result: DataResult): Validation {
    if ('data' in result) return { event: Object.assign(event, { data: result.data }), drift };
    if (this.options.onMismatch === 'deliver') return { event, drift: [...drift, ...result.issues] };
    return { reason: 'schema_mismatch', cause: new SchemaIssuesError(result.issues) };
  }
}
