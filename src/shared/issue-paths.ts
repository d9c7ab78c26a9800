import type { StandardSchemaV1 } from '@standard-schema/spec';

interface Issue {
  readonly path?: string | StandardSchemaV1.Issue['path'];
}

/**
 * The paths of a schema's issues, when the error is a schema's: ours, or one that a schema library threw. Otherwise
 * undefined. Errors may hold anything, so an issue that cannot be read has no path.
 */
export function issuePaths(error: unknown): readonly string[] | undefined {
  const issues = tryTo(() => (error as { readonly issues?: unknown }).issues);
  if (!Array.isArray(issues)) return undefined;
  return issues.flatMap((issue: Issue) => tryTo(() => pathOf(issue)) ?? []);
}

function pathOf({ path }: Issue): string {
  return typeof path === 'string' ? path : dotted(path ?? []);
}

function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A path in one text: `data.email`. */
export function dotted(path: NonNullable<StandardSchemaV1.Issue['path']>): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
