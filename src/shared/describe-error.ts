import { type ErrorSummary, isError, readText } from './error-text.js';
import { HandlerError } from './errors.js';
import { issuePaths } from './issue-paths.js';

/** Describes a failure in one line of at most 1,000 characters. For a HandlerError it joins the handlers' own messages. */
export function describeError(error: Error | ErrorSummary): string {
  return causesOf(error).map(messageWithoutValues).join('; ').slice(0, 1000);
}

function causesOf(error: Error | ErrorSummary): readonly (Error | ErrorSummary)[] {
  if (error instanceof HandlerError) return error.errors;
  // The message of a schema's rejection already names the paths of its issues.
  return isError(error) && isError(error.cause) && issuePaths(error.cause) === undefined
    ? [error, error.cause]
    : [error];
}

/** Gives only the paths of a schema's issues, because its message may quote the payload. */
function messageWithoutValues(error: Error | ErrorSummary): string {
  const paths = issuePaths(error);
  return paths === undefined ? readText(error, 'message') : `${readText(error, 'name')}: ${paths.join(', ')}`;
}
