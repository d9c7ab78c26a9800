import type { Outcome } from './delivery/outcome.js';
import type { RouterInbox } from './delivery/stored-delivery.js';
import type { Hooks, ReceivedRequest } from './instrumentation/hooks.js';
import type { KeyRing } from './signature/key-ring.js';

/** The members of a router for the package's own tools, such as the inspector. */
export interface RouterInternals {
  readonly hooks: Hooks;
  readonly inbox: RouterInbox | undefined;
  readonly signatureHeaders: readonly string[];
  /** Loads the keys. Rejects when there are none. */
  loadKeys(): Promise<KeyRing>;
  /** Runs the handlers of a request once more, although they may have succeeded before. Never rejects. */
  rerun(request: ReceivedRequest): Promise<Outcome>;
}

/** A registered symbol, because a program may load this package twice: as an ES module and as CommonJS. */
const INTERNALS = Symbol.for('cakemail-webhooks.internals');

export function setInternals(router: object, internals: RouterInternals): void {
  Object.defineProperty(router, INTERNALS, { value: internals });
}

/** Returns the internals of a router, or undefined for any other value. */
export function internalsOf(router: unknown): RouterInternals | undefined {
  return (router as { readonly [INTERNALS]?: RouterInternals } | undefined)?.[INTERNALS];
}
