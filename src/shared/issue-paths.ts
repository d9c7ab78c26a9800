import type { StandardSchemaV1 } from '@standard-schema/spec';

interface Issue {
  readonly path?: string | StandardSchemaV1.Issue['path'];
}

/**
 * Returns the paths of the issues in the error of a schema: ours, or one that a schema library threw. Returns undefined
 * for any other error.
 */
export function issuePaths(error: unknown): readonly string[] | undefined {
  try {
    const { issues } = Object(error) as { readonly issues?: unknown };
    return Array.isArray(issues) ? issues.map(pathOf) : undefined;
  } catch {
    return []; // an unreadable error may be a schema's, so its message must be withheld too
  }
}

function pathOf({ path }: Issue): string {
  return typeof path === 'string' ? path : dotted(path ?? []);
}

/** Joins a path to one text, such as `data.email`. */
export function dotted(path: NonNullable<StandardSchemaV1.Issue['path']>): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
