/** Thrown when the arguments or the environment of a command are not valid. */
export class UsageError extends Error {}
