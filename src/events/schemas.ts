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

/** The issues that a schema found. The message joins the schema's own, which may quote the payload. */
export class SchemaIssuesError extends Error {
  override readonly name = 'SchemaIssuesError';

  constructor(readonly issues: readonly Issue[]) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join('; '));
  }
}

/**
 * The paths of a schema's issues, when the error is a schema's: ours, or one that a schema library threw. Otherwise
 * undefined. Errors may hold anything, so an issue that cannot be read has no path.
 */
export function issuePaths(error: unknown): readonly string[] | undefined {
  const issues = tryTo(() => (error as { readonly issues?: unknown }).issues);
  if (!Array.isArray(issues)) return undefined;
  return issues.flatMap((issue: Issue | StandardSchemaV1.Issue) => tryTo(() => pathOf(issue)) ?? []);
}

function pathOf({ path }: Issue | StandardSchemaV1.Issue): string {
  return typeof path === 'string' ? path : dotted(path ?? []);
}

function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function toVerdict(result: StandardSchemaV1.Result<unknown>): DataVerdict {
  if (result.issues === undefined) return { data: result.value };
  return { issues: result.issues.map(({ path, message }) => ({ path: dotted(['data', ...(path ?? [])]), message })) };
}

function dotted(path: NonNullable<StandardSchemaV1.Issue['path']>): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
