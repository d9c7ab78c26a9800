import type { Outcome } from './delivery/outcome.js';
import type { RouterInbox } from './delivery/stored-delivery.js';
import type { Hooks, ReceivedRequest } from './instrumentation/hooks.js';
import type { KeyRing } from './signature/key-ring.js';

/** What the package's own tools, such as the inspector, may do with a router beyond its public members. */
export interface RouterInternals {
  readonly hooks: Hooks;
  readonly inbox: RouterInbox | undefined;
  readonly signatureHeaders: readonly string[];
  /** Loads the keys. Rejects when there are none. */
  loadKeys(): Promise<KeyRing>;
  /** Runs the handlers of a delivery once more, although they may have succeeded before. Never rejects. */
  rerun(request: ReceivedRequest): Promise<Outcome>;
}

/** Registered with the runtime, because a program may load this package twice: as ES module and as CommonJS. */
const INTERNALS = Symbol.for('cakemail-webhooks.internals');

/** Attaches its internals to a router. */
export function setInternals(router: object, internals: RouterInternals): void {
  Object.defineProperty(router, INTERNALS, { value: internals });
}

/** The internals of a router; undefined for anything else. */
export function internalsOf(router: unknown): RouterInternals | undefined {
  return (router as { readonly [INTERNALS]?: RouterInternals } | undefined)?.[INTERNALS];
}
