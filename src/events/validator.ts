import { toError } from '../shared/error-text.js';
import { isPromiseLike, withTimeout } from '../shared/promises.js';
import { findDrift, type Issue } from './documented.js';
import type { AnyCakemailEvent } from './event-types.js';
import type { ParsedEvent } from './parse.js';
import { checkData, type DataResult, SchemaIssuesError, type Schemas } from './schemas.js';

/** An event that may go to its handlers. */
export interface ValidEvent {
  readonly event: AnyCakemailEvent;
  /** The event's name as it was verified. Listeners and handlers may change `event` itself. */
  readonly name: string;
  /** Where the event deviates from what Cakemail publishes, or from the application's schema. */
  readonly drift: readonly Issue[];
}

/** Why an event may not go to its handlers. */
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
      /** What becomes of data that the schema refuses. */
      readonly onMismatch: 'reject' | 'deliver';
    },
  ) {}

  /** Never throws or rejects. The result is there at once unless the schema is asynchronous. */
  validate(parsed: ParsedEvent): Validation | Promise<Validation> {
    const schema = this.schemas.get(parsed.event);
    const valid = { event: parsed as unknown as AnyCakemailEvent, name: parsed.event, drift: findDrift(parsed) };
    if (schema === undefined) return valid;
    try {
      const result = checkData(schema, parsed.data);
      return isPromiseLike(result) ? this.#wait(valid, result) : this.#conclude(valid, result);
    } catch (thrown) {
      return { reason: 'schema_failed', cause: toError(thrown) };
    }
  }

  async #wait(valid: ValidEvent, result: PromiseLike<DataResult>): Promise<Validation> {
    const { timeoutMs } = this.options;
    try {
      const late = (): Error => new Error(`The schema did not finish within ${timeoutMs} ms`);
      return this.#conclude(valid, await withTimeout(timeoutMs, result, late));
    } catch (thrown) {
      return { reason: 'schema_failed', cause: toError(thrown) };
    }
  }

  #conclude({ event, name, drift }: ValidEvent, result: DataResult): Validation {
    if ('data' in result) return { event: Object.assign(event, { data: result.data }), name, drift };
    if (this.options.onMismatch === 'deliver') return { event, name, drift: [...drift, ...result.issues] };
    return { reason: 'schema_mismatch', cause: new SchemaIssuesError(result.issues) };
  }
}
