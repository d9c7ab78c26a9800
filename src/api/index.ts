export { type Applied, type ApplyOptions, applyPlan } from './apply.js';
export { CakemailApi, type CakemailApiOptions } from './client.js';
export { type WriteKeysOptions, writeKeys } from './env-file.js';
export { CakemailApiError } from './errors.js';
export { type CakemailKeys, type CakemailKeysOptions, cakemailKeys } from './keys.js';
export { type Plan, planWebhooks, type Step, type Wanted } from './plan.js';
export { type Rotated, type RotateOptions, type RotationStage, rotateWebhook } from './rotate.js';
export type { RateLimit, ShownWebhook, Webhook } from './schemas.js';
export { type Cancellable, type NewWebhook, sameUrl, type WebhookChanges, type Webhooks } from './webhooks.js';
