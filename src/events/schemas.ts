import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Awaitable, isPromiseLike } from '../time.js';
import type { Issue } from './documented.js';

/** The user's schemas by event name. A Map, so that no event name reaches a prototype. */
export type Schemas = ReadonlyMap<string, StandardSchemaV1>;

export type DataVerdict = { readonly data: unknown } | { readonly issues: readonly Issue[] };

/** Checks `data` against the user's schema. Throws what the schema throws. */
export function checkData(schema: StandardSchemaV1, data: unknown): Awaitable<DataVerdict> {
  const result = schema['~standard'].validate(data);
  return isPromiseLike(result) ? Promise.resolve(result).then(toVerdict) : toVerdict(result);
}

/** What a schema found. Its message is made of the schema's, which may quote the payload. */
export class SchemaIssuesError extends Error {
  override readonly name = 'SchemaIssuesError';

  constructor(readonly issues: readonly Issue[]) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join('; '));
  }
}

/** Where the values are that a schema refused, when the error is one of a schema: ours, or one that a schema's library threw. */
export function issuePaths(error: unknown): readonly string[] | undefined {
  try {
    const { issues } = error as { readonly issues?: unknown };
    if (!Array.isArray(issues)) return undefined;
    return issues.map(({ path }: Issue | StandardSchemaV1.Issue) =>
      typeof path === 'string' ? path : dotted(path ?? []),
    );
  } catch {
    return undefined; // an error may resist being read
  }
}

function toVerdict(result: StandardSchemaV1.Result<unknown>): DataVerdict {
  if (result.issues === undefined) return { data: result.value };
  return { issues: result.issues.map(({ path, message }) => ({ path: dotted(['data', ...(path ?? [])]), message })) };
}

function dotted(path: NonNullable<StandardSchemaV1.Issue['path']>): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
