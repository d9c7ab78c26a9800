import type { LifecycleNotices, WebhookRouter } from '../../src/index.js';

// Ways to wait for something instead of sleeping.

/** A promise, and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Resolves with the next notice of this name. */
export function next<N extends keyof LifecycleNotices>(webhooks: WebhookRouter, name: N): Promise<LifecycleNotices[N]> {
  return new Promise((resolve) => webhooks.lifecycle.once(name, resolve as never));
}
