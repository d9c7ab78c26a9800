import type { StandardSchemaV1 } from '@standard-schema/spec';
import { dotted } from '../shared/issue-paths.js';
import { type Awaitable, isPromiseLike } from '../shared/promises.js';
import type { Issue } from './documented.js';

/** The application's schemas by event name. A Map, because an event may have the name of a member of Object.prototype. */
export type Schemas = ReadonlyMap<string, StandardSchemaV1>;

export type DataResult = { readonly data: unknown } | { readonly issues: readonly Issue[] };

/** Checks `data` with a schema of the application. Throws what the schema throws. */
export function checkData(schema: StandardSchemaV1, data: unknown): Awaitable<DataResult> {
  const result = schema['~standard'].validate(data);
  return isPromiseLike(result) ? Promise.resolve(result).then(toDataResult) : toDataResult(result);
}

/** The issues that a schema found. Its message joins theirs, which may quote the payload. */
export class SchemaIssuesError extends Error {
  override readonly name = 'SchemaIssuesError';

  constructor(readonly issues: readonly Issue[]) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join('; '));
  }
}

function toDataResult(result: StandardSchemaV1.Result<unknown>): DataResult {
  if (result.issues === undefined) return { data: result.value };
  return { issues: result.issues.map(({ path, message }) => ({ path: dotted(['data', ...(path ?? [])]), message })) };
}
