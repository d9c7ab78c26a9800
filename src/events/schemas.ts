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

/** Why an event was refused. The message is for the developer at hand: it holds what the schema says, which may quote values. */
export class SchemaMismatch extends Error {
  constructor(readonly issues: readonly Issue[]) {
    super(describeIssues(issues));
  }
}

/** Issues in one line, paths and messages only. */
export function describeIssues(issues: readonly Issue[]): string {
  return issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
}

function toVerdict(result: StandardSchemaV1.Result<unknown>): DataVerdict {
  if (result.issues === undefined) return { data: result.value };
  return { issues: result.issues.map(({ path, message }) => ({ path: pathText(path), message })) };
}

function pathText(path: StandardSchemaV1.Issue['path']): string {
  const keys = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return ['data', ...keys].join('.');
}
